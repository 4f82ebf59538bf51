"""The commands as a person types them: output, exit codes, and what happens at the mistakes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from worlds import World

from reconciler import emulator
from reconciler.cli import cli, run
from reconciler.emulator.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

SPECS = Path(__file__).parent.parent / "specs"


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Return a copy of the shipped specs, with no world beside them yet."""
    return Path(shutil.copytree(SPECS, tmp_path / "specs", ignore=shutil.ignore_patterns(".reconciler")))


def call(*words: object, expect: int = 0, capsys: pytest.CaptureFixture[str]) -> str:
    """Run one command in this process and return its output, both streams."""
    code = run([str(word) for word in words])
    told = capsys.readouterr()

    assert (code, told.out + told.err) == (expect, told.out + told.err)
    return told.out + told.err


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_tutorial_from_nothing_to_nothing(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Plan, apply, plan again, edit, apply, destroy, destroy --delete: one life of a stack."""
    told = call("plan", stack, "--local", "--detailed-exitcode", expect=2, capsys=capsys)
    assert "Plan: 10 to create." in told
    told = call("apply", stack, "--local", "--yes", capsys=capsys)
    assert "Done: 10 created." in told
    assert f"reconciler plan {stack} --local" in told
    told = call("plan", stack, "--local", "--detailed-exitcode", capsys=capsys)
    assert "Nothing to do: 10 resources are as the specs say." in told
    edit(stack / "two-whatsapp.yaml", "friendly_name: Order 1042", "friendly_name: Order 1042, late")
    edit(stack / "two-whatsapp.yaml", "+15550100303", "+15550100305")
    told = call("apply", stack, "--local", "--yes", capsys=capsys)
    assert "Done: 1 updated, 1 replaced." in told
    told = call("destroy", stack, "--local", "--yes", capsys=capsys)
    assert "Closed for good, transcript kept:" in told
    told = call("destroy", stack, "--local", "--yes", "--delete", capsys=capsys)
    assert "Done: 2 deleted." in told
    assert "there is nothing of this stack" in call("destroy", stack, "--local", "--yes", capsys=capsys)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "Usage: reconciler"),
        (("plna",), "No such command 'plna'. Did you mean 'plan'?"),
        (("plan",), "Missing argument 'PATH'."),
        (("plan", "x", "--loacl"), "No such option '--loacl'. (Did you mean one of: '--local', '--only'?)"),
        (("plan", "x", "--var", "novalue"), "'novalue' is no pair; write --var name=value"),
        (
            ("plan", "x", "--local", "--endpoint", "http://127.0.0.1:1"),
            "--local and --endpoint exclude each other",
        ),
        (("plan", "x", "--parallelism", "0"), "0 is not in the range"),
        (("validate", "nowhere"), "nowhere does not exist"),
    ],
)
def test_usage_mistakes_are_exit_code_1(
    words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Click's own 2 would say that changes are present."""
    assert expected in call(*words, expect=1, capsys=capsys)


def test_without_an_account_the_ways_out_are_named(
    stack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No credentials is the newcomer's first mistake."""
    monkeypatch.setenv("HOME", str(tmp_path))
    told = call("plan", stack, expect=1, capsys=capsys)

    assert "no Twilio credentials" in told
    assert "--local" in told
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    assert "half of the Twilio credentials is missing" in call("plan", stack, expect=1, capsys=capsys)


def test_an_endpoint_is_never_twilio_itself_nor_anything_odd(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--endpoint takes an emulator; the real Twilio needs no endpoint."""
    told = call("plan", stack, "--endpoint", "https://conversations.twilio.com", expect=1, capsys=capsys)
    assert "--endpoint is for an emulator" in told
    assert "is no endpoint" in call("plan", stack, "--endpoint", "ftp://x", expect=1, capsys=capsys)
    refused = call("plan", stack, "--endpoint", "http://127.0.0.1:9", expect=1, capsys=capsys)
    assert "cannot connect to 127.0.0.1:9: connection refused" in refused


def test_apply_asks_and_only_yes_goes_on(stack: Path) -> None:
    """Without a terminal there is nobody to ask, so nothing is written."""
    told = CliRunner().invoke(cli, ["apply", str(stack), "--local"], input="yes\n", standalone_mode=False)

    assert told.return_value == 1
    assert "consent with --yes" in told.output
    assert "Nothing was written." in told.output


def test_shared_outputs_show_no_number(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text in a pipe, markdown and JSON tag phone numbers; the tag is the same in each."""
    outputs = [
        call("plan", stack, "--local", "--format", form, capsys=capsys)
        for form in ("text", "markdown", "json")
    ]

    assert [re.findall(r"\+\d{7,}", output) for output in outputs] == [[], [], []]
    assert json.loads(outputs[2])["format_version"] == "1.0"
    assert outputs[1].startswith("<!-- reconciler:plan {")


def test_validate_speaks_json_and_markdown_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines get the same findings as people, with file, line and column."""
    (tmp_path / "stack.yaml").write_text("stack: {name: A}\n", encoding="utf-8")
    found = json.loads(call("validate", tmp_path, "--format", "json", expect=1, capsys=capsys))

    assert [(one["line"], one["column"], one["severity"]) for one in found["diagnostics"]] == [
        (1, 15, "error")
    ]
    assert "a stack's name" in call("validate", tmp_path, "--format", "markdown", expect=1, capsys=capsys)


def test_a_secret_is_shown_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in a plan, not in the quoted line of a problem, not in what apply says."""
    text = (
        "stack: {name: shop}\nvariables:\n  token: {sensitive: true, default: hush-hush}\n"
        'conversations: {a: {attributes: {token: "${var.token}"}}}\n'
    )
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
    told = [
        call(verb, tmp_path, "--local", *more, capsys=capsys)
        for verb, more in (("plan", ()), ("apply", ("--yes",)))
    ]
    (tmp_path / "stack.yaml").write_text(
        text.replace("sensitive: true, ", "sensitive: true, typo: 1, "), encoding="utf-8"
    )
    told.append(call("validate", tmp_path, expect=1, capsys=capsys))

    assert [one for one in told if "hush-hush" in one] == []


def test_only_takes_a_part_and_what_it_needs(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A participant brings its conversation along; the rest is said to be left out."""
    address = "conversation/order-1042/participant/courier"
    told = call("apply", stack, "--local", "--yes", "--only", address, capsys=capsys)

    assert "Done: 2 created." in told
    assert "8 more changes are outside of --only" in told
    told = call("apply", stack, "--local", "--yes", "--only", "conversation/order-*", capsys=capsys)
    assert "Done: 5 created." in told
    assert "Done: 3 created." in call("apply", stack, "--local", "--yes", capsys=capsys)


def test_a_refused_address_does_not_stop_the_others(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 4 from plan, 6 from an apply that did the rest."""
    with emulator.open_home(stack, 1.0) as home:
        assert isinstance(home, emulator.Home)
        world = World()
        world.store = home.store
        world.call("POST", "Conversations", [("UniqueName", "courier-demo.order-1042")])
    assert "carries no mark of this stack" in call("plan", stack, "--local", expect=4, capsys=capsys)
    told = call("apply", stack, "--local", "--yes", expect=6, capsys=capsys)
    assert "Done: 3 created." in told
    assert "carries no mark" in call("apply", stack, "--local", "--yes", expect=4, capsys=capsys)


def test_the_wrong_account_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment that names its account is planned on no other; an emulator stands in for any."""
    account = "AC" + "9" * 32
    text = f"stack: {{name: shop}}\nenvironments: {{prod: {{account: {account}}}}}\n"
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
    world = World()
    with running(world.store) as url:
        told = call("plan", tmp_path, "-e", "prod", "--endpoint", url, capsys=capsys)

    assert "Nothing to do" in told
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "1" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "x")
    told = call("plan", tmp_path, "-e", "prod", expect=4, capsys=capsys)
    assert "environment 'prod' is for account AC9999" in told


@pytest.fixture
def environment() -> dict[str, str]:
    """Return an environment for subprocesses that reaches no account."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("TWILIO_", "RECONCILER_"))
    }


@pytest.fixture
def served(stack: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve the stack's emulator as a process of its own and return its url."""
    command = [sys.executable, "-m", "reconciler", "emulator", str(stack), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        yield first.split()[-1]
        process.terminate()


def test_real_processes_over_a_real_socket(stack: Path, served: str, environment: dict[str, str]) -> None:
    """The command against a served emulator; --local finds that server and shares its world."""

    def reconciler(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "reconciler", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    code, told = reconciler("apply", str(stack), "--endpoint", served, "--yes")
    assert (code, "Done: 10 created." in told) == (0, True), told
    code, told = reconciler("plan", str(stack), "--local", "--detailed-exitcode")
    assert (code, "Nothing to do" in told) == (0, True), told
    code, told = reconciler("destroy", str(stack), "--local", "--delete", "--yes")
    assert (code, "Done: 2 deleted." in told) == (0, True), told
    code, told = reconciler("emulator", str(stack))
    assert (code, "runs already" in told) == (1, True), told


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """What the tool can do, and what its exit codes mean, is one --help away."""
    told = call("--help", capsys=capsys)

    assert [name for name in cli.commands if name not in told] == []
    assert [code for code in range(7) if f"{code} " not in told] == []
