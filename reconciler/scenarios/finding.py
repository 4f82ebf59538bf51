"""A path as typed → the scenario files that are meant, and the stack they are played on.

`specs` means `specs/scenarios/`, and so does a stack file in it; one scenario file means itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.diagnostics import ReconcilerError
from reconciler.nodes import Mapping
from reconciler.yaml_nodes import read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDER = "scenarios"


def find_scenarios(path: Path) -> tuple[tuple[Path, ...], Path]:
    """Return the scenario files that `path` means and the stack of those that name none.

    Raises ReconcilerError where there is none.
    """
    if not path.exists():
        raise ReconcilerError(f"{path} does not exist", "Give the folder of a stack, or a scenario file.")
    if path.is_file():
        found, stack = ([path], _beside(path)) if _is_scenario(path) else (_in(path.parent / FOLDER), path)
    elif (path / FOLDER).is_dir():
        found, stack = _in(path / FOLDER), path
    else:
        found = [one for one in _in(path) if path.name == FOLDER or _is_scenario(one)]
        stack = path.parent if path.name == FOLDER else path
    if not found:
        raise ReconcilerError(f"{path} has no scenarios", _how(path if path.is_dir() else path.parent))
    return tuple(found), stack


def _how(folder: Path) -> str:
    first = folder / FOLDER / "first.yaml"
    return f"Write one, {first}:\nscenario: They can talk\nsteps:\n  - customer says: Hello"


def _beside(scenario: Path) -> Path:
    """Return the stack of a scenario file: in the folder above a folder `scenarios`, else in its own."""
    folder = scenario.parent
    return folder.parent if folder.resolve().name == FOLDER else folder


def _in(folder: Path) -> list[Path]:
    return _visible(folder.rglob("*.yaml")) if folder.name == FOLDER else _visible(folder.glob("*.yaml"))


def _visible(paths: Iterable[Path]) -> list[Path]:
    """Return files in the order of their names; what begins with a dot is what editors leave behind."""
    return sorted(path for path in paths if not path.name.startswith(".") and path.is_file())


def _is_scenario(path: Path) -> bool:
    root = read(path, str(path)).root
    return isinstance(root, Mapping) and any(root.entry(name) for name in ("scenario", "steps"))
