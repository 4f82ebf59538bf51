"""What is claimed of a run, held against signals, full disks, links, forged records and garbage answers."""

from __future__ import annotations

import asyncio
import copy
import errno
import getpass
import json
import os
import random
import signal
from typing import TYPE_CHECKING, Any

import pytest
import test_apply
from scripted import Scripted, answer, gateway_over, run
from syncing import TARGET, Machine, SyncWorld
from test_apply import SPEC, Shop, digest_in, somebody_holds
from test_sending import FULL, Faulty
from worlds import World, stack_of

from reconciler import applying, emulator, journal
from reconciler.brake import Brake
from reconciler.diagnostics import ApiError, ReconcilerError
from reconciler.drift import REMOVED
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.model import EventKind
from reconciler.record import Record, Unfinished, only_here, read_record
from reconciler.record.holding import Lease
from reconciler.step import Form
from reconciler.workflow import make_plan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

shop = test_apply.shop
HALF: dict[str, Any] = {"method": "POST", "path": "^/v1/Services/[^/]+/Conversations/[^/]+/Participants$"}


# --- signals -----------------------------------------------------------------------------------------------


def stopped_at(owner: Any, name: str, nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a signal come right before the `nth` call of something."""
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)
    calls = iter(range(1, 10**6))

    async def hit(*args: Any, **options: Any) -> Any:
        if next(calls) == nth:
            os.kill(os.getpid(), signal.SIGTERM)
        return await real(*args, **options)

    monkeypatch.setattr(owner, name, hit)


ENDS: dict[str, tuple[Any, str, int]] = {
    "before the record is written": (applying, "note_end", 1),
    "before the lease is given back": (Lease, "give_back", 1),
    "before it is verified": (applying.Errand, "plan", 2),
}


@pytest.mark.parametrize("when", ENDS)
def test_a_signal_at_the_end_takes_back_nothing_that_was_told(
    when: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything was done by then: *nothing was written* would be a lie, and exit 1 too."""
    stopped_at(*ENDS[when], monkeypatch)
    told = shop.type("apply", "--yes", "--verify", expect=6)

    assert "Done: 4 created." in told
    assert "Stopped at the end: what is told above was done" in told
    assert "Nothing was written" not in told
    assert "No lease is held." in shop.type("lock", "status")


def test_a_signal_before_the_first_call_leaves_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is true."""
    stopped_at(applying, "note_begin", 1, monkeypatch)
    assert "Stopped. Nothing was written." in shop.type("apply", "--yes", expect=1)
    assert shop.sids == {}
    assert "No lease is held." in shop.type("lock", "status")


def test_a_lease_that_was_not_given_back_is_told(shop: Shop) -> None:
    """The next run has to wait for it; what was done is done."""
    shop.fail(times=9, host="sync", method="POST", form={"Data": '"lease":null'})
    told = shop.type("apply", "--yes")
    assert "Done: 4 created." in told
    assert "warning: the lease was not given back and runs out by itself" in told
    assert "The lease is held by" in shop.type("lock", "status")


# --- which apply is unfinished -----------------------------------------------------------------------------


def test_only_its_own_digest_has_what_an_unfinished_apply_left(shop: Shop) -> None:
    """The record holds a digest open; another one, or one that never was, does not get its remainder."""
    digest_in(shop.type("plan"))
    shop.fail(**HALF)
    shop.type("apply", "--yes", expect=6)
    before = shop.writes

    for wrong in ("aaaaaaaaaaaaaaaa", ""):
        shop.type("apply", "--digest", wrong, expect=3)
    assert shop.writes == before


def test_a_plan_that_is_done_closes_no_other_apply(shop: Shop, tmp_path: Path) -> None:
    """A plan file with nothing left says nothing of what another digest has left."""
    file, spec = tmp_path / "first.plan", copy.deepcopy(SPEC)
    shop.type("plan", "--out", file)
    shop.type("apply", path=file)
    spec["conversations"]["c"] = {"friendly_name": "C"}
    shop.write(spec)
    name = digest_in(shop.type("plan"))
    shop.fail(method="POST", path="^/v1/Services/[^/]+/Conversations$")
    shop.type("apply", "--digest", name, expect=1)

    assert "4 approved changes are done already." in shop.type("apply", path=file)
    assert f"the apply of digest {name}" in shop.type("lock", "status")
    assert "Done: 1 created." in shop.type("apply", "--digest", name)


def test_another_key_is_told_before_what_does_not_fit_it(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another key no sensitive value looks like the reviewed one: that is not what is wrong."""
    spec: Any = copy.deepcopy(SPEC)
    spec["conversations"]["a"]["attributes"] = {"key": "${var.token}"}
    shop.write(spec)
    file = tmp_path / "reviewed.plan"
    shop.type("plan", "--out", file)
    monkeypatch.setenv("RECONCILER_KEY", "another key than it was made with")
    told = shop.type("apply", path=file, expect=4)
    assert "the plan was made under another key" in told
    assert "sensitive value" not in told


def test_no_approval_takes_everything_away_by_an_oversight(shop: Shop, tmp_path: Path) -> None:
    """Specs that describe nothing need a consent of their own, also where a digest or a file was approved."""
    shop.type("apply", "--yes")
    before = shop.sids
    shop.write({"stack": SPEC["stack"]})
    file = tmp_path / "reviewed.plan"
    name = digest_in(shop.type("plan", "--out", file, expect=4))

    assert "the specs describe no resource" in shop.type("apply", "--digest", name, expect=4)
    assert "the specs describe no resource" in shop.type("apply", path=file, expect=4)
    assert shop.sids == before
    shop.type("apply", "--allow-empty", path=file)
    assert shop.sids == {}


def test_a_part_with_nothing_to_do_closes_no_apply(shop: Shop) -> None:
    """What is outside of --only may be what was left."""
    shop.fail(**HALF)
    shop.type("apply", "--yes", expect=6)
    assert "Nothing to do" in shop.type("apply", "--yes", "--only", "conversation/b")
    assert "Unfinished" in shop.type("lock", "status")


def test_an_apply_that_came_between_stays_unfinished(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan with nothing to do says so of the apply that it saw, not of one that began since."""
    last = {"method": "POST", "path": "/Documents/ET", "form": {"Data": '"done"'}}
    shop.fail(times=2, host="sync", **last)
    shop.type("apply", "--yes")
    real = applying.Errand.plan

    async def overtaken(errand: applying.Errand, gateway: Any) -> Any:
        planned = await real(errand, gateway)
        path, row = document(shop)
        row["data"]["open"] = {"digest": "another one", "prints": "", "seal": ""}
        test_apply.sync(shop, "POST", path, {"Data": json.dumps(row["data"])})
        return planned

    monkeypatch.setattr(applying.Errand, "plan", overtaken)
    shop.type("apply", "--yes")
    shop.type("apply", "--yes")
    assert "the apply of digest another one" in shop.type("lock", "status")


def document(shop: Shop) -> tuple[str, dict[str, Any]]:
    """Return the path of the stack's record, and the record as Sync has it."""
    services = test_apply.sync(shop, "GET", "Services")["services"]
    sid = next(row["sid"] for row in services if row["friendly_name"] == "reconciler")
    row: dict[str, Any] = test_apply.sync(shop, "GET", f"Services/{sid}/Documents")["documents"][0]
    return f"Services/{sid}/Documents/{row['sid']}", row


def test_what_was_too_much_to_write_down_is_told() -> None:
    """Nobody knows what is left: neither all of it nor nothing."""
    record = Record("demo", open=Unfinished("abcdefgh", None))
    assert applying.approved_by_digest("another", record, b"key") is None
    with pytest.raises(ReconcilerError, match="too large"):
        applying.approved_by_digest("abcdefgh", record, b"key")


def test_what_a_part_left_out_was_not_deleted_by_others(shop: Shop) -> None:
    """An apply of a part does not know what exists after it, and does not say so."""
    shop.type("apply", "--yes", "--only", "conversation/a")
    told = shop.type("plan")
    assert "+ conversation/b" in told
    assert REMOVED not in told


def test_a_part_that_is_gone_is_done(shop: Shop, tmp_path: Path) -> None:
    """A plan file of a removal, applied twice: by then nothing has that name any more."""
    shop.type("apply", "--yes")
    spec = copy.deepcopy(SPEC)
    del spec["conversations"]["b"]
    shop.write(spec)
    file = tmp_path / "part.plan"
    shop.type("plan", "--only", "conversation/b", "--out", file)
    shop.type("apply", path=file)
    assert "1 approved change is done already." in shop.type("apply", path=file)


# --- a fresh read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
def test_a_write_that_has_to_wait_is_made_from_a_fresh_row(times: int) -> None:
    """Twilio says 429, and meanwhile an application sets a key of its own: it stays."""
    world = World()
    world.apply(stack_of(FULL))
    spec = copy.deepcopy(FULL)
    spec["conversations"]["a"]["attributes"]["topic"] = "another"  # type: ignore[index]
    path = f"/Conversations/{world.rows('Conversations')[0]['sid']}"
    writes = iter(range(10**6))

    def busy(_: int, method: str, __: str) -> emulator.Effect | None:
        if method == "GET" or (n := next(writes)) >= times:
            return None
        live = json.loads(emulator.ask(world.store, "GET", path)[1]["attributes"])
        theirs = {"Attributes": json.dumps({**live, f"theirs {n}": n})}
        emulator.ask(world.store, "POST", path, theirs)
        return emulator.Effect("status", status=429)

    plan = world.plan(stack_of(spec)).plan
    events = world.carry_out(plan, world.gateway_over(Faulty(world, busy)))

    assert {event.kind for event in events} == {EventKind.STARTED, EventKind.DONE}
    attributes = json.loads(world.rows("Conversations")[0]["attributes"])
    assert attributes["topic"] == "another"
    assert {f"theirs {n}" for n in range(times)} <= attributes.keys()


def test_nothing_comes_between_a_read_and_its_write() -> None:
    """However slow writes are to go and however many wait: the row is read when its turn has come."""
    transport = Scripted(lambda call: answer(200, {"sid": call.url[-3:], "n": 1}), latency_s=0.1)
    gateway = gateway_over(transport, parallelism=2, writes_per_second=0.5)

    def body(row: Mapping[str, Any]) -> Form:
        return Form((("N", str(row["n"])),))

    async def all_at_once() -> None:
        with gateway.allow_writes():
            async with asyncio.TaskGroup() as group:
                for n in range(5):
                    path = ("v1", f"CH{n}")
                    group.create_task(
                        gateway.write("POST", "conversations", path, None, "family", merge=body)
                    )

    run(all_at_once())
    for n in range(5):
        read, write = (call for call in transport.sent if call.url.endswith(f"CH{n}"))
        assert (read.method, write.method, write.body) == ("GET", "POST", b"N=1")
        assert write.at_s - read.at_s == pytest.approx(0.1)


# --- the journal -------------------------------------------------------------------------------------------


def test_only_journals_are_forgotten(tmp_path: Path) -> None:
    """Whatever else lies in the folder is somebody's; nor does a clock that was put back cost the new one."""
    (tmp_path / "0 customers.jsonl").write_text("theirs", encoding="utf-8")
    (tmp_path / "2020-01-01T000000Z-0a0b.jsonl").mkdir()
    for n in range(journal.KEPT + 3):
        with journal.open_journal(tmp_path, f"2026-01-01T0000{n:02}Z-{n:08x}", {}, lambda: "now"):
            pass
    with journal.open_journal(tmp_path, "2001-01-01T000000Z-0c0d", {}, lambda: "then") as late:
        assert late.path.exists()
    assert (tmp_path / "0 customers.jsonl").read_text(encoding="utf-8") == "theirs"


def full_disk(monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    """Let the disk be full after so many lines of a journal."""
    real, written = os.write, iter(range(10**6))

    def write(file: int, text: bytes) -> int:
        if text.startswith(b'{"') and next(written) >= lines:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, text)

    monkeypatch.setattr(os, "write", write)


@pytest.mark.parametrize("lines", range(1, 8))
def test_a_full_disk_stops_a_run_in_order(lines: int, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No call goes that is not on the disk, what was done is told, and the next apply finishes."""
    with monkeypatch.context() as patch:
        full_disk(patch, lines)
        told = shop.type("apply", "--yes", expect=1 if lines == 1 else 6)
    assert "Stopped: the journal cannot be written: no space left on device." in told
    assert "Traceback" not in told
    assert "a mistake in reconciler" not in told
    (file,) = (shop.folder / ".reconciler" / "journal").glob("*.jsonl")
    noted = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()[1:]]
    calls = [line for line in noted if line.get("method") == "POST"]
    rows = shop.world.rows("Conversations")
    made = len(rows) + sum(len(shop.world.rows(f"Conversations/{row['sid']}/Participants")) for row in rows)
    assert made == len(calls)

    shop.type("apply", "--yes")
    assert "Nothing to do" in shop.type("plan")


def test_a_journal_that_cannot_even_begin_stops_the_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything was written."""
    full_disk(monkeypatch, 0)
    assert "the journal cannot be written" in shop.type("apply", "--yes", expect=1)
    assert shop.sids == {}


def test_a_line_is_on_the_disk_before_its_call_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only handed to the system, which may die with it."""
    safe: list[int] = []
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        safe.append(os.fstat(file).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    with journal.open_journal(tmp_path, "2026-01-01T000000Z-00", {}, lambda: "now") as kept:
        kept.before("make a", "create", "POST", "v1/x")
        assert safe[-1] == kept.path.stat().st_size


# --- files of others ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="links that anybody can make are a matter of POSIX")
def test_no_link_leads_a_run_to_write_elsewhere(shop: Shop, tmp_path: Path) -> None:
    """Who can write into the folder of locks, or into the specs, gets no other file of ours cut or made."""
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    locks = tmp_path / "locks"
    with only_here(locks, TARGET):
        (lock,) = locks.iterdir()
        assert lock.stat().st_mode & 0o077 == 0
    lock.unlink()
    lock.symlink_to(victim)
    with pytest.raises(ReconcilerError, match="cannot be opened"), only_here(locks, TARGET):
        pytest.fail("locked through a link")
    assert victim.read_text(encoding="utf-8") == "mine"

    (shop.folder / ".reconciler").mkdir(exist_ok=True)
    (shop.folder / ".reconciler" / ".gitignore").symlink_to(tmp_path / "made")
    shop.type("apply", "--yes")
    assert not (tmp_path / "made").exists()


def test_a_folder_where_nothing_can_be_locked_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not somebody else's run."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(ReconcilerError, match="No locks available"), only_here(tmp_path, TARGET):
        pytest.fail("locked nothing")


def test_who_has_no_name_may_apply(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container runs as a number that no file knows."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    shop.type("apply", "--yes")
    assert "nobody@" in shop.type("history")


# --- what others wrote into the record ---------------------------------------------------------------------


def test_who_is_waited_for_is_told_in_plain_text(shop: Shop) -> None:
    """The record is open to all who may use Sync: no terminal obeys it, no number of it gets into a log."""
    somebody_holds(shop)
    path, row = document(shop)
    row["data"]["lease"]["who"] = "\x1b[2Jann +15550100399"
    test_apply.sync(shop, "POST", path, {"Data": json.dumps(row["data"])})

    told = shop.type("apply", "--yes", "--lease-timeout", "5")
    assert "Waiting for the lease: \\x1b[2Jann +1…" in told
    assert "\x1b" not in told
    assert "0399" not in told


def test_a_mistake_in_renewing_stops_the_run() -> None:
    """A lease that nobody renews any more, for whatever reason, lets no call start."""

    async def broken() -> None:
        raise ZeroDivisionError

    async def tripped() -> str:
        from reconciler.record.taking import _kept

        brake = Brake(Machine(SyncWorld(), "a").clock)
        with pytest.raises(ZeroDivisionError):
            await _kept(type("Held", (), {"keep": staticmethod(broken)})(), brake)
        return brake.reason

    assert run(tripped()) == "the lease cannot be renewed"


# --- garbage -----------------------------------------------------------------------------------------------

GARBAGE: list[Any] = [
    None,
    7,
    "x",
    "",
    [],
    {},
    [1],
    {"a": 1},
    True,
    "../../etc",
    "\x1b[31m",
    -1,
    [[]],
    [None],
]
BODIES = [b"", b"<html>", b"[]", b"null", b"7", b"{}", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe"]
STATUS = [200, 201, 204, 301, 302, 400, 404, 418, 503]


class Garbling:
    """A line on which some answers become something else."""

    def __init__(self, door: Any, seed: int) -> None:
        self._door = door
        self._dice = random.Random(seed)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Pass one call on, and now and then another answer back."""
        status, told, text = await self._door.send(method, url, headers, body, timeout_s)
        if self._dice.random() > 0.2:
            return status, told, text
        if self._dice.random() < 0.15 or not text:
            return self._dice.choice(STATUS), told, self._dice.choice(BODIES)
        return status, told, json.dumps(self._garbled(json.loads(text))).encode()

    def _garbled(self, tree: Any) -> Any:
        """Return a tree with something else in one place, or without it."""
        places: list[tuple[Any, ...]] = [()]
        for place in places:  # it grows while it is gone through
            held = at(tree, place)
            names = held if isinstance(held, dict) else range(len(held)) if isinstance(held, list) else ()
            places += [(*place, name) for name in names]
        place = self._dice.choice(places)
        if not place:
            return self._dice.choice(GARBAGE)
        above = at(tree, place[:-1])
        if isinstance(above, dict) and self._dice.random() < 0.3:
            del above[place[-1]]
        else:
            above[place[-1]] = self._dice.choice(GARBAGE)
        return tree


def at(tree: Any, place: tuple[Any, ...]) -> Any:
    for name in place:
        tree = tree[name]
    return tree


def problem_of(run: Callable[[Any], Any], work: Any) -> str | None:
    """Return in what sentence a work ended; None where it ended well."""
    try:
        run(work)
    except ReconcilerError as fault:
        return fault.diagnostics[0].summary
    return None


@pytest.mark.parametrize("seed", range(24))
def test_garbage_ends_in_a_sentence(seed: int) -> None:
    """Whatever answers in Twilio's place: a plan or a run ends by itself, in our words."""
    for n in range(seed * 20, seed * 20 + 20):
        world = World(seed=n)
        spec = copy.deepcopy(FULL)
        if n % 2:
            world.apply(stack_of(spec))
            conversation: Any = spec["conversations"]["a"]  # type: ignore[index]
            conversation["attributes"]["topic"] = "another"
            conversation["participants"]["desk"]["identity"] = "desk-2"
        gateway = world.gateway_over(Garbling(emulator.InProcess(world.store), n))

        async def whole(gateway: Any = gateway, world: World = world, spec: Any = spec) -> None:
            planned = await make_plan(stack_of(spec), gateway)
            async for event in carry_out(planned.plan, KINDS, gateway, world.clock):
                assert "a mistake in reconciler" not in event.detail, event

        assert problem_of(asyncio.run, whole()) != "", n


@pytest.mark.parametrize("seed", range(12))
def test_garbage_in_place_of_a_record_ends_in_a_sentence(seed: int) -> None:
    """Also while the lease is taken, kept and given back; what was taken is never kept for ever."""
    for n in range(seed * 20, seed * 20 + 20):
        world = SyncWorld()

        async def first(world: SyncWorld = world) -> None:
            async with Machine(world, "a").lease():
                pass

        if n % 2:
            run(first())
        machine = Machine(world, "b")
        machine._door = Garbling(machine._door, n)  # type: ignore[assignment]

        async def second(machine: Machine = machine) -> None:
            await read_record(machine.gateway, TARGET)
            async with machine.lease() as held:
                await held.write(lambda record: record)
                await asyncio.sleep(100)

        assert problem_of(run, second()) != "", n


@pytest.mark.parametrize("sid", ["../../x", "", "a/b", 7, ["IS1"], "IS 1", "é" * 34, "x" * 65])
def test_a_sid_that_leads_elsewhere_is_refused(sid: Any) -> None:
    """It becomes a part of paths and of a lock's file name."""

    async def ask() -> None:
        await gateway_over(Scripted([answer(200, {"sid": sid})])).get("conversations", ("v1", "x"))

    with pytest.raises(ApiError, match="is not what Twilio writes"):
        run(ask())
