"""`emulator env` and `emulator run`: what leads clients of Twilio, in whatever language, to an emulator."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from reconciler.cli import run as run_command_line
from reconciler.cli.emulator_clients import _carried, env
from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Clock, Home, Store, open_home
from reconciler.emulator.doors.environment import CLIENTS, variables
from reconciler.emulator.doors.server import running
from reconciler.emulator.fates import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE_MODULES = Path(__file__).parent / "clients" / "node_modules"
SDK = "from twilio.rest import Client; conversations = Client().conversations.v1.conversations; "
REAL = {
    "TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
    "TWILIO_AUTH_TOKEN": "real-token",
    "TWILIO_API_KEY": "SK" + "5" * 32,
    "TWILIO_API_SECRET": "real-secret",
    "TWILIO_SECONDARY_AUTH_TOKEN": "real-too",
    "TWILIO_REGION": "ie1",
    "TWILIO_EDGE": "dublin",
    "TWILIO_PROFILE": "real",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a stack's folder whose name needs quoting."""
    folder = tmp_path / "it's a stack"
    folder.mkdir()
    return folder


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the environment of somebody with a real account, and proxies of their own."""
    state = str(tmp_path / "it's the state")
    monkeypatch.setenv("XDG_STATE_HOME", state)  # what is served in this process is theirs, too
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": state,
        "https_proxy": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "no_proxy": "intranet.example,.twilio.com",
        "TWILIO_WHATSAPP_NUMBER": "+15550100200",
        **REAL,
    }


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[Store, str]]:
    """Serve the world of the folder as `reconciler emulator` does."""
    with open_home(folder, 1.0, clock=Clock.frozen()) as home:
        assert isinstance(home, Home)
        with running(home.store) as url:
            home.announce(url)
            yield home.store, url


def reconciler(environ: dict[str, str], *words: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "reconciler", *map(str, words)]
    return subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=False)


def python(text: str) -> tuple[str, str, str]:
    return sys.executable, "-c", text


# --- the variables -----------------------------------------------------------------------------------------


def given(client: str, environ: dict[str, str]) -> dict[str, str]:
    changes = variables(client, "http://127.0.0.1:1", Path("/c"), Path("/b"), environ)
    return changes.over(environ)


def test_the_command_line_knows_every_sort_of_client() -> None:
    """Its choices stand there once more, because the emulator is imported late."""
    choices = next(one.type for one in env.params if one.name == "client")

    assert isinstance(choices, click.Choice)
    assert list(choices.choices) == list(CLIENTS)


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_gets_credentials_and_a_way(client: str) -> None:
    """And keeps none of a real account; what else it had stays."""
    before = {**REAL, "TWILIO_WHATSAPP_NUMBER": "+15550100200", "PATH": "/bin"}
    after = given(client, before)

    assert (after["TWILIO_ACCOUNT_SID"], after["TWILIO_AUTH_TOKEN"]) == (ACCOUNT_SID, AUTH_TOKEN)
    assert (after["TWILIO_WHATSAPP_NUMBER"], after["PATH"]) == ("+15550100200", "/bin")
    assert set(after.values()) & set(REAL.values()) == set()
    assert after["HTTPS_PROXY"] == after["https_proxy"] == "http://127.0.0.1:1"
    assert {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"} & set(after)
    assert set(after) <= set(given("shell", before))


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("", ""),
        ("*", ""),
        ("twilio.com", ""),
        (".twilio.com, .twil.io", ""),
        ("*.twilio.com", ""),
        ("api.twilio.com:443", ""),
        ("com", ""),
        (".io", ""),
        ("intranet.example", "intranet.example"),
        ("intranet.example,API.TWILIO.COM,10.0.0.0/8", "intranet.example,10.0.0.0/8"),
        ("eviltwilio.com,twilio.com.example", "eviltwilio.com,twilio.com.example"),
        ("localhost", ""),
    ],
)
def test_no_exception_keeps_twilios_hosts_from_the_emulator(named: str, expected: str) -> None:
    """What else is asked without a proxy stays so, and this machine always is."""
    for name in ("no_proxy", "NO_PROXY"):
        after = given("python", {name: named})
        wanted = ",".join(["127.0.0.1", "localhost", "::1", *([expected] if expected else [])])
        assert (after["no_proxy"], after["NO_PROXY"]) == (wanted, wanted)


# --- env ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_a_shell_takes_what_env_prints(
    client: str, folder: Path, served: tuple[Store, str], environ: dict[str, str]
) -> None:
    """A real one: afterwards its environment is the one that `run` would give."""
    told = reconciler(environ, "emulator", "env", folder, "--for", client)
    assert (told.returncode, told.stderr) == (0, "")
    show = "import json, os; print(json.dumps({**os.environ}))"
    done = subprocess.run(
        ["sh", "-euc", 'eval "$1"; shift; exec "$@"', "sh", told.stdout, *python(show)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    place = Path(environ["XDG_STATE_HOME"]) / "reconciler" / "emulator-ca"
    wanted = variables(client, served[1], place / "ca.crt", place / "bundle.pem", environ).over(environ)

    assert {name: found.get(name) for name in wanted} == wanted
    assert set(found) - set(wanted) <= {"PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"}
    assert (place / "ca.crt").exists()
    assert (place / "bundle.pem").exists()


def test_a_program_of_a_shell_that_took_it_reaches_the_emulator(
    served: tuple[Store, str], environ: dict[str, str]
) -> None:
    """As the README has it."""
    line = 'eval "$("$1" -m reconciler emulator env --url "$2")"; "$1" -c "$3"'
    words = [sys.executable, served[1], SDK + "print(conversations.create(unique_name='x').url)"]
    done = subprocess.run(
        ["sh", "-euc", line, "sh", *words], env=environ, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("https://conversations.twilio.com/v1/Conversations/CH")
    assert served[0].writes == 1


def told_by(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Return what a command says that fails."""
    code = run_command_line([str(word) for word in words])
    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    return said.err


def test_env_says_what_is_in_the_way(
    folder: Path, served: tuple[Store, str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And prints nothing that a shell would take."""
    (tmp_path / "other").mkdir()

    assert "no emulator of" in told_by(capsys, "emulator", "env", tmp_path / "other")
    assert not (tmp_path / "other" / ".reconciler").exists()
    assert "nowhere does not exist" in told_by(capsys, "emulator", "env", tmp_path / "nowhere")
    assert "not both" in told_by(capsys, "emulator", "env", folder, "--url", served[1])
    for url in ("8010", "https://127.0.0.1:8010", "http://[", "http://127.0.0.1:port"):
        assert "is no emulator's url" in told_by(capsys, "emulator", "env", "--url", url)
    assert "does not answer" in told_by(capsys, "emulator", "env", "--url", "http://127.0.0.1:1")
    assert "is not one of 'shell', 'python'" in told_by(capsys, "emulator", "env", "--for", "cobol")


def test_env_needs_a_place_for_certificates(
    served: tuple[Store, str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And names the one that cannot be used."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    said = told_by(capsys, "emulator", "env", "--url", served[1])

    assert "there can be no certificates for Twilio's hosts" in said
    assert str(tmp_path / "file") in said


# --- run ---------------------------------------------------------------------------------------------------


def test_run_starts_an_emulator_for_a_program(folder: Path, environ: dict[str, str]) -> None:
    """The stock SDK, made as anybody makes it; the world stays when both have gone."""
    text = SDK + "print(conversations.create(unique_name='x').sid, len(conversations.list()))"
    done = reconciler(environ, "emulator", "run", folder, "--", *python(text))

    assert (done.returncode, done.stderr) == (0, "")
    with open_home(folder, 5.0) as home:
        assert isinstance(home, Home)
        (row,) = home.store.index.conversations[home.store.configuration.default_chat_service_sid]
        assert done.stdout == f"{row.sid} 1\n"
    assert not (folder / ".reconciler" / "emulator.json").exists()


def test_run_starts_one_that_answers_as_is_said(folder: Path, environ: dict[str, str]) -> None:
    """`--switch` and `--sender`, before the dashes."""
    text = (
        "from twilio.rest import Client; from twilio.base.exceptions import TwilioRestException as E\n"
        "one = Client().conversations.v1.conversations.create()\n"
        "for us in ['+15550100201', '+15550100202', '+15550100201']:\n"
        "    pair = {'messaging_binding_address': '+15550100301', 'messaging_binding_proxy_address': us}\n"
        "    try: one.participants.create(**pair)\n"
        "    except E as fault: print(fault.code)\n"
    )
    said = ("--switch", "own_pair_code=50437", "--sender", "+15550100201")
    done = reconciler(environ, "emulator", "run", folder, *said, "--", *python(text))

    assert (done.returncode, done.stdout, done.stderr) == (0, "50413\n50437\n", "")


def test_run_uses_an_emulator_that_runs(
    folder: Path, served: tuple[Store, str], environ: dict[str, str]
) -> None:
    """It is the same world, and it goes on afterwards."""
    done = reconciler(environ, "emulator", "run", folder, "--", *python(SDK + "conversations.create()"))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert served[0].writes == 1


def test_run_reaches_every_product(folder: Path, served: tuple[Store, str], environ: dict[str, str]) -> None:
    """A template is made with JSON, changed with PUT and deleted by the stock SDK, through CONNECT."""
    text = (
        "from twilio.rest import Client; from twilio.rest.content.v1.content import ContentList as L; "
        "contents = Client().content.v1.contents; "
        "body = {'language': 'en', 'types': {'twilio/text': {'body': 'Hi'}}}; "
        "one = contents.create(L.ContentCreateRequest(body)); "
        "same = contents(one.sid).update(L.ContentUpdateRequest({**body, 'language': 'de'})); "
        "print(same.sid == one.sid, same.language, same.url == one.url, contents(one.sid).delete())"
    )
    done = reconciler(environ, "emulator", "run", folder, "--", *python(text))

    assert (done.returncode, done.stdout, done.stderr) == (0, "True de True True\n", "")
    assert served[0].committed == 3


def test_run_gives_no_real_credentials(folder: Path, environ: dict[str, str]) -> None:
    """Not under any name; the rest of the environment is there."""
    text = "import json, os; print(json.dumps({**os.environ}))"
    done = reconciler(environ, "emulator", "run", folder, "--", *python(text))
    found = json.loads(done.stdout)

    assert set(found.values()) & set(REAL.values()) == set()
    assert found["TWILIO_ACCOUNT_SID"] == ACCOUNT_SID
    assert found["HOME"] == environ["HOME"]
    assert found["no_proxy"] == "127.0.0.1,localhost,::1,intranet.example"


def test_reconciler_itself_is_such_a_client(folder: Path, environ: dict[str, str]) -> None:
    """Without --local or --endpoint: as far as it knows it speaks with Twilio."""
    shutil.copytree(
        Path(__file__).parent.parent / "specs",
        folder / "specs",
        ignore=shutil.ignore_patterns(".reconciler"),
    )
    words = ("emulator", "run", folder, "--", sys.executable, "-m", "reconciler")
    made = reconciler(environ, *words, "apply", folder / "specs", "--yes")
    again = reconciler(environ, *words, "plan", folder / "specs", "--detailed-exitcode")

    assert (made.returncode, "Done: 10 created." in made.stdout) == (0, True), made.stderr
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True), again.stderr
    assert f"account {ACCOUNT_SID}" in again.stdout


@pytest.mark.parametrize(
    ("text", "code"), [("", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -9 $$", 137)]
)
def test_run_ends_as_its_command_ends(folder: Path, environ: dict[str, str], text: str, code: int) -> None:
    """With its exit code, or that of its signal, as a shell has it."""
    done = reconciler(environ, "emulator", "run", folder, "--", "sh", "-c", text)

    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_run_takes_options_of_the_command_as_they_are(folder: Path, environ: dict[str, str]) -> None:
    """Also a second pair of dashes, and --help."""
    show = "import sys; print(sys.argv[1:])"
    words = ["--help", "--", "-x", ""]
    done = reconciler(environ, "emulator", "run", folder, "--", *python(show), *words)

    assert (done.returncode, done.stdout) == (0, f"{words}\n")


WAITS = """
import signal, sys
ends = {signal.SIGTERM: 9, signal.SIGINT: 8}
signal.pthread_sigmask(signal.SIG_BLOCK, ends)
print("ready", flush=True)
sys.exit(ends[signal.sigwait(ends)])
"""


@contextmanager
def begun(folder: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Give a run, in a process group of its own, whose command waits for a signal."""
    line = [sys.executable, "-m", "reconciler", "emulator", "run", str(folder), "--", *python(WAITS)]
    process = subprocess.Popen(
        line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_run_hands_on_what_ends_it(folder: Path, environ: dict[str, str]) -> None:
    """SIGTERM goes to the command, which decides."""
    with begun(folder, environ) as process:
        process.send_signal(signal.SIGTERM)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "", 9)


def test_ctrl_c_is_the_commands(folder: Path, environ: dict[str, str]) -> None:
    """The terminal sends it to both; the emulator stays until the command has ended."""
    with begun(folder, environ) as process:
        os.killpg(process.pid, signal.SIGINT)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "", 8)


class Recorded:
    """A command that ends when it is waited for, and what it was sent until then."""

    def __init__(self, meanwhile: tuple[signal.Signals, ...]) -> None:
        self.sent: list[signal.Signals] = []
        self._meanwhile = meanwhile

    def send_signal(self, number: signal.Signals) -> None:
        self.sent.append(number)

    async def wait(self) -> int:
        await come(self._meanwhile)
        return 0


async def come(numbers: tuple[signal.Signals, ...]) -> None:
    """Let this process be sent signals, and let them be heard."""
    for number in numbers:
        os.kill(os.getpid(), number)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_a_command_once(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that came before it was started, too; Ctrl-C reaches one that runs without us."""
    process = Recorded((number,))

    async def start(*_: object, **__: object) -> Recorded:
        await come((number,))
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    assert asyncio.run(_carried("http://127.0.0.1:1", ["true"])) == 0
    assert process.sent == [number] * (1 if number == signal.SIGINT else 2)


@pytest.mark.usefixtures("environ")
def test_a_signal_that_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `nohup` has it."""
    process = Recorded((signal.SIGHUP, signal.SIGTERM))

    async def start(*_: object, **__: object) -> Recorded:
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert asyncio.run(_carried("http://127.0.0.1:1", ["true"])) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert process.sent == [signal.SIGTERM]


def test_run_says_what_is_in_the_way(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that is missing, or is none."""
    for words in ((folder,), (folder, "--"), ("--",)):
        assert "behind two dashes" in told_by(capsys, "emulator", "run", *words)
    assert "nope cannot be started: no such file" in told_by(capsys, "emulator", "run", folder, "--", "nope")
    assert "nowhere does not exist" in told_by(capsys, "emulator", "run", "nowhere", "--", "true")
    for said, why in (
        ("x", "--switch name=value"),
        ("x=1", "the nearest"),
        ("list_order=up", "created_desc"),
    ):
        assert why in told_by(capsys, "emulator", "run", folder, "--switch", said, "--", "true")
    assert "a sender is written" in told_by(capsys, "emulator", "run", folder, "--sender", "1", "--", "true")
    assert "unexpected extra argument" in told_by(capsys, "emulator", "run", folder, "true", "--", "true")


def test_a_folder_may_be_called_as_a_command_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`emulator run` is the command, `emulator ./run` the folder; a path that is no command is served."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    with open_home(tmp_path / "run", 1.0) as home, running(Store()) as url:
        assert isinstance(home, Home)
        home.announce(url)
        assert "behind two dashes" in told_by(capsys, "emulator", "run")
        for words in (("./run",), ("serve", "run"), ("--port", "0", "./run")):
            assert f"runs already at {url}" in told_by(capsys, "emulator", *words)
    assert "elsewhere does not exist" in told_by(capsys, "emulator", "elsewhere")


# --- clients in other languages ----------------------------------------------------------------------------

LIST_IN_NODE = """
const conversations = require("twilio")().conversations.v1.conversations;
(async () => {
  for (const name of ["a", "b", "c"]) await conversations.create({ uniqueName: name });
  const found = await conversations.list({ pageSize: 2 });
  console.log(JSON.stringify(found.map((one) => [one.uniqueName, one.url.split("/")[2]])));
  await conversations("b").remove();
  try { await conversations("b").fetch(); } catch (error) { console.log(error.status, error.code); }
})();
"""


@pytest.fixture
def node(environ: dict[str, str]) -> str:
    """Return Node's program; its clients are installed as tests/README.md says."""
    found = shutil.which("node")
    if found is None or not (NODE_MODULES / "twilio-cli").is_dir():
        pytest.skip("needs Node and: npm install --prefix tests/clients")
    environ["NODE_PATH"] = str(NODE_MODULES)
    return found


def test_the_sdk_for_node_works_unmodified(node: str, folder: Path, environ: dict[str, str]) -> None:
    """Create, page, delete, and Twilio's errors."""
    done = reconciler(environ, "emulator", "run", folder, "--", node, "-e", LIST_IN_NODE)
    rows = [[name, "conversations.twilio.com"] for name in ("a", "b", "c")]

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [json.dumps(rows, separators=(",", ":")), "404 20404"]


def test_the_twilio_cli_works_unmodified(
    node: str, folder: Path, served: tuple[Store, str], environ: dict[str, str]
) -> None:
    """With the variables that are meant for it alone."""
    told = reconciler(environ, "emulator", "env", folder, "--for", "cli")
    line = 'eval "$1"; shift; exec "$@"'
    program = [node, str(NODE_MODULES / ".bin" / "twilio"), "api:conversations:v1:conversations:create"]
    done = subprocess.run(
        ["sh", "-euc", line, "sh", told.stdout, *program, "--unique-name", "from-cli", "-o", "json"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["uniqueName"] == "from-cli"
    assert served[0].writes == 1


DEPLOY_IN_NODE = """
const { TwilioServerlessApiClient } = require("@twilio-labs/serverless-api");
(async () => {
  const client = new TwilioServerlessApiClient({
    username: process.env.TWILIO_ACCOUNT_SID, password: process.env.TWILIO_AUTH_TOKEN,
  });
  const file = (name, access, content) => ({ name, path: "/" + name, access, content });
  for (const overrideExistingService of [false, true]) {
    const done = await client.deployProject({
      serviceName: "shop", functionsEnv: "dev", overrideExistingService, env: { ROOM: "blue" },
      pkgJson: { dependencies: { twilio: "5.13.1" } }, runtime: "node22",
      functions: [file("optin", "protected", "exports.handler = 1;")],
      assets: [file("logo.svg", "public", Buffer.from("<svg/>"))],
    });
    console.log(done.domain);
  }
})().catch((error) => { console.error(error); process.exit(1); });
"""
READ_DEPLOYED = """
import requests
from twilio.rest import Client
service = Client().serverless.v1.services("shop")
(place,) = service.environments.list()
(variable,) = service.environments(place.sid).variables.list()
built = service.builds(place.build_sid).fetch()
print(built.dependencies, built.function_versions[0]["visibility"], variable.value)
told = [requests.get(f"https://{place.domain_name}/{name}") for name in ("logo.svg", "optin", "x")]
print([one.status_code for one in told])
"""


def test_twilios_toolkit_deploys_unmodified(
    node: str, folder: Path, served: tuple[Store, str], environ: dict[str, str]
) -> None:
    """A function and an asset, twice; the stock SDK reads them, and the domain answers through the proxy."""
    if not (NODE_MODULES / "@twilio-labs" / "serverless-api").is_dir():
        pytest.skip("needs: npm install --prefix tests/clients")
    store = served[0]
    store.build_policy = Policy("completed", after_s=0)
    done = reconciler(environ, "emulator", "run", folder, "--", node, "-e", DEPLOY_IN_NODE)
    (domain,) = store.index.serverless.domain
    read = reconciler(environ, "emulator", "run", folder, "--", *python(READ_DEPLOYED))

    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{domain}\n{domain}\n")
    dependencies = "[{'name': 'twilio', 'version': '5.13.1'}]"
    assert (read.returncode, read.stderr) == (0, "")
    assert read.stdout.splitlines() == [f"{dependencies} PROTECTED blue", "[200, 403, 404]"]
    assert len(list(store.index.serverless.all_builds())) == 2
