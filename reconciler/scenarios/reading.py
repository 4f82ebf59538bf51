"""Scenario files → Scenarios with places; every problem of every file at once, as file:line:column."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.border import not_names, validated
from reconciler.desired import read_desired
from reconciler.diagnostics import SpecError, error
from reconciler.documents import Document
from reconciler.kinds import KINDS
from reconciler.kinds.fields import NONE, FreeText, Name, Object, Spec
from reconciler.model import Place
from reconciler.nodes import Entry, Failed, Mapping, Scalar, Sequence
from reconciler.scenarios.scenario import Scenario
from reconciler.scenarios.steps import read_step
from reconciler.workflow import Specs, read_specs
from reconciler.yaml_nodes import read

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from reconciler.diagnostics import Diagnostic
    from reconciler.nodes import Node
    from reconciler.scenarios.scenario import Step
    from reconciler.variables import Inputs

_READ_ELSEWHERE = ("given", "steps")
_GIVEN = "given"
"""The name of the stack that a scenario describes itself."""


class ScenarioSpec(Spec):
    """The head of a scenario file."""

    scenario: FreeText
    """What it is about, in a line."""
    stack: Name = NONE
    """The stack that it is played on, a path from the folder of this file; left out, the one beside it."""
    environment: Name = NONE
    """The environment of the stack."""
    variables: Object = NONE
    """Values of the stack's variables; `--var` goes before them."""
    conversation: Name = NONE
    """The conversation that bare names mean (`customer`); others are `order-1042/customer`."""


def read_scenarios(files: Iterable[Path], stack: Path | None) -> tuple[Scenario, ...]:
    """Read scenario files; `stack` is played on where a file names none.

    Raises SpecError with all problems of all files.
    """
    problems: list[Diagnostic] = []
    sources: dict[str, tuple[str, ...]] = {}
    found = [_read_file(path, stack, problems, sources) for path in files]
    if problems:
        raise SpecError(sorted(problems, key=lambda one: one.place or Place("", 0, 0)), sources)
    return tuple(one for one in found if one is not None)


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


def _read_file(
    path: Path, stack: Path | None, problems: list[Diagnostic], sources: dict[str, tuple[str, ...]]
) -> Scenario | None:
    parsed = read(path, str(path))
    sources[str(path)] = parsed.lines
    problems += parsed.problems
    if not isinstance(parsed.root, Mapping):
        if not parsed.problems:
            problems.append(_no_scenario(path))
        return None
    return _scenario(path, parsed.root, parsed.lines, stack, problems)


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
    steps = _steps(root, place, problems)
    if spec is None or len(problems) > before:
        return None
    return Scenario(
        title=spec.scenario or path.stem,
        place=place,
        lines=lines,
        stack=(path.parent / spec.stack) if spec.stack else stack,
        given=given,
        folder=path.parent,
        environment=spec.environment or "",
        variables=tuple((name, _as_flag(value)) for name, value in (spec.variables or {}).items()),
        conversation=spec.conversation or "",
        steps=steps,
    )


def _as_flag(value: object) -> str:
    """Return a variable's value as `--var` takes it."""
    import json

    return value if isinstance(value, str) else json.dumps(value)


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


def _steps(root: Mapping, place: Place, problems: list[Diagnostic]) -> tuple[Step, ...]:
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
    return tuple(step for step in found if step is not None)


def _at(node: Node, place: Place) -> Place:
    return place if isinstance(node, Scalar) and not node.text else node.place
