"""The commands as a person types them: output, exit codes, and what happens at the mistakes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from worlds import World

from reconciler import emulator
from reconciler.cli import cli, run
from reconciler.emulator.doors.server import running

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
    for url in ("ftp://x", "http://[::1", "https://127.0.0.1:8010", "http://x@127.0.0.1:8010"):
        assert "is no emulator's url" in call("plan", stack, "--endpoint", url, expect=1, capsys=capsys)
    refused = call("plan", stack, "--endpoint", "http://127.0.0.1:9", expect=1, capsys=capsys)
    assert "Start one in another terminal: reconciler emulator PATH" in refused
    assert "http://127.0.0.1:9 does not answer: connection refused" in refused


@pytest.mark.parametrize(
    "answer", [b"404 Not Found\r\nContent-Length: 0", b"200 OK\r\nContent-Length: 2\r\n\r\n{}"]
)
def test_what_answers_as_no_emulator_does_is_no_endpoint(
    answer: bytes, stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some other server of this machine, also one that has a page for every path."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reply() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 " + answer + (b"" if answer.endswith(b"}") else b"\r\n\r\n"))

        thread = threading.Thread(target=reply)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        told = call("plan", stack, "--endpoint", url, expect=1, capsys=capsys)
        thread.join()

    assert f"what answers at {url} is no emulator" in told


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
    assert json.loads(outputs[2])["format_version"] == "1.1"
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
    assert f"reconciler plan {stack} --local --only {address} " in told
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
    command = [sys.executable, "-m", "reconciler", "emulator", str(stack), "--port", "0", "--no-apply"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        yield first.split()[1]  # "open URL in a browser"
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


# --- who stops listening, and who stops ---------------------------------------------------------------------


def many(folder: Path, count: int) -> Path:
    """Write a stack of `count` conversations."""
    folder.mkdir()
    lines = "".join(f"  c{n}: {{}}\n" for n in range(count))
    (folder / "stack.yaml").write_text(f"stack: {{name: many}}\nconversations:\n{lines}", encoding="utf-8")
    return folder


def spawned(*words: object, environment: dict[str, str], **streams: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reconciler", *(str(word) for word in words)]
    return subprocess.Popen(command, text=True, env=environment, stderr=subprocess.PIPE, **streams)


def live_in(folder: Path) -> int:
    """Return how many conversations the emulator of a folder has."""
    with emulator.open_home(folder, 5.0) as home:
        assert isinstance(home, emulator.Home)
        world = World()
        world.store = home.store
        return len(world.rows("Conversations"))


def test_a_reader_that_goes_away_does_not_stop_the_apply(tmp_path: Path, environment: dict[str, str]) -> None:
    """`apply | head -1` does all that the plan showed; having seen enough is no error."""
    folder = many(tmp_path / "specs", 40)
    words = ("apply", folder, "--local", "--yes")
    with spawned(*words, environment=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()

    assert (process.returncode, told) == (0, "")
    assert live_in(folder) == 40


@pytest.mark.parametrize(("words", "code"), [(("apply", "--yes"), 0), (("plan",), 1), (("--help",), 1)])
@pytest.mark.parametrize("stdout", ["/dev/full", "closed"])
def test_output_that_cannot_be_written_is_said_and_stops_nothing(
    tmp_path: Path, environment: dict[str, str], words: tuple[str, ...], code: int, stdout: str
) -> None:
    """A full disk or a closed stream: an apply goes on, and what does nothing but tell has failed."""
    folder = many(tmp_path / "specs", 3)
    verb, *rest = words
    call = [
        sys.executable,
        "-m",
        "reconciler",
        verb,
        *([] if verb == "--help" else [folder, "--local"]),
        *rest,
    ]
    line = f"{shlex.join(map(str, call))} {'>&-' if stdout == 'closed' else f'> {stdout}'}"
    done = subprocess.run(
        ["sh", "-c", line], stderr=subprocess.PIPE, text=True, env=environment, timeout=60, check=False
    )

    assert "Traceback" not in done.stderr
    if (verb, stdout) != ("--help", "closed"):  # click takes a stream that is not there for nobody's loss
        grade = "error" if code else "warning"
        assert done.stderr.startswith(f"{grade}: standard output could not be written")
        assert done.returncode == code
    if verb == "apply":
        assert live_in(folder) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_apply_that_is_stopped_says_how_far_it_came(
    tmp_path: Path, environment: dict[str, str], number: signal.Signals
) -> None:
    """Ctrl-C, SIGTERM and a closed terminal: exit 6, what was done, what may have been, how to go on."""
    folder = many(tmp_path / "specs", 400)
    words = ("apply", folder, "--local", "--yes", "--parallelism", "1")
    with spawned(*words, environment=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.startswith("[ 10/400]"):
                process.send_signal(number)
                break
        lines, errors = process.stdout.read().splitlines(), process.stderr.read()

    assert process.returncode == 6
    stopping, journal = errors.splitlines()
    assert stopping.startswith(f"Stopping ({number.name}): no call starts any more")
    assert journal.startswith("Every call of this run is written down in")
    start = next(n for n, line in enumerate(lines) if line.startswith(("Under way when", "Not begun:")))
    assert len(lines) - start < 60
    assert any(re.fullmatch(r"  … and \d+ more", line) for line in lines[start:])
    *_, summed, after, again, _ = lines
    assert re.match(r"Not finished: \d+ created so far; \d+ (unknown|not begun)", summed)
    assert after == "Next:"
    assert again.split("  #")[0].strip() == f"reconciler apply {folder} --local"


AT_A_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # keys like Ctrl-C come from standard input
from reconciler.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("keys", [b"\x03", b"\x04", b"no\n"])
def test_at_the_question_nothing_was_written_yet(
    tmp_path: Path, environment: dict[str, str], keys: bytes
) -> None:
    """Ctrl-C, Ctrl-D and anything but yes: said in so many words."""
    import pty

    folder = many(tmp_path / "specs", 3)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", AT_A_TERMINAL, "apply", str(folder), "--local"]
    with subprocess.Popen(
        command, env=environment, start_new_session=True, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        told = b""
        while b"goes on: " not in told:
            told += os.read(ours, 4096)
        os.write(ours, keys)
        with suppress(OSError):
            while more := os.read(ours, 4096):
                told += more
    os.close(ours)

    assert process.returncode == 1
    assert b"Nothing was written." in told
    assert b"Traceback" not in told
    assert live_in(folder) == 0


def test_colours_are_for_terminals_that_want_them(
    stack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe gets no escape sequence, nor does a terminal with NO_COLOR."""
    assert "\x1b" not in call("plan", stack, "--local", capsys=capsys)
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
    assert "\x1b[" in call("plan", stack, "--local", capsys=capsys)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in call("plan", stack, "--local", capsys=capsys)


# --- slips that must not look like success -----------------------------------------------------------------


@pytest.mark.parametrize("verb", ["plan", "apply", "destroy"])
def test_only_that_matches_nothing_is_an_error(
    stack: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """A glob with a slip in it names the nearest addresses; what is there and needs nothing does match."""
    call("apply", stack, "--local", "--yes", capsys=capsys)
    told = call(verb, stack, "--local", "--only", "conversation/order-1024", expect=1, capsys=capsys)

    assert "--only conversation/order-1024 matches no address" in told
    assert "conversation/order-1042" in told
    assert "Nothing to do" in call(
        "plan", stack, "--local", "--only", "conversation/order-1042", capsys=capsys
    )


def test_specs_that_describe_nothing_do_not_take_everything_away(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most likely a file is missing; who means it says so."""
    empty = ("--local", "--format", "text")
    call("apply", stack, "--local", "--yes", capsys=capsys)
    for path in stack.glob("*-*.yaml"):
        path.unlink()
    told = call("plan", stack, *empty, expect=4, capsys=capsys)
    assert "the specs describe no resource, and this would remove all that courier-demo has" in told
    assert "reconciler destroy" in told
    told = call("apply", stack, *empty, "--yes", expect=4, capsys=capsys)
    assert "Nothing was written." in told
    told = call("apply", stack, *empty, "--yes", "--allow-empty", capsys=capsys)
    assert "closed" in told
    assert "makes everything anew" not in told
    assert "Nothing to do" in call("apply", stack, *empty, "--yes", capsys=capsys)


def test_a_file_of_a_stack_that_is_named_alone_is_pointed_out(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its siblings would count as removed: plan and apply say so."""
    call("apply", stack, "--local", "--yes", capsys=capsys)

    told = call("plan", stack / "stack.yaml", "--local", expect=4, capsys=capsys)
    assert "2 other *.yaml files lie beside stack.yaml and are not read" in told
    told = call("apply", stack / "two-whatsapp.yaml", "--local", "--yes", expect=1, capsys=capsys)
    assert f"name the folder, {stack}" in told


def test_problems_show_numbers_only_on_a_terminal(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The quoted line and the sentence of a problem are masked where others may read them."""
    edit(stack / "two-whatsapp.yaml", "+15550100303", "+1555010030x")
    edit(
        stack / "stack.yaml",
        "alicia: {type: phone, default: +15550100302",
        "alicia: {type: phon, default: +15550100302",
    )
    told = call("validate", stack, expect=1, capsys=capsys)

    assert "+1…·" in told
    assert "0302" not in told


def test_plan_tells_problems_of_specs_in_the_form_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Machines find them on standard output, as those of validate."""
    (tmp_path / "stack.yaml").write_text("stack: {name: A}\n", encoding="utf-8")
    for verb in ("plan", "apply", "destroy"):
        assert run([verb, str(tmp_path), "--local", "--format", "json"]) == 1
        out, err = capsys.readouterr()
        assert (len(json.loads(out)["diagnostics"]), err) == (1, "")


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """What the tool can do, and what its exit codes mean, is one --help away."""
    told = call("--help", capsys=capsys)

    assert [name for name in cli.commands if name not in told] == []
    assert [code for code in range(7) if f"{code} " not in told] == []


def test_a_mass_removal_is_refused_and_a_flag_consents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 4 with the line of YAML and the flag; the flag lets it through."""
    path = tmp_path / "stack.yaml"
    names = ", ".join(f"c{n}: {{}}" for n in range(15))
    path.write_text(f"stack: {{name: many}}\nconversations: {{{names}}}\n", encoding="utf-8")
    call("apply", path, "--local", "--yes", capsys=capsys)
    path.write_text("stack: {name: many}\nconversations: {c0: {}}\n", encoding="utf-8")
    told = call("plan", path, "--local", expect=4, capsys=capsys)

    assert "14 of 15 conversations would be removed" in told
    assert "limits: {remove: 14}" in told
    told = call("apply", path, "--local", "--yes", "--allow-remove", 14, capsys=capsys)
    assert "Done: 14 closed." in told


UNHEARD = """
import asyncio, signal, threading, time
from reconciler.cli.stopping import run_stoppable

async def work() -> int:
    idle = threading.Thread(target=time.sleep, args=(60,), daemon=True)
    idle.start()
    asyncio.get_running_loop().run_in_executor(None, signal.pthread_kill, idle.ident, signal.SIGTERM)
    await asyncio.Event().wait()
    return 0

try:
    run_stoppable(work())
except KeyboardInterrupt:
    print("stopped")
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals of threads are Unix's")
def test_a_signal_that_does_not_interrupt_the_wait_is_heard() -> None:
    """It may come right before the loop begins to wait; here another thread takes it, which is the same."""
    ended = subprocess.run(
        [sys.executable, "-c", UNHEARD], capture_output=True, text=True, timeout=30, check=False
    )

    assert (ended.stdout, ended.stderr) == ("stopped\n", "")
