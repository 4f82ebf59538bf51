"""Scenario files → Scenarios with places; every problem of every file at once, as file:line:column."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.border import not_names, validated
from reconciler.desired import read_desired
from reconciler.diagnostics import SpecError, error
from reconciler.documents import Document
from reconciler.kinds import KINDS
from reconciler.kinds.fields import NONE, FreeText, Name, Object, Spec
from reconciler.model import Place
from reconciler.nodes import Entry, Failed, Mapping, Scalar, Sequence
from reconciler.scenarios.cast import Cast, check_names
from reconciler.scenarios.finding import FOLDER
from reconciler.scenarios.scenario import Scenario
from reconciler.scenarios.steps import as_text, read_step
from reconciler.variables import concealed_unread
from reconciler.workflow import Specs, read_specs
from reconciler.yaml_nodes import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.diagnostics import Diagnostic
    from reconciler.nodes import Node
    from reconciler.scenarios.scenario import Beat
    from reconciler.variables import Inputs

_READ_ELSEWHERE = ("given", "steps")
_GIVEN = "given"
"""The name of the stack that a scenario describes itself."""


class ScenarioSpec(Spec):
    """The head of a scenario file."""

    scenario: FreeText
    """What it is about, in a line."""
    stack: Name = NONE
    """The stack it is played on, a path from this file's folder; left out, the one above `scenarios`."""
    environment: Name = NONE
    """The environment of the stack."""
    variables: Object = NONE
    """Values of the stack's variables; `--var` goes before them."""
    conversation: Name = NONE
    """The conversation that bare names mean (`customer`); others are `order-1042/customer`."""


@dataclass(slots=True)
class _Reading:
    problems: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def finish(self) -> None:
        """Raise SpecError with every problem, each once, in the order of their places."""
        if self.problems:
            found = sorted(dict.fromkeys(self.problems), key=lambda one: one.place or Place("", 0, 0))
            raise SpecError(found, concealed_unread(self.sources))


def read_scenarios(files: Iterable[Path], stack: Path | None) -> tuple[Scenario, ...]:
    """Read scenario files; `stack` is played on where a file names none.

    Raises SpecError with all problems of all files.
    """
    reading = _Reading()
    found = _read_all(files, stack, reading)
    reading.finish()
    return tuple(found)


def read_plays(files: Iterable[Path], stack: Path | None, inputs: Inputs) -> list[tuple[Scenario, Specs]]:
    """Read scenario files and what each is played on, and check the names in them.

    Raises SpecError with all problems of all files, those of their stacks among them.
    """
    reading, plays = _Reading(), []
    for scenario in _read_all(files, stack, reading):
        try:
            specs = specs_of(scenario, inputs)
        except SpecError as fault:
            reading.problems += fault.diagnostics
            reading.sources |= fault.sources
            continue
        cast = Cast(specs.stack.desired.resources, specs.stack.senders, scenario.conversation)
        reading.problems += check_names(scenario, cast)
        plays.append((scenario, specs))
    reading.finish()
    return plays


def _read_all(files: Iterable[Path], stack: Path | None, reading: _Reading) -> list[Scenario]:
    found = (_read_file(path, stack, reading) for path in files)
    return [one for one in found if one is not None]


def specs_of(scenario: Scenario, inputs: Inputs) -> Specs:
    """Read what a scenario is played on. Raises SpecError with every problem."""
    if scenario.given is None and scenario.stack is not None:
        environment = inputs.environment or scenario.environment
        flags = (*scenario.variables, *inputs.flags)
        return read_specs(scenario.stack, replace(inputs, environment=environment, flags=flags))
    root = _framed(scenario.given or Mapping((), scenario.place), scenario.place)
    document = Document(root, {scenario.file: scenario.lines}, scenario.folder, ())
    # What is typed beside the path is meant for the stack that lies there.
    stack, warnings = read_desired(document, KINDS, replace(inputs, environment="", flags=(), files=()))
    return Specs(stack, warnings, document.sources, scenario.folder, 1)


def _framed(given: Mapping, place: Place) -> Mapping:
    """Return the blocks of a scenario's own as a stack; its name is ours."""
    if given.entry("stack") is not None:
        return given

    def word(text: str) -> Scalar:
        return Scalar(text, plain=True, place=place)

    frame = Mapping((Entry(word("name"), word(_GIVEN)),), place)
    return Mapping((Entry(word("stack"), frame), *given.entries), given.place)


def _read_file(path: Path, stack: Path | None, reading: _Reading) -> Scenario | None:
    if not _is_inside(path, _home(path, stack)):
        reading.problems.append(_outside(path, Place(str(path), 1, 1)))
        return None
    parsed = read(path, str(path))
    reading.sources[str(path)] = parsed.lines
    reading.problems += parsed.problems
    if not isinstance(parsed.root, Mapping):
        if not parsed.problems:
            reading.problems.append(_no_scenario(path))
        return None
    found = _scenario(path, parsed.root, parsed.lines, stack, reading.problems)
    return None if parsed.problems else found


def _home(path: Path, stack: Path | None) -> Path:
    """Return the folder that nothing of a scenario may lead out of: the stack's, else its own.

    Of a folder `scenarios` that belongs to no stack it is the one above, where stacks may lie beside it.
    """
    if stack is not None:
        return stack if stack.is_dir() else stack.parent
    above = (one.parent for one in path.absolute().parents if one.name == FOLDER)
    return next(above, path.parent)


def _is_inside(path: Path, home: Path) -> bool:
    """Tell whether a path stays in a folder, links resolved: lines of what it leads to may be quoted."""
    try:
        return path.resolve().is_relative_to(home.resolve())
    except (OSError, RuntimeError, ValueError):
        return False


def _outside(path: Path, place: Place) -> Diagnostic:
    detail = "What a scenario is made of lies in the folder that holds `scenarios`: copy it there."
    return error(f"{path} leads out of the stack's folder", detail, place=place)


def _stack_of(path: Path, root: Mapping, name: str, stack: Path | None, problems: list[Diagnostic]) -> Path:
    """Return the stack that a scenario names, with a problem noted where it may not."""
    found, entry = path.parent / name, root.entry("stack")
    if Path(name).is_absolute() or not _is_inside(found, _home(path, stack)):
        problems.append(_outside(Path(name), entry.value.place if entry else Place(str(path), 1, 1)))
    return found


def _no_scenario(path: Path) -> Diagnostic:
    detail = "It begins with a title and has steps:\nscenario: …\nsteps:\n  - customer says: Hello"
    return error("this is no scenario", detail, place=Place(str(path), 1, 1))


def _scenario(
    path: Path, root: Mapping, lines: tuple[str, ...], stack: Path | None, problems: list[Diagnostic]
) -> Scenario | None:
    place = Place(str(path), 1, 1)
    head = tuple(e for e in root if e.key.text not in _READ_ELSEWHERE and not e.key.text.startswith("x-"))
    before = len(problems)
    spec = validated(problems, ScenarioSpec, Mapping(head, root.place), place, _READ_ELSEWHERE)
    given = _given(root, problems)
    on = _stack_of(path, root, spec.stack, stack, problems) if spec and spec.stack else stack
    is_head_right = spec is not None and len(problems) == before
    steps = _steps(root, place, problems)
    if is_head_right and len(problems) == before and given is None and on is None:
        problems.append(_nowhere(path, place))
    if spec is None or not is_head_right or (given is None and on is None):
        return None
    at = root.get("conversation")
    return Scenario(
        title=spec.scenario or path.stem,
        place=place,
        lines=lines,
        stack=on,
        given=given,
        folder=path.parent,
        environment=spec.environment or "",
        variables=tuple((name, as_text(value)) for name, value in (spec.variables or {}).items()),
        conversation=spec.conversation or "",
        conversation_at=at.place if at else place,
        steps=steps,
    )


def _nowhere(path: Path, place: Place) -> Diagnostic:
    detail = (
        f"Move it into the folder `scenarios` of a stack, as {path.parent / 'scenarios' / path.name},\n"
        "or name the stack's folder (`stack: ../other`), or describe one (`given:`)."
    )
    return error("nothing says on which stack this is played", detail, place=place)


def _given(root: Mapping, problems: list[Diagnostic]) -> Mapping | None:
    """Return the specs that a scenario brings along, None where it is played on a stack."""
    entry = root.entry(_GIVEN)
    if entry is None or isinstance(entry.value, Failed):
        return None
    if not isinstance(entry.value, Mapping):
        problems.append(not_names(_GIVEN, entry.value, entry.key.place))
        return None
    also = next((e.key for e in root if e.key.text in ("stack", "environment", "variables")), None)
    if also is not None:
        detail = "`given:` is a stack of the scenario's own: keep one of the two."
        problems.append(error(f"`given` and `{also.text}` exclude each other", detail, place=also.place))
    return entry.value


def _steps(root: Mapping, place: Place, problems: list[Diagnostic]) -> tuple[Beat, ...]:
    entry = root.entry("steps")
    if entry is None:
        problems.append(error("there are no steps:", "Write steps:\n  - customer says: Hello", place=place))
        return ()
    if isinstance(entry.value, Failed):
        return ()
    if not isinstance(entry.value, Sequence) or not entry.value.items:
        detail = "Write each below it, behind a dash:\nsteps:\n  - customer says: Hello"
        problems.append(error("steps is a list of steps", detail, place=_at(entry.value, entry.key.place)))
        return ()
    found = [read_step(item, problems) for item in entry.value]
    return tuple(beat for beat in found if beat is not None)


def _at(node: Node, place: Place) -> Place:
    return place if isinstance(node, Scalar) and not node.text else node.place
