"""Specs applied anew at every save: the world is what the last good ones say, and the page says the truth."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from pages import chromium, opened, violations
from playwright.sync_api import expect
from worlds import Spec, World, edited, random_spec, stack_of, there_is, wanted_of

from reconciler.cli import echo
from reconciler.cli.options import Settings
from reconciler.cli.reapplying import AGAIN_AFTER, Reapplying
from reconciler.cli.watching import Watch
from reconciler.diagnostics import ExitCode
from reconciler.emulator import Clock, Effect, Home, Match, Rule, Store, ask, open_home, open_in_memory
from reconciler.emulator.control.routes import control
from reconciler.emulator.doors.server import running
from reconciler.emulator.wire import Request
from reconciler.record import Held, LeaseHeldError
from reconciler.variables import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from reconciler.cli.carrying import Job

DEADLINE_S = 30.0
STACK = """\
stack: {name: shop, record: none}
variables:
  wa: {type: phone, default: +15550100200}
senders:
  wa: whatsapp:${var.wa}
  sms: "+15550100201"
conversations:
  order:
    friendly_name: Order 1042
    participants:
      customer: {address: +15550100301, via: wa}
      courier:
        address: +15550100302
        via: sms

      desk: {identity: desk-1}
"""


def json_of(store: Store, name: str) -> dict[str, Any]:
    answer = control(store, Request("GET", f"/_emulator/{name}", {}, b"", "http", "localhost"))
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


@dataclass
class Desk:
    """A stack's folder, the world that is kept as it says, and a hand that saves."""

    folder: Path
    inputs: Inputs = field(default_factory=Inputs)
    store: Store = field(default_factory=lambda: Store(clock=Clock.frozen()))
    path: Path | None = None

    def __post_init__(self) -> None:
        echo.begin()
        settings = Settings(self.path or self.folder, self.inputs, "text", local=True)
        self.kept = Reapplying(settings, self.store)
        self._saves = 0

    def begin(self) -> None:
        asyncio.run(self.kept.begin())

    def looks(self, count: int = 2) -> None:
        """Let the files be looked at as often as a save needs to be noticed."""

        async def look() -> None:
            for _ in range(count):
                await self.kept.step()

        asyncio.run(look())

    def write(self, text: str, name: str = "stack.yaml") -> None:
        """Write a file in place; its time moves on, however fast this test is."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._saves += 1
        os.utime(path, ns=(self._saves * 10**9, self._saves * 10**9))

    def save(self, text: str, name: str = "stack.yaml") -> None:
        """Write a file, and let it be noticed."""
        self.write(text, name)
        self.looks()

    @property
    def told(self) -> dict[str, Any]:
        return json_of(self.store, "specs")

    @property
    def world(self) -> World:
        world = World()
        world.store = self.store
        return world

    def pairs(self) -> dict[str, str]:
        """Return the masks: what each party's own number is paired with."""
        rows = [row for one in self.world.snapshot(open_only=True).values() for row in one["Participants"]]
        bindings = [row["messaging_binding"] for row in rows if row["messaging_binding"]]
        return {one["address"]: one["proxy_address"] for one in bindings}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "specs"
    path.mkdir()
    return path


@pytest.fixture
def desk(folder: Path) -> Desk:
    made = Desk(folder)
    made.write(STACK)
    made.begin()
    return made


# --- laws --------------------------------------------------------------------------------------------------

WITH_RECORD = 3
"""In how many worlds a record is kept: making its service takes a second of real time, once."""
BROKEN = ("conversations: {", "stack: {name: law}\nconversatons: {}\n", "stack: {name: LAW}\n", "", "- 1\n")
REFUSED = "stack: {name: law, limits: {remove: 0, remove_percent: 0}}\nconversations: {x: {}}\n"


@pytest.mark.parametrize("seed", range(12))
def test_the_world_is_what_the_last_good_specs_say(seed: int, folder: Path) -> None:
    """Whatever is saved, in whatever order: good specs, broken ones, and such as safety refuses."""
    dice, desk = random.Random(seed), Desk(folder)
    good: Spec = random_spec(dice)
    good["stack"]["record"] = "sync" if seed < WITH_RECORD else "none"
    desk.write(json.dumps(good, indent=1))
    desk.begin()
    for _ in range(8):
        what = dice.choice(["good", "good", "broken", "refused"])
        before = there_is(desk.world, good)
        if what == "good":
            good = edited(dice, good)
            good["stack"]["limits"] = {"remove": 99}
            desk.save(json.dumps(good, indent=1))
        else:
            desk.save(dice.choice(BROKEN) if what == "broken" else REFUSED)
        is_refused = what == "broken" or (what == "refused" and bool(good["conversations"]))
        if what == "refused" and not is_refused:
            good = {"stack": {"name": "law"}, "senders": {}, "conversations": {"x": {}}}

        assert_true(desk, good, is_refused=is_refused)
        if is_refused:
            assert there_is(desk.world, good) == before


def assert_true(desk: Desk, good: Spec, *, is_refused: bool) -> None:
    """Hold the world and what the page is told against the last good specs: their plan is empty."""
    told = desk.told
    assert desk.world.plan(stack_of(good)).plan.visible == ()
    assert there_is(desk.world, good) == wanted_of(good)
    assert told["state"] == ("not_applied" if is_refused else "applied"), told
    assert bool([one for one in told["problems"] if one["severity"] == "error"]) is is_refused
    assert set(told["places"]) == {str(address) for address in stack_of(good).desired.resources}


# --- saving ------------------------------------------------------------------------------------------------

OTHER = STACK.replace("+15550100200", "+15550100250")
WAYS: dict[str, Callable[[Path, str], None]] = {}


def way(function: Callable[[Path, str], None]) -> Callable[[Path, str], None]:
    WAYS[function.__name__] = function
    return function


@way
def in_place(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@way
def by_rename(path: Path, text: str) -> None:
    """As vim and most editors do; size and time may be those of before."""
    before = path.stat()
    fresh = path.with_name(".stack.yaml.swp")
    fresh.write_text(text, encoding="utf-8")
    os.utime(fresh, ns=(before.st_atime_ns, before.st_mtime_ns))
    fresh.replace(path)


@way
def moved_away_and_written(path: Path, text: str) -> None:
    path.rename(path.with_name("stack.yaml~"))
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", WAYS)
def test_however_an_editor_saves_it_is_noticed(name: str, desk: Desk) -> None:
    """In place, by a rename, or with a copy kept."""
    assert desk.pairs()["whatsapp:+15550100301"] == "whatsapp:+15550100200"
    WAYS[name](desk.folder / "stack.yaml", OTHER)
    desk.looks()

    assert desk.pairs()["whatsapp:+15550100301"] == "whatsapp:+15550100250"
    assert desk.told["state"] == "applied"


def test_half_a_file_is_read_once_it_is_whole(desk: Desk) -> None:
    """What is written in pieces is not read before it rests; and if it rests broken, the next save helps."""
    heard = desk.store.events.last
    for end in (0, 40, 200, len(OTHER)):
        desk.write(OTHER[:end])
        desk.looks(1)
    assert desk.store.events.last == heard
    desk.looks(1)
    assert desk.pairs()["whatsapp:+15550100301"] == "whatsapp:+15550100250"

    desk.save(STACK[:40])
    assert desk.told["state"] == "not_applied"
    desk.save(STACK)
    assert desk.told["state"] == "applied"
    assert desk.told["problems"] == []


def test_files_come_and_go(desk: Desk) -> None:
    """New files beside the others, those that are included, the stack itself; dots are editors' own."""
    (desk.folder / "more").mkdir()
    desk.save("conversations: {late: {}}\n", "late.yaml")
    assert "conversation/late" in desk.told["places"]
    desk.save("include: [more/*.yaml]\nconversations: {late: {}}\n", "late.yaml")
    assert "more/*.yaml matches no file" in desk.told["problems"][0]["summary"]
    desk.save("conversations: {deep: {}}\n", "more/deep.yaml")
    assert desk.told["places"]["conversation/deep"]["file"].endswith("more/deep.yaml")
    (desk.folder / "more" / "deep.yaml").rename(desk.folder / "more" / ".deep.yaml")
    (desk.folder / "late.yaml").unlink()
    desk.looks()

    assert {name for name in desk.told["places"] if name.count("/") == 1} == {"conversation/order"}
    assert len(desk.world.snapshot(open_only=True)) == 1
    (desk.folder / "stack.yaml").unlink()
    desk.looks()
    assert (desk.told["state"], len(desk.world.snapshot(open_only=True))) == ("not_applied", 1)
    assert "holds no *.yaml file" in desk.told["problems"][0]["summary"]


def test_files_of_variables_are_looked_at_too(folder: Path, tmp_path: Path) -> None:
    """They may lie elsewhere."""
    variables = tmp_path / "mine.yaml"
    variables.write_text("wa: +15550100260\n", encoding="utf-8")
    desk = Desk(folder, Inputs(files=(variables,)))
    desk.write(STACK)
    desk.begin()
    assert desk.pairs()["whatsapp:+15550100301"] == "whatsapp:+15550100260"
    variables.write_text("wa: +155501002700\n", encoding="utf-8")
    desk.looks()

    assert desk.pairs()["whatsapp:+15550100301"] == "whatsapp:+155501002700"


def test_what_leads_out_of_the_folder_is_not_looked_for(folder: Path) -> None:
    """An include that would be refused is not followed; neither is one that names itself."""
    (folder.parent / "outside.yaml").write_text("conversations: {}\n", encoding="utf-8")
    wanted = ["../outside.yaml", "/etc/hosts.yaml", "stack.yaml", "*.yaml"]
    (folder / "stack.yaml").write_text(
        f"stack: {{name: a}}\ninclude: {json.dumps(wanted)}\n", encoding="utf-8"
    )
    watch = Watch(folder)
    watch.take()
    (folder.parent / "outside.yaml").unlink()

    assert (watch.step(), watch.step(), watch.holds_stack()) == ((), (), True)
    (folder / "stack.yaml").write_text("conversations: {}\n", encoding="utf-8")
    assert (watch.step(), watch.step()) == ((), (folder / "stack.yaml",))
    assert watch.holds_stack() is False


def test_the_service_that_a_stack_names_is_there(folder: Path) -> None:
    """It is made once, in this world; one named by a sid that is not there is told."""
    desk = Desk(folder)
    desk.write(STACK.replace("{name: shop", "{name: shop, service: support"))
    desk.begin()
    desk.save(OTHER.replace("{name: shop", "{name: shop, service: support"))
    (service,) = (one for one in desk.store.index.services if one.friendly_name == "support")

    assert desk.told["state"] == "applied"
    assert [one.service_sid for one in desk.store.index.conversations[service.sid]] == [service.sid]
    desk.save(OTHER.replace("{name: shop", f"{{name: shop, service: IS{'0' * 32}"))
    assert desk.told["state"] == "not_applied"
    assert len(desk.store.index.services) == 2


def test_a_file_is_no_pattern(folder: Path) -> None:
    """A stack may be called as it likes; only includes and folders name many files."""
    desk = Desk(folder, path=folder / "a[1].yaml")
    desk.write(STACK, "a[1].yaml")
    desk.begin()
    assert desk.told["state"] == "applied"
    desk.save(OTHER, "a[1].yaml")

    assert desk.pairs()["whatsapp:+15550100301"] == "whatsapp:+15550100250"


def test_what_a_broken_file_included_is_still_looked_at(folder: Path) -> None:
    """Whoever mends the included one meanwhile is heard."""
    desk = Desk(folder)
    desk.write("{}\n", "more/deep.yaml")
    desk.write("stack: {name: a}\ninclude: [more/*.yaml]\n")
    watch = Watch(folder)
    watch.take()
    for text in ("stack: {name: a}\ninclude: [more/*.yaml\n", "stack: {name: a}\ninclude: 3\n"):
        desk.write(text)
        assert (watch.step(), watch.step()) == ((), (folder / "stack.yaml",))
        desk.write(f"# {text.splitlines()[-1]}\n", "more/deep.yaml")
        assert (watch.step(), watch.step()) == ((), (folder / "more" / "deep.yaml",))


def test_more_files_than_can_be_watched_are_said_to_be(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, and again when there are too many again."""
    monkeypatch.setattr("reconciler.cli.watching.MOST", 3)
    for count in (3, 4, 5, 2, 4):
        for path in desk.folder.glob("more-*.yaml"):
            path.unlink()
        for n in range(count - 1):
            desk.write("conversations: {}\n", f"more-{n}.yaml")
        desk.looks(3)

    assert capsys.readouterr().err.count("not every save is noticed") == 2


def test_a_folder_without_a_stack_is_left_alone_until_it_has_one(folder: Path) -> None:
    """Other programs write YAML, too."""
    desk = Desk(folder)
    desk.write("services: {web: {image: nginx}}\n", "compose.yaml")
    desk.begin()
    assert (desk.told["state"], desk.world.snapshot()) == ("none", {})
    (folder / "compose.yaml").unlink()
    desk.save(STACK)

    assert desk.told["state"] == "applied"
    assert (desk.told["stack"], desk.told["summary"]) == ("shop", "1 conversation, 3 participants")


# --- what the page is told ---------------------------------------------------------------------------------


def test_every_line_is_the_true_one(desk: Desk) -> None:
    """File and line are where an editor finds them, and the text is what stands there; blocks whole."""
    path, places = str(desk.folder / "stack.yaml"), desk.told["places"]
    lines = STACK.splitlines()
    customer = places["conversation/order/participant/customer"]
    courier = places["conversation/order/participant/courier"]

    assert (customer["file"], lines[customer["line"] - 1].strip()) == (path, customer["text"])
    assert customer["text"] == "customer: {address: +15550100301, via: wa}"
    assert customer["sender"] == {"file": path, "line": 5, "text": "wa: whatsapp:${var.wa}", "sender": None}
    assert courier["text"] == "courier:\n  address: +15550100302\n  via: sms"
    assert courier["sender"]["line"] == 6
    assert places["conversation/order/participant/desk"]["sender"] is None
    assert places["conversation/order"]["text"] == "order:"


def test_of_two_senders_with_one_number_the_one_that_is_named_is_told(folder: Path) -> None:
    """And a pool is the sender of whom it was chosen for."""
    desk = Desk(folder)
    text = STACK.replace(
        "senders:\n", 'senders:\n  other: "+15550100201"\n  pool: ["+15550100201", "+15550100203"]\n'
    )
    desk.write(text + "      second: {address: +15550100305, via: pool}\n")
    desk.begin()
    people = {name.rpartition("/")[2]: line for name, line in desk.told["places"].items()}

    assert people["courier"]["sender"]["text"] == 'sms: "+15550100201"'
    assert people["second"]["sender"]["text"].startswith("pool: [")


def test_a_mistake_is_told_with_its_place_and_what_to_do(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal as `validate` does, and to the page; what was good keeps its lines."""
    before = desk.told
    desk.save(STACK.replace("friendly_name", "frendly_name"))
    told, said = desk.told, capsys.readouterr().err
    (problem,) = told["problems"]

    assert (problem["file"], problem["line"], problem["column"]) == (str(desk.folder / "stack.yaml"), 9, 5)
    assert problem["quote"].splitlines() == ["    frendly_name: Order 1042", "    ^"]
    assert "friendly_name" in problem["detail"]
    assert f"{problem['file']}:9:5: error: {problem['summary']}" in said
    assert "Nothing was applied" in said
    assert (told["state"], told["places"]) == ("not_applied", before["places"])


def test_a_stack_with_environments_is_told_to_choose_one(folder: Path) -> None:
    """At the start, as anywhere else."""
    text = STACK + "environments: {staging: {variables: {wa: +15550100280}}}\n"
    desk, chosen = Desk(folder), Desk(folder, Inputs(environment="staging"))
    desk.write(text)
    desk.begin()
    chosen.begin()

    assert "Choose with -e: staging." in desk.told["problems"][0]["detail"]
    assert (chosen.told["state"], chosen.told["environment"]) == ("applied", "staging")
    assert "whatsapp:+15550100280" in chosen.pairs().values()


def test_a_removal_beyond_the_limits_names_the_line_that_consents(desk: Desk) -> None:
    """Nothing of such a save is applied, also what would be allowed by itself."""
    many = "".join(f"  c{n}: {{}}\n" for n in range(12))
    desk.save(STACK + many)
    before = desk.world.snapshot()
    desk.save(OTHER)

    assert (desk.told["state"], desk.world.snapshot()) == ("not_applied", before)
    assert "limits: {remove: 12}" in desk.told["problems"][0]["detail"]
    desk.save(OTHER.replace("{name: shop", "{limits: {remove: 12}, name: shop"))
    assert (desk.told["state"], len(desk.world.snapshot(open_only=True))) == ("applied", 1)
    desk.save("stack: {name: shop, record: none}\n")
    assert "describe no resource" in desk.told["problems"][0]["summary"]


SECRET = """\
stack: {name: shop, record: none}
variables:
  token:
    sensitive: true
    default: hush-hush
conversations: {a: {attributes: {token: "${var.token}"}}}
"""


@pytest.mark.parametrize(
    "broken",
    [
        SECRET.replace("hush-hush", "hush-hush: ["),
        SECRET.replace("default: hush-hush", "default: {hush-hush"),
        SECRET.replace("sensitive: true", "sensitive: true\n    typo: hush-hush"),
        SECRET.replace("default: hush-hush", "type: integer\n    default: hush-hush"),
        SECRET + "x: [hush-hush\n",
        json.dumps(
            {"stack": {"name": "shop"}, "variables": {"t": {"sensitive": True, "default": "hush-hush"}}}
        )[:-1],
    ],
)
def test_no_secret_is_told(broken: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither to the page nor on the terminal, however broken the file is that it stands in."""
    desk = Desk(folder)
    desk.write(SECRET)
    desk.begin()
    assert desk.told["state"] == "applied"
    desk.save(SECRET.replace("{name", "{on_remove: close, name").replace("a: {", "a: {friendly_name: A, "))
    desk.save(broken)

    assert desk.told["state"] == "not_applied"
    events = [asdict(one) for one in desk.store.events.since(0) if one.type == "specs.changed"]
    assert "hush" not in json.dumps([desk.told, events])
    assert "hush" not in "".join(capsys.readouterr())


def test_a_secret_of_before_is_none_that_may_be_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """It may still be in force elsewhere, and who writes a file anew quotes what was there."""
    desk.save(SECRET.replace("{name", "{on_remove: close, limits: {remove: 9}, name"))
    assert desk.told["state"] == "applied"
    desk.save(
        SECRET.replace("{name", "{on_remove: close, limits: {remove: 9}, name").replace("hush-hush", "new")
    )
    assert desk.told["state"] == "applied"
    desk.save(SECRET.replace("stack:", "stck:") + "hush-hush: {x: hush-hush\n")

    assert desk.told["state"] == "not_applied"
    assert "hush" not in json.dumps(desk.told) + "".join(capsys.readouterr())


# --- others at work, and what goes wrong -------------------------------------------------------------------


def test_another_apply_is_not_disturbed_and_comes_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it holds the lease nothing is applied, which is said once; then ours is, without another save."""
    held = True

    async def carry(*given: Any) -> int:
        if held:
            raise LeaseHeldError("shop is being applied on this machine by process 4711", "Try again.")
        code: int = await original(*given)
        return code

    module = sys.modules["reconciler.cli.reapplying"]
    original = module.carry
    monkeypatch.setattr(module, "carry", carry)
    desk.save(OTHER)
    desk.looks(3 * AGAIN_AFTER)

    assert desk.told["state"] == "not_applied"
    assert "process 4711" in desk.told["problems"][0]["summary"]
    assert capsys.readouterr().err.count("process 4711") == 1
    held = False
    desk.looks(AGAIN_AFTER)
    assert (desk.told["state"], "whatsapp:+15550100250" in desk.pairs().values()) == ("applied", True)


@pytest.mark.parametrize("code", [ExitCode.STALE, ExitCode.LEASE_HELD])
def test_an_apply_that_was_overtaken_is_tried_again(
    code: ExitCode, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, which is what is said; the run of another that came first is named, or the lost lease."""

    async def carry(job: Job, *_: Any) -> int:
        assert job.follower is not None
        if code == ExitCode.LEASE_HELD:
            job.follower.brake.trip("the lease was lost")
        return code

    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["reconciler.cli.reapplying"], "carry", carry)
        desk.save(OTHER)
    (problem,) = desk.told["problems"]
    assert ("the lease was lost" in problem["summary"]) == (code == ExitCode.LEASE_HELD)
    assert ("another apply changed this stack" in problem["summary"]) == (code == ExitCode.STALE)
    assert problem["detail"] == "It is tried again in a moment."
    desk.looks(AGAIN_AFTER - 1)
    assert desk.told["state"] == "not_applied"
    desk.looks(1)
    assert desk.told["state"] == "applied"


@pytest.mark.parametrize(
    ("reason", "said"), [("it was stopped", "The next start"), ("", "Save once more to go on.")]
)
def test_an_apply_that_came_to_nothing_says_why(
    reason: str, said: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal is no other apply, and nothing is tried again by itself."""

    async def carry(job: Job, *_: Any) -> int:
        assert job.follower is not None
        if reason:
            job.follower.brake.trip(reason)
        return ExitCode.ERROR

    monkeypatch.setattr(sys.modules["reconciler.cli.reapplying"], "carry", carry)
    with pytest.raises(asyncio.CancelledError) if reason else nullcontext():
        desk.save(OTHER)
    (problem,) = desk.told["problems"]
    assert (problem["summary"], said in problem["detail"]) == (
        reason or "the run did not come to its end",
        True,
    )
    heard = desk.store.events.last
    desk.looks(2 * AGAIN_AFTER)
    assert desk.store.events.last == heard


def test_an_apply_that_fails_is_told_and_gone_on_with(desk: Desk) -> None:
    """What of it was done stays done; the next save does the rest."""
    refusal = Effect("status", status=403, code=20403)
    desk.store.faults.use([Rule(refusal, Match(method="POST", form={"FriendlyName": "no"}))])
    desk.save(STACK + "  good: {}\n  bad: {friendly_name: no}\n")
    told = desk.told

    assert (told["state"], len(desk.world.snapshot(open_only=True))) == ("partly_applied", 2)
    (problem,) = told["problems"]
    assert (problem["address"], problem["line"]) == ("conversation/bad", 18)
    desk.store.faults.use([])
    desk.save(STACK + "  good: {}\n  bad: {friendly_name: no}\n# again\n")
    assert (desk.told["state"], len(desk.world.snapshot(open_only=True))) == ("applied", 3)


def test_a_mistake_of_ours_is_said_and_ends_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its place, without its words, which may hold a secret; the next save is tried as any other."""

    def read(_: object) -> None:
        raise KeyError("hush-hush")

    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["reconciler.cli.reapplying"], "read", read)
        desk.save(OTHER)
    said = capsys.readouterr().err

    assert re.search(r"a mistake of its own: KeyError in test_emulator_specs\.py:\d+", said)
    assert "hush" not in said + json.dumps(desk.told)
    assert desk.told["state"] == "not_applied"
    desk.save(OTHER + "# again\n")
    assert desk.told["state"] == "applied"


def test_no_account_can_be_reached(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever credentials are at hand, and whatever account an environment is for."""

    async def send(*_: object) -> None:
        raise AssertionError("a network was used")

    monkeypatch.setattr("reconciler.transport.Network.send", send)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "1" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "real")
    desk = Desk(folder, Inputs(environment="prod"))
    desk.write(STACK + f"environments: {{prod: {{account: AC{'9' * 32}}}}}\n")
    desk.begin()

    assert desk.told["state"] == "applied"
    assert desk.store.writes > 0


def test_followers_hear_of_every_save(desk: Desk) -> None:
    """An event tells that the specs were read."""
    desk.save(STACK + "# again\n")
    desk.save("stack: {")
    desk.looks(4)
    states = [one.data["state"] for one in desk.store.events.since(0) if one.type == "specs.changed"]

    assert states == ["applied", "applied", "not_applied"]


def test_a_reset_is_left_alone_and_told(desk: Desk) -> None:
    """Who wanted an empty world, or another one, has it until something is saved."""
    desk.store.reset()
    desk.looks(AGAIN_AFTER)
    assert (desk.told["state"], desk.world.snapshot()) == ("not_applied", {})
    assert "Save a spec" in desk.told["summary"]
    desk.save(STACK + "# again\n")
    desk.looks(5)  # it was one reset, and is over
    assert (desk.told["state"], len(desk.world.snapshot())) == ("applied", 1)


def test_who_is_waited_for_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease of a run that died takes its time: the page says so, and the way in was said before."""
    seen: list[tuple[str, str, list[str]]] = []
    module = sys.modules["reconciler.cli.reapplying"]
    original = module.carry

    async def carry(job: Job, approval: Any) -> int:
        assert job.follower is not None
        job.follower.waiting(Held("ann@desk", "run", "nonce", 60.0))
        seen.append((desk.told["state"], desk.told["summary"], ready.copy()))
        code: int = await original(job, approval)
        return code

    ready: list[str] = []
    desk.kept.ready = lambda: ready.append("said")
    monkeypatch.setattr(module, "carry", carry)
    desk.save(OTHER)

    assert seen == [("waiting", "ann@desk is at work on this stack, and is waited for.", ["said"])]
    assert desk.told["state"] == "applied"


# --- as typed ----------------------------------------------------------------------------------------------


@dataclass
class Served:
    """`reconciler emulator` as a process of its own."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str]

    def get(self, name: str) -> Any:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE_S)
        try:
            connection.request("GET", f"/_emulator/{name}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def put(self, name: str, body: Any) -> None:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=DEADLINE_S)
        connection.request("PUT", f"/_emulator/{name}", json.dumps(body))
        assert connection.getresponse().status == 200
        connection.close()

    def after(self, deed: Callable[[], object]) -> dict[str, Any]:
        """Do something, and return how the specs stand once that has changed."""
        last = self.get("page")["last_event"]
        deed()
        assert self.get(f"wait?event=specs.changed&timeout_s={DEADLINE_S:g}&since={last}")["id"] > last
        found: dict[str, Any] = self.get("specs")
        return found


@contextmanager
def served(folder: Path, *options: str, lines: int = 5) -> Iterator[Served]:
    """Serve a folder; what it prints until it waits is read."""
    command = [sys.executable, "-m", "reconciler", "emulator", str(folder), "--port", "0", *options]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **streams) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline() for _ in range(4 if "--no-apply" in options else lines)]
            yield Served(process, said[0].split()[1], said)
        finally:
            process.kill()


def ended(one: Served) -> tuple[str, str, int]:
    """Press Ctrl-C, and return what was said since, and the exit code."""
    one.process.send_signal(signal.SIGINT)
    out, err = one.process.communicate(timeout=DEADLINE_S)
    return out, err, one.process.returncode


def test_a_real_process_applies_what_is_saved(folder: Path) -> None:
    """Started, saved, seen, planned from another terminal, stopped; and all is there the next time."""
    stack = folder / "stack.yaml"
    stack.write_text(STACK, encoding="utf-8")
    with served(folder) as one:
        assert one.lines[0] == f"open {one.url} in a browser: the phones\n"
        assert one.lines[4].startswith("specs applied: 1 conversation, 3 participants")
        told = one.after(lambda: stack.write_text(OTHER, encoding="utf-8"))
        assert told["state"] == "applied"
        plan = [sys.executable, "-m", "reconciler", "plan", str(folder), "--local", "--detailed-exitcode"]
        assert subprocess.run(plan, capture_output=True, timeout=DEADLINE_S, check=False).returncode == 0
        told = one.after(lambda: stack.write_text("stack: {", encoding="utf-8"))
        assert told["state"] == "not_applied"
        out, err, code = ended(one)

    assert (code, "Done: 1 replaced." in out) == (0, True), (out, err)
    assert f"{stack} changed:\n" in out
    assert f"{stack}:1:8: error: " in err
    assert "Traceback" not in err
    assert err.endswith("Stopped.\n")
    assert "+1555" not in out + err  # nobody knows who reads a pipe


def test_ctrl_c_ends_an_apply_that_is_under_way(folder: Path) -> None:
    """As it does elsewhere: what is under way may end, a second one cuts it short; the next start goes on."""
    stack = folder / "stack.yaml"
    stack.write_text(STACK, encoding="utf-8")
    creation = {"method": "POST", "path": "^.*/Conversations$"}
    slow = {"match": creation, "effect": {"kind": "latency", "seconds": 60}}
    with served(folder) as one:
        one.put("faults", {"rules": [slow]})
        stack.write_text(STACK + "  late: {}\n", encoding="utf-8")
        deadline_s = time.monotonic() + DEADLINE_S
        while not one.get("faults")["rules"][0]["fired"]:
            assert time.monotonic() < deadline_s
        one.process.send_signal(signal.SIGINT)
        assert one.process.stderr is not None
        said = one.process.stderr.readline()
        _, err, code = ended(one)

    assert "Stopping (SIGINT): no call starts any more" in said
    assert "nobody knows yet whether it happened" in err
    assert "create conversation/late" in err
    assert code == 0
    with served(folder) as one:
        assert one.lines[4].startswith("specs applied: 2 conversations")


def test_a_world_in_memory_is_made_of_the_specs_too(folder: Path) -> None:
    """And keeps nothing beside them; with --no-apply it stays empty."""
    (folder / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(folder, "--memory") as one:
        told = one.after(lambda: (folder / "stack.yaml").write_text(OTHER, encoding="utf-8"))
        assert (told["state"], len(one.get("page")["phones"])) == ("applied", 2)
        assert ended(one)[2] == 0
    assert [path.name for path in folder.iterdir()] == ["stack.yaml"]
    with served(folder, "--memory", "--no-apply") as one:
        assert (one.get("specs")["state"], one.get("page")["conversation"]) == ("none", None)
        assert ended(one)[2] == 0

    assert [path.name for path in folder.iterdir()] == ["stack.yaml"]


SAYS = ("sh", "-c", 'echo "$http_proxy"')


def test_a_world_in_memory_is_the_folders_while_it_is_served(folder: Path) -> None:
    """For `env`, `run` and `--local`; a second emulator beside it says where it is."""
    (folder / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(folder, "--memory") as one:

        def told(*words: object) -> subprocess.CompletedProcess[str]:
            line = [sys.executable, "-m", "reconciler", *map(str, words)]
            return subprocess.run(line, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

        assert f"http_proxy={one.url}\n" in told("emulator", "env", folder).stdout
        assert told("emulator", "run", folder, "--", *SAYS).stdout == f"{one.url}\n"
        assert told("plan", folder, "--local", "--detailed-exitcode").returncode == 0
        for words in ((folder,), (folder, "--memory")):
            second = told("emulator", *words, "--port", "0")
            assert (second.returncode, f"runs already at {one.url}" in second.stderr) == (1, True)
        third = told("emulator", "run", folder, "--sender", "+15550100201", "--", "true")
        assert f"runs already at {one.url}" in third.stderr
        assert not (folder / ".reconciler" / "local.db").exists()
        assert ended(one)[2] == 0
    assert told("plan", folder, "--local", "--detailed-exitcode").returncode == 2


def test_a_world_in_memory_needs_nothing_of_its_folder(folder: Path) -> None:
    """Where it cannot be announced that is said, and it is served."""
    (folder / ".reconciler").write_text("in the way", encoding="utf-8")
    with served(folder, "--memory", "--no-apply") as one:
        assert one.get("health")["status"] == "ok"
        _, err, code = ended(one)
    assert ("commands do not find this emulator" in err, code) == (True, 0)


def test_a_server_takes_back_only_what_it_announced(folder: Path) -> None:
    """A command that has the folder's file meanwhile leaves the emulator in memory to be found."""
    with open_home(folder, 1.0), open_in_memory(folder, Store()) as home, running(Store()) as url:
        assert isinstance(home, Home)
        home.announce(url)
        place = folder / ".reconciler" / "emulator.json"
        place.write_text(json.dumps({"url": url, "pid": 1}), encoding="utf-8")
    assert json.loads(place.read_text(encoding="utf-8"))["pid"] == 1


def test_switches_and_senders_are_those_that_are_typed(folder: Path) -> None:
    """A number that nobody tested is taken, too; other answers hold from the next call on."""
    words = ("--switch", "attach_delay_s=7.5", "--switch", "own_pair_code=50437", "--sender", "+15550100201")
    with served(folder, "--memory", "--no-apply", *words) as one:
        found = one.get("switches")
        assert (found["attach_delay_s"]["answer"], found["own_pair_code"]["answer"]) == (7.5, 50437)
        one.put("switches", {"attach_delay_s": 0})
        assert one.get("switches")["attach_delay_s"]["answer"] == 0


def test_a_number_that_is_not_the_accounts_is_refused_at_its_line(folder: Path) -> None:
    """As Twilio does, with the code that a real account would get."""
    (folder / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(folder, "--memory", "--sender", "whatsapp:+15550100200", lines=4) as one:
        problems = one.get("specs")["problems"]
        assert [one["address"] for one in problems] == ["conversation/order/participant/courier"]
        assert "50413" in problems[0]["summary"] + problems[0]["detail"]


# --- on the page -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def test_the_phones_put_on_another_mask(folder: Path, browser: Browser) -> None:
    """Saved, and at once each writes to another number; the line that made it so stands between them."""
    stack = folder / "stack.yaml"
    stack.write_text(STACK, encoding="utf-8")
    with served(folder) as one, opened(browser, one.url) as page:
        customer = page.get_by_role("article", name="customer")
        pair = page.locator(".pair").filter(has_text="customer")
        expect(customer.locator(".peer")).to_contain_text("0200")
        expect(pair).to_contain_text(f"{stack}:11")
        expect(pair).to_contain_text("customer: {address: +15550100301, via: wa}")
        expect(pair).to_contain_text(f"{stack}:5")

        stack.write_text("# a line more\n" + OTHER, encoding="utf-8")
        expect(customer.locator(".peer")).to_contain_text("0250")
        expect(pair).to_contain_text(f"{stack}:12")
        box = customer.get_by_role("textbox")
        box.fill("Where are you?")
        box.press("Enter")
        expect(pair).to_have_class(re.compile(r"\bin\b"))
        expect(pair).to_contain_text("wa: whatsapp:${var.wa}")
        expect(page.get_by_role("article", name="courier")).to_contain_text("Where are you?")

        stack.write_text(OTHER.replace("friendly_name", "frendly_name"), encoding="utf-8")
        banner = page.get_by_role("status").get_by_label("Specs")
        expect(banner).to_contain_text(f"{stack}:9:5")
        expect(banner.get_by_label("The line")).to_contain_text("    frendly_name: Order 1042\n    ^")
        expect(customer.locator(".peer")).to_contain_text("0250")
        assert violations(page) == []
        stack.write_text(OTHER, encoding="utf-8")
        expect(banner).to_have_count(0)


def test_what_was_made_without_specs_is_said_to_be(browser: Browser) -> None:
    """Its line is the one that would be written."""
    store = Store(clock=Clock.frozen())
    ask(store, "POST", "/Conversations", {"UniqueName": "order"})
    pair = {"MessagingBinding.Address": "+15550100302", "MessagingBinding.ProxyAddress": "+15550100201"}
    ask(store, "POST", "/Conversations/order/Participants", pair)
    with running(store) as url, opened(browser, url) as page:
        expect(page.locator(".pair")).to_contain_text("how it would be written")
        expect(page.locator(".pair")).to_contain_text('{address: "+15550100302", via: sms}')
