"""What the pages say is true: commands exist, the reference is what the kinds say, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

from reconciler.cli import cli, run
from reconciler.cli.emulator import DEFAULT, Emulator
from reconciler.diagnostics import ExitCode
from reconciler.kinds import KINDS
from reconciler.render.reference import reference, scenario_reference
from reconciler.scenarios.steps import ALONE, VERBS
from reconciler.variables import Inputs
from reconciler.workflow import read_specs

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for pattern in ("*.md", "*/*.md", "*/*/*.md")
    for path in ROOT.glob(pattern)
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
_BEGIN = re.compile(r"(<!-- reference: [^>]*-->\n).*?(<!-- reference end -->)", re.DOTALL)


def test_the_reference_is_what_the_kinds_say(pytestconfig: pytest.Config) -> None:
    """Every field of every kind stands in specs/README.md, as its model has it."""
    page = ROOT / "specs" / "README.md"
    text = page.read_text(encoding="utf-8")
    wanted = _BEGIN.sub(lambda match: f"{match[1]}\n{reference(KINDS)}\n{match[2]}", text)
    if pytestconfig.getoption("--update-golden"):
        page.write_text(wanted, encoding="utf-8")

    assert page.read_text(encoding="utf-8") == wanted
    assert all(f"`{name}`" in wanted for kind in KINDS if kind.spec for name in kind.spec.model_fields)


_STEPS = re.compile(r"(<!-- steps: [^>]*-->\n).*?(<!-- steps end -->)", re.DOTALL)


def test_the_reference_of_scenarios_is_what_the_verbs_say(pytestconfig: pytest.Config) -> None:
    """Every verb with its fields stands in specs/README.md."""
    page = ROOT / "specs" / "README.md"
    text = page.read_text(encoding="utf-8")
    wanted = _STEPS.sub(lambda match: f"{match[1]}\n{scenario_reference()}\n{match[2]}", text)
    if pytestconfig.getoption("--update-golden"):
        page.write_text(wanted, encoding="utf-8")

    assert page.read_text(encoding="utf-8") == wanted
    assert [name for name in (*VERBS, *ALONE) if name not in wanted] == []


def commands_in(page: Path) -> list[list[str]]:
    """Return the reconciler commands that stand in a page's code blocks and code spans."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    spans = re.findall(r"`(reconciler [^`]+)`", text)
    found = [part.strip() for line in lines for part in line.split("&&")] + spans
    words = [shlex.split(part, comments=True) for part in found]
    return [one[1:] for one in words if one and one[0].endswith("reconciler") and len(one) > 1]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_the_pages_exist(page: Path) -> None:
    """Every command that a page shows is one the command line takes, options included."""
    unknown = [words for words in commands_in(page) if words[0] not in cli.commands]
    wrong = [
        words
        for words in commands_in(page)
        if words[0] in cli.commands and not takes(cli.commands[words[0]], words)
    ]

    assert unknown == []
    assert wrong == []


def takes(command: click.Command, words: list[str]) -> bool:
    """Whether a command line, from the command's own name on, has only options that it takes."""
    words = words[: words.index("--")] if "--" in words else words
    if isinstance(command, click.Group) and words[1:] and words[1] in command.commands:
        return takes(command.commands[words[1]], words[1:])
    if isinstance(command, Emulator) and words[1:]:
        return takes(command.commands[DEFAULT], words)
    options = {name for parameter in command.params for name in parameter.opts}
    return all(word in options for word in words if word.startswith("-"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link in a page names a file that is there."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))

    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_exit_code_is_documented() -> None:
    """The README has a row for each."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [code for code in ExitCode if f"| {code.value} |" not in text] == []


def test_every_command_is_in_the_tour() -> None:
    """What the tool can do stands in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [name for name in cli.commands if f"reconciler {name}" not in text] == []


def yaml_blocks() -> list[tuple[str, str]]:
    """Return the YAML examples of the pages that are whole stacks, or can be made one."""
    found = []
    for page in PAGES:
        for n, block in enumerate(
            re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        ):
            found.append((f"{page.relative_to(ROOT)}#{n}", block))
    return found


def check_scenario(block: str, folder: Path) -> None:
    """Play an example of a scenario on the stack of this repository."""
    stack = shutil.copytree(ROOT / "specs", folder / "specs")
    path = stack / "scenarios" / "one.yaml"
    path.write_text(block, encoding="utf-8")

    assert run(["test", str(path)]) == ExitCode.FINE


@pytest.mark.parametrize(("name", "block"), yaml_blocks(), ids=[name for name, _ in yaml_blocks()])
def test_yaml_in_the_pages_is_valid(name: str, block: str, tmp_path: Path) -> None:
    """Every example validates, with a frame around it where it shows a part."""
    if block.startswith("scenario:"):
        check_scenario(block, tmp_path)
        return
    has_frame = re.search(r"^stack:", block, re.MULTILINE)
    text = block if has_frame else "stack: {name: example}\n" + block
    if "${var.wa}" in text and "variables:" not in text:
        text += "variables: {wa: {type: phone, default: +15550100200}}\n"
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
    environment = "prod" if "environments:" in text else ""
    specs = read_specs(
        tmp_path, Inputs(flags=(("token", "x"),) if "token:" in text else (), environment=environment)
    )

    assert specs.warnings == (), name


def test_the_changelog_has_a_place_for_what_is_new() -> None:
    """Users find what changed under the version they run, or under Unreleased."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "## Unreleased" in text
