"""Golden cases: a spec and a live state, and exactly the plan that is expected, as text and as JSON.

A case is a folder `golden/NNN-slug` with `spec.yaml`, `live.yaml` (how the world came to be), `plan.txt` and
`plan.json`. `pytest --update-golden` writes the expectations anew; review reads the difference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from worlds import World, stack_of

from reconciler.render.json import plan_json
from reconciler.render.numbers import Numbers
from reconciler.render.problems import problems
from reconciler.render.text import plan_lines
from reconciler.variables import Inputs
from reconciler.workflow import read_specs

if TYPE_CHECKING:
    from reconciler.workflow import Planned

CASES = sorted(path for path in Path(__file__).with_name("golden").iterdir() if path.is_dir())


def bring_about(world: World, steps: list[dict[str, Any]]) -> None:
    """Carry out the steps of a live.yaml: stacks applied before, and calls that others made."""
    for step in steps:
        if "apply" in step:
            events = world.apply(stack_of(step["apply"]))
            assert not [event for event in events if event.kind in ("failed", "skipped")]
        else:
            (method, path), *_ = [(m, p) for m, p in step.items() if m in ("post", "delete")]
            form = [(n, v) for n, values in step.get("form", {}).items() for v in _as_list(values)]
            answer = world.call(method.upper(), _with_sids(world, path), form)
            assert "code" not in answer, answer


def _as_list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _with_sids(world: World, path: str) -> str:
    """Replace {participant address or identity} in a path by its sid."""
    if "{" not in path:
        return path
    before, _, rest = path.partition("{")
    wanted, _, after = rest.partition("}")
    rows = world.rows(before.rstrip("/"))
    return before + next(str(row["sid"]) for row in rows if wanted in json.dumps(row)) + after


def text_of(planned: Planned, sources: Any) -> str:
    """Return a plan as the command shows it, diagnostics first."""
    told = problems(planned.plan.diagnostics, sources, Numbers(None))
    return (
        "\n".join([*([told] if told else []), *(line.text for line in plan_lines(planned, Numbers(None)))])
        + "\n"
    )


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_plan_is_the_golden_one(
    case: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Specs and world give this plan, to the letter."""
    monkeypatch.chdir(case)
    world = World()
    bring_about(world, yaml.safe_load((case / "live.yaml").read_text(encoding="utf-8")) or [])
    specs = read_specs(Path("spec.yaml"), Inputs())
    planned = world.plan(specs.stack)
    text, data = text_of(planned, specs.sources), plan_json(planned, Numbers(b"golden")) + "\n"
    if pytestconfig.getoption("--update-golden"):
        (case / "plan.txt").write_text(text, encoding="utf-8")
        (case / "plan.json").write_text(data, encoding="utf-8")

    assert text == (case / "plan.txt").read_text(encoding="utf-8")
    assert data == (case / "plan.json").read_text(encoding="utf-8")
