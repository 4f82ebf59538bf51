"""Outcomes of scenarios → lines for people, JSON, and JUnit XML for what shows tests in a pipeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from reconciler.render.numbers import require_masked
from reconciler.render.outline import plural
from reconciler.render.problems import problem
from reconciler.render.text import Line, Tone
from reconciler.render.visible import visible, written_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.diagnostics import Diagnostic, ReconcilerError
    from reconciler.render.numbers import Numbers
    from reconciler.scenarios import Outcome


def outcome_lines(one: Outcome, numbers: Numbers) -> Iterator[Line]:
    """Yield the line of one scenario, and what was not as expected."""
    title = visible(numbers.mask(one.scenario.title))
    where = visible(numbers.mask(one.scenario.file))
    if one.passed:
        yield Line(f"ok      {where}: {title} ({plural(one.played, 'step')})", Tone.CREATE)
        return
    yield Line(f"FAILED  {where}: {title} ({one.played} of {_steps(one)} passed)", Tone.ERROR)
    for found in one.problems:
        yield from (Line(f"  {line}".rstrip()) for line in _told(found, one, numbers).splitlines())
        yield Line("")


def _steps(one: Outcome) -> str:
    return plural(len(one.scenario.steps), "step")


def _told(found: Diagnostic, one: Outcome, numbers: Numbers) -> str:
    return problem(found, {one.scenario.file: one.scenario.lines}, numbers)


def summary_line(outcomes: Sequence[Outcome]) -> Line:
    """Return how many passed and failed."""
    failed = sum(not one.passed for one in outcomes)
    passed = len(outcomes) - failed
    seconds = sum(one.seconds for one in outcomes)
    tail = f", {failed} failed" if failed else ""
    text = f"{plural(len(outcomes), 'scenario')}: {passed} passed{tail}, in {seconds:.1f} s."
    return Line(text, Tone.ERROR if failed else Tone.TITLE)


def outcomes_json(outcomes: Sequence[Outcome], numbers: Numbers) -> str:
    """Return ``{"format_version", "passed", "failed", "scenarios": [SCENARIO]}``.

    SCENARIO: ``{"title", "file", "passed", "steps", "played", "seconds", "problems": [{"summary", "detail",
    "file", "line", "column"}]}``.
    """
    require_masked(numbers, "json")
    failed = sum(not one.passed for one in outcomes)
    data = {
        "format_version": "1.0",
        "passed": len(outcomes) - failed,
        "failed": failed,
        "scenarios": [_data(one, numbers) for one in outcomes],
    }
    return json.dumps(data, indent=2, sort_keys=True)


def _data(one: Outcome, numbers: Numbers) -> dict[str, Any]:
    return {
        "title": numbers.mask(one.scenario.title),
        "file": numbers.mask(one.scenario.file),
        "passed": one.passed,
        "steps": len(one.scenario.steps),
        "played": one.played,
        "seconds": round(one.seconds, 3),
        "problems": [_problem_data(found, numbers) for found in one.problems],
    }


def _problem_data(found: Diagnostic, numbers: Numbers) -> dict[str, Any]:
    return {
        "summary": numbers.mask(found.summary),
        "detail": numbers.mask(found.detail),
        "file": numbers.mask(found.place.file) if found.place else None,
        "line": found.place.line if found.place else None,
        "column": found.place.column if found.place else None,
    }


def outcomes_junit(outcomes: Sequence[Outcome], numbers: Numbers) -> str:
    """Return the outcomes as JUnit XML: a test case for each scenario, a failure with what was seen."""
    require_masked(numbers, "JUnit XML")
    failed = sum(not one.passed for one in outcomes)
    suite = _suite(len(outcomes), failures=failed, seconds=sum(one.seconds for one in outcomes))
    for one in outcomes:
        case = _case(suite, one.scenario.title, one.scenario.file, one.seconds, numbers)
        if not one.passed:
            told = "\n".join(_told(found, one, numbers) for found in one.problems)
            _mark(case, "failure", one.problems[0].summary, told, numbers)
    return _document(suite)


def mistakes_junit(fault: ReconcilerError, path: str, numbers: Numbers) -> str:
    """Return why nothing of `path` can be played as JUnit XML: a test case for each mistake, in error."""
    require_masked(numbers, "JUnit XML")
    suite = _suite(len(fault.diagnostics), errors=len(fault.diagnostics))
    for found in fault.diagnostics:
        case = _case(suite, found.summary, found.place.file if found.place else path, 0.0, numbers)
        _mark(case, "error", found.summary, problem(found, fault.sources, numbers), numbers)
    return _document(suite)


def _suite(tests: int, *, failures: int = 0, errors: int = 0, seconds: float = 0.0) -> ET.Element:
    counts = {"tests": tests, "errors": errors, "skipped": 0, "failures": failures}
    about = {"name": "reconciler test", **{name: str(count) for name, count in counts.items()}}
    return ET.Element("testsuite", {**about, "time": f"{seconds:.3f}"})


def _case(suite: ET.Element, title: str, file: str, seconds: float, numbers: Numbers) -> ET.Element:
    place = {"classname": _xml(file, numbers), "file": _xml(file, numbers)}
    return ET.SubElement(suite, "testcase", {"name": _xml(title, numbers), "time": f"{seconds:.3f}", **place})


def _mark(case: ET.Element, name: str, summary: str, told: str, numbers: Numbers) -> None:
    element = ET.SubElement(case, name, {"message": _xml(summary, numbers)})
    element.text = _xml(told, numbers, kept="\n")


def _document(suite: ET.Element) -> str:
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _xml(text: str, numbers: Numbers, kept: str = "") -> str:
    """Return text that XML can hold: masked, and what does not print as an escape."""
    masked = numbers.mask(text)
    return "".join(char if char.isprintable() or char in kept else written_out(char) for char in masked)
