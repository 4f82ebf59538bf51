"""A path as typed → the scenario files that are meant, and the stack they are played on.

`specs` means `specs/scenarios/`, and so does a stack file in it; one scenario file means itself. A scenario
in a folder `scenarios` is played on the stack above that; what lies elsewhere has to say on what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.diagnostics import ReconcilerError
from reconciler.nodes import Mapping
from reconciler.yaml_nodes import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from reconciler.nodes import Entry, Node

FOLDER = "scenarios"
_FILES = "*.yaml"


def find_scenarios(path: Path) -> tuple[tuple[Path, ...], Path | None]:
    """Return the scenario files that `path` means, and the stack of those that name none; None for no stack.

    Raises ReconcilerError where there is none.
    """
    if not path.exists():
        raise ReconcilerError(f"{path} does not exist", "Give the folder of a stack, or a scenario file.")
    stack: Path | None
    folder, above = path if path.is_dir() else path.parent, _above(path)
    if path.is_file() and (above or not _is_of_stack(path)):
        return (path,), above
    if above:
        found, stack = _visible(folder.rglob(_FILES)), above
    elif path.is_file() or (folder / FOLDER).is_dir():
        found, stack = _visible((folder / FOLDER).rglob(_FILES)), path
    else:
        found, stack = [one for one in _visible(folder.glob(_FILES)) if not _is_of_stack(one)], None
    if not found:
        raise ReconcilerError(f"{path} has no scenarios", _how(folder))
    return tuple(found), stack


def _how(folder: Path) -> str:
    first = (folder if folder.name == FOLDER else folder / FOLDER) / "first.yaml"
    above = folder.parent if folder.name == FOLDER else folder
    lines = ["scenario: They can talk", *_first_steps(_conversations(above))]
    return "\n".join([f"Write one, {first}:", *lines])


def _conversations(folder: Path) -> dict[str, list[str]]:
    """Return who has a handset in the conversations of a stack, by key, for all that can be read of it."""
    found = {}
    for path in _visible(folder.glob(_FILES)):
        root = read(path, str(path)).root
        for entry in _entries(root, "conversations"):
            people = _entries(entry.value, "participants")
            found[entry.key.text] = [one.key.text for one in people if _entries(one.value, "address")]
    return found


def _entries(node: Node | None, name: str) -> tuple[Entry, ...]:
    """Return what stands in a map under a name, which is itself where it is no map."""
    entry = node.entry(name) if isinstance(node, Mapping) else None
    if entry is None:
        return ()
    return entry.value.entries if isinstance(entry.value, Mapping) else (entry,)


def _first_steps(conversations: dict[str, list[str]]) -> Iterator[str]:
    """Yield a talk between people of the stack: who has written can be written to, on every channel."""
    name = next((name for name, people in conversations.items() if people), "")
    people = conversations[name] if name else ["customer"]
    if len(conversations) > 1 and name:
        yield f"conversation: {name}"
    answer = f"{people[1]} says" if len(people) > 1 else "system posts"
    yield from ("steps:", f"  - {people[0]} says: Hello", f"  - {answer}: Hi", f"  - {people[0]} sees: Hi")


def _above(path: Path) -> Path | None:
    """Return the stack's folder where a path is, or is in, the folder `scenarios` of a stack; else None."""
    for typed in (path, path.resolve()):
        for one in (typed, *typed.parents):
            if one.name == FOLDER and any(map(_may_frame, _visible(one.parent.glob(_FILES)))):
                return one.parent
    return None


def _may_frame(path: Path) -> bool:
    """Whether a file makes its folder one of a stack, for all that can be read of it."""
    root = read(path, str(path)).root
    return not isinstance(root, Mapping) or root.entry("stack") is not None


def _visible(paths: Iterable[Path]) -> list[Path]:
    """Return files in the order of their names; what begins with a dot is what editors leave behind."""
    return sorted(path for path in paths if not path.name.startswith(".") and path.is_file())


def _is_of_stack(path: Path) -> bool:
    """Whether a file reads as a part of a stack; what cannot be read has mistakes of its own to tell."""
    root = read(path, str(path)).root
    return isinstance(root, Mapping) and not any(root.entry(name) for name in ("scenario", "steps"))
