"""Init and doctor: the stack that is written works and nothing is overwritten; each judgement; as typed."""

from __future__ import annotations

import io
import json
import os
import re
import socket
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scripted import Scripted, refusal

from reconciler import doctor, emulator
from reconciler.cli import run
from reconciler.cli.credentials import find_credentials
from reconciler.diagnostics import ApiError, ReconcilerError, SpecError, error
from reconciler.doctor import Check, Verdict
from reconciler.emulator.doors.server import running
from reconciler.model import Place
from reconciler.render.checkup import check_lines, checks_json
from reconciler.render.numbers import Numbers
from reconciler.starter import name_from, starter
from reconciler.variables import Inputs
from reconciler.workflow import read_specs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from reconciler.transport import Transport

OTHER = "AC" + "9" * 32
KEY, SECRET = "SK" + "1" * 32, "secret-of-the-key"
MASKED, SHOWN = Numbers(b"key of the tests"), Numbers(None)


def call(*words: object, expect: int = 0, capsys: pytest.CaptureFixture[str]) -> str:
    """Run one command in this process and return its output, both streams."""
    code = run([str(word) for word in words])
    told = capsys.readouterr()

    assert (code, told.out + told.err) == (expect, told.out + told.err)
    return told.out + told.err


# --- init --------------------------------------------------------------------------------------------------


def test_what_init_writes_validates_applies_and_is_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands below Next work as they stand, and a second plan is empty."""
    folder = tmp_path / "my first stack"
    told = call("init", folder, capsys=capsys)

    assert [path.name for path in folder.iterdir()] == ["stack.yaml"]
    lines = told.splitlines()
    assert lines[1:3] == ["The stack is named my-first-stack: lower-case letters, digits, dashes.", "Next:"]
    assert [line.split("  #")[0].strip() for line in lines[3:]] == [
        f"reconciler validate '{folder}'",
        f"reconciler apply '{folder}' --local",
        f"reconciler emulator '{folder}'",
    ]
    assert "my-first-stack: 3 resources" in call("validate", folder, capsys=capsys)
    told = call("apply", folder, "--local", "--yes", capsys=capsys)
    assert "Done: 3 created." in told
    assert f"  reconciler emulator '{folder}' " in told.partition("Next:")[2]
    call("plan", folder, "--local", "--detailed-exitcode", capsys=capsys)


def test_the_starter_masks_two_channels_and_no_comment_is_lost() -> None:
    """One party on WhatsApp, one on SMS, each through a sender of its own channel."""
    text = starter("demo")

    assert ("whatsapp:${var.wa}" in text, "sms: ${var.sms}" in text) == (True, True)
    assert max(len(line) for line in text.splitlines()) < 100


def test_a_stack_that_is_named_as_its_folder_needs_no_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does one whose name was given."""
    assert "is named" not in call("init", tmp_path / "my-stack", capsys=capsys)
    assert "is named" not in call("init", tmp_path / "My Stack", "--name", "shop", capsys=capsys)


@pytest.mark.parametrize("name", ["null", "true", "on", "012", "1e5", "a"])
def test_names_that_yaml_could_misread_stay_names(tmp_path: Path, name: str) -> None:
    """They stand in the file as they were given."""
    (tmp_path / "stack.yaml").write_text(starter(name), encoding="utf-8")
    specs = read_specs(tmp_path, Inputs())

    assert (specs.stack.owner.stack, specs.warnings) == (name, ())


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("specs", "specs"),
        ("My Stack_2", "my-stack-2"),
        ("", "my-stack"),
        ("客服", "my-stack"),
        ("-x-", "x"),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_stack_is_named_after_its_folder(folder: str, name: str) -> None:
    """What of the folder's name can be one."""
    assert name_from(folder) == name


def test_this_folder_and_a_name_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PATH may be left out; --name is used as it is, or refused."""
    monkeypatch.chdir(tmp_path)
    told = call("init", "--name", "Shop", expect=1, capsys=capsys)
    assert "'--name': a stack's name has lower-case letters" in told
    assert list(tmp_path.iterdir()) == []
    told = call("init", "--name", "shop", capsys=capsys)
    assert "  reconciler validate . " in told
    assert "shop: 3 resources" in call("validate", ".", capsys=capsys)


def test_other_files_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with a README and hidden YAML gets a stack beside them."""
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    (tmp_path / ".lint.yaml").write_text("mine", encoding="utf-8")
    call("init", tmp_path, capsys=capsys)

    assert sorted(path.name for path in tmp_path.iterdir()) == [".lint.yaml", "README.md", "stack.yaml"]
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("stack.yaml", "stack: {name: mine}\n", "has a stack already: stack.yaml"),
        ("frame.yaml", "stack: {name: mine}\n", "has a stack already: frame.yaml"),
        ("stack.yaml", "broken: [", "stack.yaml lies there and would be read as part of the stack"),
        ("compose.yaml", "services: {}\n", "compose.yaml lies there and would be read as part of the stack"),
    ],
)
def test_nothing_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, expected: str
) -> None:
    """What is there is named and stays; the way out is a command."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    told = call("init", tmp_path, expect=1, capsys=capsys)

    assert expected in told
    assert "Nothing was written." in told
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [(name, text)]


def test_whatever_is_in_the_way_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file instead of the folder, below a file, a folder or a link instead of the file, a file's name."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    told = call("init", tmp_path / "file", expect=1, capsys=capsys)
    assert f"{tmp_path}/file cannot be used: not a directory" in told
    told = call("init", tmp_path / "file" / "below", expect=1, capsys=capsys)
    assert "cannot be written: not a directory" in told
    (tmp_path / "a" / "stack.yaml").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "stack.yaml").symlink_to("nowhere")
    for folder in ("a", "b"):
        assert "stack.yaml lies there" in call("init", tmp_path / folder, expect=1, capsys=capsys)
    assert not (tmp_path / "b" / "nowhere").exists()
    told = call("init", tmp_path / "new.yaml", expect=1, capsys=capsys)
    assert "new.yaml is named like a file" in told


def test_a_folder_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the system's reason, and no traceback."""

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    told = call("init", tmp_path, expect=1, capsys=capsys)

    assert f"{tmp_path}/stack.yaml cannot be written: permission denied" in told


def test_a_full_disk_leaves_no_half_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next try would find it in its way."""

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    def opened(path: Path, *_: Any, **__: Any) -> Full:
        path.touch()
        return Full()

    monkeypatch.setattr(Path, "open", opened)
    told = call("init", tmp_path, expect=1, capsys=capsys)

    assert "cannot be written: no space left on device" in told
    assert list(tmp_path.iterdir()) == []


# --- each judgement ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("9.13.0", "<10,>=9.10", True),
        ("9.9.9", "<10,>=9.10", False),
        ("10.0.0", "<10,>=9.10", False),
        ("10", ">=9.10, <10.1", True),
        ("3.11.0rc1", ">=3.11", True),
        ("6.0.2", ">=6.0.2", True),
        ("6.0", ">=6.0.0", True),
        ("2.0", "!=2.0.0", False),
        ("2.0", "==2", True),
        ("2.0", "<=1.9", False),
        ("2.0", ">2", False),
        ("anything", "", True),
        ("2!junk", ">=1", True),
        ("junk", ">=1", False),
    ],
)
def test_versions_compare_as_numbers(version: str, wanted: str, *, fits: bool) -> None:
    """Part by part, and what is missing is zero."""
    assert doctor.satisfies(version, wanted) is fits


def test_all_bounds_of_ours_are_understood() -> None:
    """A bound that is not read would be a check that cannot fail."""
    wanted = [line.partition(";")[0] for line in metadata.requires("reconciler") or ()]
    bounds = [re.sub(r"^[A-Za-z0-9._-]+", "", line).strip() for line in wanted]

    assert [one for one in bounds if re.sub(r"(>=|<=|==|!=|<|>)[0-9.]+,?", "", one)] == []
    assert len(bounds) > 5


def told(check: Check) -> tuple[str, str]:
    return check.verdict.value, check.told


def api_error(code: int = 0, status: int = 400) -> ApiError:
    return ApiError("GET /Services: no", "Do this.", code=code, status=status)


@pytest.mark.parametrize(
    ("check", "verdict", "words"),
    [
        (doctor.python("3.12.1", ">=3.11"), "ok", "3.12.1 (>=3.11)"),
        (doctor.python("3.10.9", ">=3.11"), "fail", "3.10.9 is not supported (>=3.11)"),
        (doctor.package("twilio", "9.13.0", "<10,>=9.10"), "ok", "9.13.0 (>=9.10, <10)"),
        (doctor.package("twilio", "8.0.0", "<10,>=9.10"), "fail", "8.0.0 is not supported (>=9.10, <10)"),
        (doctor.package("twilio", None, "<10,>=9.10"), "fail", "is not installed"),
        (doctor.package("reconciler", "0.1.0", ""), "ok", "0.1.0"),
        (doctor.not_installed(), "warn", "is not installed, so its needs cannot be compared"),
        (doctor.sound_specs("demo", 3, 0), "ok", "demo: 3 resources are valid"),
        (doctor.sound_specs("demo", 1, 1), "warn", "demo: 1 resource is valid, with 1 warning"),
        (doctor.credentials("there"), "ok", "from there"),
        (doctor.account("AC1", "AC1"), "ok", "AC1 opens"),
        (doctor.account("AC1", ""), "ok", "AC1 opens"),
        (
            doctor.account("AC1", "AC2"),
            "fail",
            "the credentials open AC2, and TWILIO_ACCOUNT_SID (or the profile) says AC1",
        ),
        (doctor.environment("prod", "AC1", "AC1"), "ok", "prod is for this account"),
        (
            doctor.environment("prod", "AC1", "AC2"),
            "fail",
            "prod is for account AC1, and the credentials open AC2",
        ),
        (doctor.service("default", {"sid": "IS1", "friendly_name": "D"}), "ok", "default is D (IS1)"),
        (doctor.service("D", {"sid": "IS1", "friendly_name": "D"}), "ok", "D (IS1)"),
        (doctor.service("IS1", {"sid": "IS1", "friendly_name": None}), "ok", "without a name (IS1)"),
        (doctor.sync(None), "ok", "answers: a stack's record can be kept there"),
        (
            doctor.sync(api_error(70051)),
            "warn",
            "these credentials may not use it, and a stack's record is kept there",
        ),
        (
            doctor.sync(api_error(20003), is_needed=True),
            "fail",
            "these credentials may not use it, and a stack's record is kept there",
        ),
        (doctor.sync(api_error(20404, 404)), "fail", "GET /Services: no"),
        (doctor.clock(None), "skip", "not checked: no answer bore a date"),
        (doctor.clock(0.4), "ok", "agrees with the account's"),
        (doctor.clock(-30.0), "ok", "agrees with the account's"),
        (doctor.clock(31.0), "warn", "is 31 seconds ahead of the account's"),
        (doctor.clock(-119.0), "warn", "is 119 seconds behind the account's"),
        (doctor.clock(-7200.0), "warn", "is 2 hours behind the account's"),
        (doctor.clock(9e8), "warn", "is 10,417 days ahead of the account's"),
        (doctor.state_folder("x/.reconciler", "", is_needed=True), "ok", "x/.reconciler can be written"),
        (doctor.state_folder("x", "x is no folder", is_needed=False), "warn", "x is no folder"),
        (doctor.state_folder("x", "x is no folder", is_needed=True), "fail", "x is no folder"),
        (
            doctor.masking_key("", has_credential=True),
            "ok",
            "not set: tags of phone numbers and digests of plans are keyed by the credential",
        ),
        (
            doctor.masking_key("", has_credential=False),
            "ok",
            "not set: tags of phone numbers are good for one run only",
        ),
        (
            doctor.masking_key("hunter2", has_credential=True),
            "warn",
            "is so short that it can be guessed, and numbers with it",
        ),
        (
            doctor.masking_key("0123456789abcdef", has_credential=True),
            "ok",
            "set: tags of phone numbers and digests of plans are keyed by it",
        ),
    ],
    ids=lambda value: f"{value.subject} {value.told[:24]}" if isinstance(value, Check) else "",
)
def test_each_judgement(check: Check, verdict: str, words: str) -> None:
    """Facts in, a verdict and a sentence out; what is not fine says what to do."""
    assert told(check) == (verdict, words)
    assert bool(check.remedy) is (verdict in ("warn", "fail"))


def test_broken_specs_are_told_by_their_first_problem() -> None:
    """And how many more there are."""
    first = error("bad", "Do this.", place=Place("a.yaml", 2, 3))

    assert told(doctor.broken_specs(SpecError([first]))) == ("fail", "a.yaml:2:3: bad")
    assert told(doctor.broken_specs(SpecError([first, first, first]))) == (
        "fail",
        "a.yaml:2:3: bad (and 2 more: see reconciler validate)",
    )


def test_checks_are_printed_in_columns_with_what_to_do_below() -> None:
    """One line each; hostile names stay on theirs, and numbers are masked where others read them."""
    checks = [
        Check(Verdict.OK, "a", "fine"),
        Check(Verdict.FAIL, "long", "\x1b[31m no\n+15550100301", "Do this.\nOr that."),
        doctor.skipped("b", "a failed"),
    ]

    assert [line.text for line in check_lines(checks, SHOWN)] == [
        "ok    a     fine",
        "fail  long  \\x1b[31m no\\n+15550100301",
        "            Do this.",
        "            Or that.",
        "skip  b     not checked: a failed",
        "3 checks: 1 failed, 1 not made.",
    ]
    assert check_lines(checks[:1], SHOWN)[-1].text == "1 check: all is fine."
    data = json.loads(checks_json(checks, MASKED))
    assert data["summary"] == {"ok": 1, "warn": 0, "fail": 1, "skip": 1}
    assert data["checks"][0] == {"verdict": "ok", "subject": "a", "told": "fine", "remedy": ""}
    assert "0301" not in checks_json(checks, MASKED)


# --- where credentials come from ---------------------------------------------------------------------------


def test_where_credentials_come_from_is_said_without_them(tmp_path: Path) -> None:
    """A named profile, an API key or the auth token of the environment, the active profile."""
    profile = {"accountSid": OTHER, "apiKey": KEY, "apiSecret": SECRET}
    config = {"profiles": {"work": profile}, "activeProject": "work"}
    (tmp_path / ".twilio-cli").mkdir()
    (tmp_path / ".twilio-cli" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    token = {"TWILIO_ACCOUNT_SID": OTHER, "TWILIO_AUTH_TOKEN": SECRET}
    key = {"TWILIO_ACCOUNT_SID": OTHER, "TWILIO_API_KEY": KEY, "TWILIO_API_SECRET": SECRET}

    assert [
        find_credentials(environ, tmp_path, name)[1]
        for environ, name in ((token, "work"), (token, ""), (key, ""), ({}, ""))
    ] == [
        "profile 'work' of the Twilio CLI",
        "the environment: TWILIO_AUTH_TOKEN",
        "the environment: TWILIO_API_KEY",
        "the active profile of the Twilio CLI, 'work'",
    ]


# --- doctor as typed ---------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _nobodys_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the profiles, or writes to the folder, of the person who runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)


def examined(*words: object, expect: int, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """Run doctor and return what it says of each subject: the verdict, and all that it says."""
    data = json.loads(call("doctor", *words, "--format", "json", expect=expect, capsys=capsys))
    return {
        one["subject"]: (one["verdict"], f"{one['told']} {one['remedy']}".strip()) for one in data["checks"]
    }


def verdicts(found: Mapping[str, tuple[str, str]], *subjects: str) -> list[str]:
    return [found[subject][0] for subject in subjects]


ASKED = ("credentials", "account", "service", "Sync", "clock")


def test_without_credentials_the_ways_to_give_them_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, or half of them: nothing is asked then, and everything else is checked all the same."""
    found = examined(expect=1, capsys=capsys)
    assert verdicts(found, *ASKED) == ["fail", "skip", "skip", "skip", "skip"]
    assert "twilio login" in found["credentials"][1]
    assert (
        verdicts(found, "Python", "reconciler", "twilio", "pydantic", "pyyaml", "click", "deepdiff")
        == ["ok"] * 7
    )
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", OTHER)
    found = examined(expect=1, capsys=capsys)
    assert "half of the Twilio credentials is missing" in found["credentials"][1]


class Dated:
    """A transport whose answers bear a date."""

    def __init__(self, inner: Transport, date: str) -> None:
        self._inner = inner
        self._date = date

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Carry one call."""
        status, told, answer = await self._inner.send(method, url, headers, body, timeout_s)
        return status, {**told, "date": self._date}, answer


def instead_of_the_network(monkeypatch: pytest.MonkeyPatch, transport: Transport) -> None:
    """Have calls to the real Twilio carried by `transport`."""

    @asynccontextmanager
    async def network() -> AsyncIterator[Transport]:
        yield transport

    monkeypatch.setattr("reconciler.cli.target.Network", network)


def as_twilio(
    monkeypatch: pytest.MonkeyPatch, *, secret: str = SECRET, sid: str = emulator.ACCOUNT_SID, **about: Any
) -> emulator.Store:
    """Have an emulated account stand for the real Twilio, and an API key of it in the environment."""
    store = emulator.Store(account=emulator.Account(api_keys={KEY: SECRET}, **about))
    instead_of_the_network(monkeypatch, emulator.InProcess(store))
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", sid)
    monkeypatch.setenv("TWILIO_API_KEY", KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", secret)
    return store


def test_an_account_that_opens_is_told_with_its_service(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is asked, nothing is written, and no secret is printed."""
    store = as_twilio(monkeypatch)
    found = examined(expect=0, capsys=capsys)

    assert verdicts(found, *ASKED) == ["ok", "ok", "ok", "ok", "skip"]
    assert found["credentials"] == ("ok", "from the environment: TWILIO_API_KEY")
    assert "default is Default Conversations Service (IS" in found["service"][1]
    assert store.writes == 0
    assert store.calls == 4
    text = call("doctor", capsys=capsys)
    assert [one for one in (SECRET, KEY) if one in text + json.dumps(found)] == []


def test_wrong_credentials_are_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twilio's 20003, with what to check; what needs the account is skipped."""
    as_twilio(monkeypatch, secret="wrong")
    found = examined(expect=1, capsys=capsys)

    assert verdicts(found, *ASKED) == ["ok", "fail", "skip", "skip", "skip"]
    assert "20003" in found["account"][1]
    assert "Check TWILIO_ACCOUNT_SID" in found["account"][1]


def test_a_key_of_another_account_is_noticed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twilio looks at the key alone; what the environment says of the account may be wrong."""
    as_twilio(monkeypatch, sid=OTHER)
    found = examined(expect=1, capsys=capsys)

    assert verdicts(found, *ASKED[:4]) == ["ok", "fail", "ok", "ok"]
    assert (
        f"open {emulator.ACCOUNT_SID}, and TWILIO_ACCOUNT_SID (or the profile) says {OTHER}"
        in found["account"][1]
    )


def test_a_key_without_sync_stops_a_stack_that_keeps_a_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without specs it is worth a look; a stack can do without a record, and how is said."""
    store = as_twilio(monkeypatch, sync=False)
    found = examined(expect=0, capsys=capsys)
    assert verdicts(found, *ASKED[:4]) == ["ok", "ok", "ok", "warn"]
    assert "`record: none`" in found["Sync"][1]
    path = tmp_path / "stack.yaml"
    path.write_text("stack: {name: demo}\n", encoding="utf-8")
    assert examined(tmp_path, expect=1, capsys=capsys)["Sync"][0] == "fail"
    path.write_text("stack: {name: demo, record: none}\n", encoding="utf-8")
    calls = store.calls
    found = examined(tmp_path, expect=0, capsys=capsys)
    assert found["Sync"] == ("ok", "is not used: the stack says record: none")
    assert store.calls == calls + 3


def test_the_environments_account_and_a_service_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are told in one run: a wrong account does not end the checks."""
    as_twilio(monkeypatch)
    text = f"stack: {{name: demo, service: Suport}}\nenvironments: {{prod: {{account: {OTHER}}}}}\n"
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
    found = examined(tmp_path, "-e", "prod", expect=1, capsys=capsys)

    assert verdicts(found, "specs", "account", "environment", "service") == ["ok", "ok", "fail", "fail"]
    assert f"prod is for account {OTHER}" in found["environment"][1]
    assert "no Conversations service is called 'Suport'" in found["service"][1]
    assert "Services of this account: Default Conversations Service." in found["service"][1]
    path = tmp_path / "stack.yaml"
    path.write_text(f"stack: {{name: demo, service: IS{'0' * 32}}}\n", encoding="utf-8")
    found = examined(tmp_path, expect=1, capsys=capsys)
    assert f"The requested resource /Services/IS{'0' * 32} was not found" in found["service"][1]


def test_a_clock_that_is_off_is_worth_a_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by the date of the answers; one that cannot be read is none."""
    store = as_twilio(monkeypatch)
    instead_of_the_network(monkeypatch, Dated(emulator.InProcess(store), "Mon, 01 Jan 2001 00:00:00 GMT"))
    found = examined(expect=0, capsys=capsys)
    assert found["clock"][0] == "warn"
    assert re.match(r"is [0-9,]+ days ahead of the account's Have this machine's clock", found["clock"][1])
    monkeypatch.setattr("reconciler.cli.setup.time.time", lambda: 978307205.0)
    assert examined(expect=0, capsys=capsys)["clock"] == ("ok", "agrees with the account's")
    monkeypatch.setattr("reconciler.cli.setup.time.time", lambda: 978307100.0)
    assert "is 100 seconds behind" in examined(expect=0, capsys=capsys)["clock"][1]
    instead_of_the_network(monkeypatch, Dated(emulator.InProcess(store), "yesterday"))
    assert examined(expect=0, capsys=capsys)["clock"][0] == "skip"


def test_an_account_that_refuses_still_tells_the_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any answer bears a date; that of a refusal too."""
    as_twilio(monkeypatch)
    script = Scripted(lambda _: refusal(403, 20403, "Forbidden", date="Mon, 01 Jan 2001 00:00:00 GMT"))
    instead_of_the_network(monkeypatch, script)
    found = examined(expect=1, capsys=capsys)

    assert verdicts(found, *ASKED) == ["ok", "fail", "skip", "skip", "warn"]
    assert len(script.sent) == 1


def test_the_emulator_of_a_folder_can_be_examined_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --local and with --endpoint; an environment's account binds the real Twilio only."""
    text = f"stack: {{name: demo}}\nenvironments: {{prod: {{account: {OTHER}}}}}\n"
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
    here = examined(tmp_path, "-e", "prod", "--local", expect=0, capsys=capsys)
    with running(emulator.Store()) as url:
        there = examined(tmp_path, "-e", "prod", "--endpoint", url, expect=0, capsys=capsys)

    assert "environment" not in {*here, *there}
    assert "clock" not in here
    assert verdicts(here, *ASKED[:4]) == ["ok"] * 4
    assert verdicts(there, *ASKED) == ["ok"] * 5
    assert here["credentials"] == there["credentials"]
    assert here["credentials"][1] == "from the emulator itself; none of yours are used"


def test_an_endpoint_where_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    """Said with the command that starts an emulator."""
    with socket.socket() as taken:  # bound and not listening: nobody else can take the port meanwhile
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found = examined("--endpoint", url, expect=1, capsys=capsys)

    assert verdicts(found, *ASKED) == ["ok", "fail", "skip", "skip", "skip"]
    assert "reconciler emulator" in found["account"][1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "nowhere does not exist Give the path of a folder"),
        ("stack: {name: A}\nx: 1\n", "stack.yaml:1:15: a stack's name has lower-case letters"),
        ("stack: {name: a}\nenvironments: {prod: {}}\n", "none was chosen Choose with -e: prod."),
    ],
)
def test_a_path_that_is_broken_does_not_end_the_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, expected: str
) -> None:
    """The first problem with its place; the account is asked all the same."""
    path = tmp_path / "nowhere"
    if text is not None:
        path = tmp_path
        (path / "stack.yaml").write_text(text, encoding="utf-8")
    with running(emulator.Store()) as url:
        found = examined(path, "--endpoint", url, expect=1, capsys=capsys)

    assert found["specs"][0] == "fail"
    assert expected in found["specs"][1]
    assert verdicts(found, "account", "service") == ["ok", "ok"]


def test_no_world_is_made_beside_a_path_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip in PATH leaves nothing behind."""
    found = examined(tmp_path / "nowhere", "--local", expect=1, capsys=capsys)

    assert verdicts(found, "specs", "account", "service") == ["fail", "fail", "skip"]
    assert list(tmp_path.iterdir()) == []


def test_the_state_folder_has_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in its place stops --local and applies of a stack, and is worth a look otherwise."""
    (tmp_path / "stack.yaml").write_text("stack: {name: demo}\n", encoding="utf-8")
    (tmp_path / ".reconciler").write_text("", encoding="utf-8")
    found = examined(tmp_path, "--local", expect=1, capsys=capsys)

    assert verdicts(found, "account", "state folder") == ["fail", "fail"]
    assert "is no folder" in found["state folder"][1]
    monkeypatch.chdir(tmp_path)
    with running(emulator.Store()) as url:
        assert examined("--endpoint", url, expect=0, capsys=capsys)["state folder"][0] == "warn"
        assert examined(".", "--endpoint", url, expect=1, capsys=capsys)["state folder"][0] == "fail"


def test_the_folder_of_locks_has_to_be_one_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made where it can be; a file above it is in the way."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "to" / "be" / "made"))
    found = examined("--local", expect=0, capsys=capsys)
    assert found["lock folder"] == ("ok", f"{tmp_path}/to/be/made/reconciler/locks can be written")
    assert not (tmp_path / "to").exists()
    (tmp_path / "to").write_text("", encoding="utf-8")
    found = examined("--local", expect=1, capsys=capsys)
    assert f"locks cannot be made: {tmp_path}/to cannot be written" in found["lock folder"][1]
    assert "XDG_STATE_HOME" in found["lock folder"][1]


def test_a_world_that_belongs_to_another_user_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a sudo: the folder can be written, and a file in it cannot."""
    (tmp_path / "stack.yaml").write_text("stack: {name: demo}\n", encoding="utf-8")
    call("apply", tmp_path, "--local", "--yes", capsys=capsys)
    world = tmp_path / ".reconciler" / "local.db"
    monkeypatch.setattr(os, "access", lambda path, mode: not (Path(path) == world and mode & os.W_OK))
    found = examined(tmp_path, "--local", expect=1, capsys=capsys)

    assert f"{world} cannot be written" in found["state folder"][1]
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != world.parent)
    assert (
        f"{world.parent} cannot be written"
        in examined(tmp_path, "--local", expect=1, capsys=capsys)["state folder"][1]
    )


def test_the_key_of_the_environment_is_judged_and_not_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short ones are worth a look."""
    monkeypatch.setenv("RECONCILER_KEY", "hunter2")
    found = examined("--local", expect=0, capsys=capsys)
    assert found["RECONCILER_KEY"][0] == "warn"
    assert "hunter2" not in json.dumps(found)


def test_a_reconciler_that_is_not_installed_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may run from its files alone; a package that is missing says how to get it."""
    about = metadata.metadata("reconciler")

    def missing(name: str) -> Any:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    found = examined("--local", expect=1, capsys=capsys)
    assert found["twilio"] == ("fail", f"is not installed pip install 'twilio{_wanted(about, 'twilio')}'")
    monkeypatch.setattr(metadata, "metadata", missing)
    assert examined("--local", expect=0, capsys=capsys)["reconciler"][0] == "warn"


def _wanted(about: Any, name: str) -> str:
    lines: list[str] = about.get_all("Requires-Dist")
    return next(line.removeprefix(name) for line in lines if line.startswith(name))


def test_text_says_the_same_as_json_and_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each check, and one that sums them up."""
    (tmp_path / "stack.yaml").write_text("stack: {name: demo}\n", encoding="utf-8")
    found = examined(tmp_path, "--local", expect=0, capsys=capsys)
    text = call("doctor", tmp_path, "--local", capsys=capsys)

    assert [line.split()[0] for line in text.splitlines()[:-1]] == [verdict for verdict, _ in found.values()]
    assert text.splitlines()[-1] == f"{len(found)} checks: all is fine."
    markdown = call("doctor", tmp_path, "--local", "--format", "markdown", capsys=capsys)
    assert markdown.startswith("### reconciler doctor\n\n```text\n")


def test_errors_of_ours_become_checks() -> None:
    """The summary is what was found, the detail what to do."""
    fault = ReconcilerError("it is closed", "Open it.")

    assert doctor.refused("door", fault) == Check(Verdict.FAIL, "door", "it is closed", "Open it.")
