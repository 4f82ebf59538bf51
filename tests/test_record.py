"""The record: what is written comes back, fits, is never overwritten unread; the commands that show it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scripted import Scripted, answer, gateway_over, refusal, run
from syncing import NAME, SERVICES, TARGET, Machine, SyncWorld
from worlds import stack_of

from reconciler import cli, emulator
from reconciler.cli import echo
from reconciler.diagnostics import ExitCode, ReconcilerError, SpecError
from reconciler.emulator.store import Account
from reconciler.model import Owner, Target
from reconciler.record import (
    Apply,
    Held,
    LeaseHeldError,
    Record,
    RecordError,
    Unfinished,
    lock_folder,
    only_here,
    read_record,
    refuse_stranger,
)
from reconciler.record.contents import DATA_BYTES, HISTORY, decoded, encoded, fitted
from reconciler.record.documents import document_name, owner_name
from reconciler.render.numbers import Numbers
from reconciler.render.record import history_json, history_lines, lock_json, lock_lines

if TYPE_CHECKING:
    from collections.abc import Callable

SPECS = Path(__file__).parent.parent / "specs"
HOSTILE = "\x1b[31mred\x07 ``` | \u202eevil +15550100777"
MASKED = Numbers(b"key of the tests")


# --- what is written comes back ----------------------------------------------------------------------------


def random_record(dice: random.Random, most: int) -> Record:
    """Return a record whose texts and lists have up to `most` parts of any sort."""

    def text() -> str:
        return "".join(dice.choices('az09+ ."\\\n\u00e9\u4e2d\U0001f600\x00', k=dice.randint(0, most)))

    def prints() -> frozenset[str] | None:
        found = frozenset(f"{dice.getrandbits(32):08x}" for _ in range(dice.randint(0, 3 * most)))
        return dice.choice([None, found])

    def held() -> Held:
        return Held(text(), text()[:20], "0" * 16, dice.choice([30.0, 60.0]), dice.randint(0, 9_999))

    def apply() -> Apply:
        counts = {f"action{n}": dice.randint(0, 99_999) for n in range(dice.randint(0, 9))}
        return Apply(text(), text(), text(), text(), text(), counts)

    return Record(
        "demo.prod",
        text(),
        dice.choice([None, held()]),
        dice.choice([None, Unfinished(text(), prints())]),
        tuple(apply() for _ in range(dice.randint(0, 2 * HISTORY))),
        prints(),
    )


@pytest.mark.parametrize("seed", range(150))
def test_a_record_that_fits_comes_back_as_it_was(seed: int) -> None:
    """Whatever is in it; and making it fit twice changes nothing more."""
    record = fitted(random_record(random.Random(seed), 10 ** (seed % 4)))
    text = encoded(record)

    assert decoded(json.loads(text)) == record
    assert fitted(record) == record
    assert len(text.encode()) <= DATA_BYTES


@pytest.mark.parametrize("seed", range(50))
def test_a_list_fits_whole_or_is_unknown(seed: int) -> None:
    """A part of a list never stands for the whole; of applies the last ones stay."""
    record = random_record(random.Random(seed), 10 ** (seed % 4))
    kept = fitted(record)

    assert kept.made in (record.made, None)
    assert (kept.open is None) == (record.open is None)
    if record.open and kept.open:
        assert kept.open.prints in (record.open.prints, None)
    assert len(kept.applies) <= HISTORY
    ends = [one.counts for one in record.applies[len(record.applies) - len(kept.applies) :]]
    assert all(one.counts in (end, {}) for one, end in zip(kept.applies, ends, strict=True))


def test_how_much_fits() -> None:
    """Eight hundred prints of made addresses, twelve hundred of an open digest, ten applies: at once."""
    made = frozenset(f"{n:05x}" for n in range(790))
    prints = frozenset(f"{n:05x}" for n in range(1_200))
    counts = {"create": 12, "update": 3, "close": 1}
    apply = Apply(
        "somebody@some-machine, process 12345", "2026-01-01T00:00:00Z", "c" * 40, "d" * 64, "done", counts
    )
    record = Record("demo.prod", "shop", None, Unfinished("d" * 64, prints), (apply,) * 12, made)

    assert fitted(record) == replace(record, applies=(apply,) * HISTORY)
    assert fitted(replace(record, made=made | {f"{n:05x}" for n in range(9_000, 9_100)})).made is None


def mangled(dice: random.Random, data: Any) -> Any:
    """Return the data with one thing in it another."""
    junk = [None, True, 7, -1, "x", [], {}, [1], {"a": 1}, float(10**12)]
    if isinstance(data, dict) and data and dice.random() < 0.8:
        key = dice.choice(sorted(data))
        if dice.random() < 0.2:
            return {name: value for name, value in data.items() if name != key}
        return data | {key: mangled(dice, data[key])}
    if isinstance(data, list) and data and dice.random() < 0.8:
        n = dice.randrange(len(data))
        return [*data[:n], mangled(dice, data[n]), *data[n + 1 :]]
    return dice.choice(junk)


@pytest.mark.parametrize("seed", range(200))
def test_garbage_is_told_and_never_a_traceback(seed: int) -> None:
    """Each part of it may be anything: it is refused in a sentence, or is a record that can be written."""
    dice = random.Random(seed)
    data = json.loads(encoded(fitted(random_record(dice, 8))))
    try:
        record = decoded(mangled(dice, data))
    except RecordError as fault:
        told = fault.diagnostics[0].summary
        assert told.startswith(("the record is damaged: ", "a newer version of reconciler wrote"))
    else:
        assert decoded(json.loads(encoded(fitted(record)))) == fitted(record)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"hello": "world"}, "the record is damaged: this is not what reconciler writes"),
        (
            {"v": 2, "new": "things"},
            "a newer version of reconciler wrote the record (format 2, this one reads 1)",
        ),
        ("owner", "the record is that of 'other', not of 'demo.prod'"),
    ],
)
def test_what_is_not_understood_is_not_overwritten(data: Any, told: str) -> None:
    """Neither a plan nor an apply goes on, and the document stays as it is."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        async with machine.lease():
            pass
        world.overwrite(world.document()["data"] | {"owner": "other"} if data == "owner" else data)
        before = world.document()
        for deed in (read_record(machine.gateway, TARGET), machine.lease().__aenter__()):
            with pytest.raises(RecordError) as fault:
                await deed
            assert fault.value.diagnostics[0].summary == told
            assert fault.value.diagnostics[0].detail
        assert world.document() == before

    run(story())


# --- where it is kept --------------------------------------------------------------------------------------


def test_every_stack_and_environment_has_a_name_of_its_own() -> None:
    """Within Sync's limits, in characters that no url has to escape, also if Sync ignores capitals."""
    odd = [
        "",
        "prod",
        "Prod",
        "PROD",
        "p.rod",
        "sha256",
        "sha256.0",
        "ü",
        "a/b",
        "..",
        " ",
        "x" * 64,
        "x" * 999,
    ]
    owners = [Owner(stack, name) for stack in ("demo", "demo-prod", "d" * 40) for name in odd]
    names = [document_name(Target(owner, TARGET.service_sid)) for owner in owners]

    assert len({name.lower() for name in names}) == len(owners)
    assert max(map(len, names)) <= 150
    assert all(char.isascii() and (char.isalnum() or char in "._-") for name in names for char in name)
    assert owner_name(Owner("demo", "prod")) == "demo.prod"


def test_plans_only_read_it() -> None:
    """Two reads where it is there, one where it is not; the gateway lets nothing else through."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        assert await read_record(machine.gateway, TARGET) is None
        assert machine.sent == [("GET", "?PageSize=100")]
        async with machine.lease():
            pass
        machine.sent.clear()
        seen = await read_record(machine.gateway, TARGET)
        assert seen is not None
        (service,) = world.services()
        assert machine.sent == [("GET", "?PageSize=100"), ("GET", f"/{service['sid']}/Documents/{NAME}")]
        assert (seen.sid, seen.service_sid) == (world.document()["sid"], service["sid"])
        assert await read_record(machine.gateway, replace(TARGET, owner=Owner("other"))) is None

    run(story())


def test_every_write_is_guarded_and_never_expires() -> None:
    """Data and Ttl go together, and an update says which revision it is for."""

    async def story() -> None:
        world = SyncWorld()
        machine = Machine(world, "a")
        seen: list[tuple[str, str]] = []
        send = machine._door.send

        async def watch(method: str, url: str, headers: Any, body: bytes, timeout_s: float) -> Any:
            if method == "POST" and "/Documents" in url:
                seen.append((headers.get("If-Match", ""), body.decode()))
            return await send(method, url, headers, body, timeout_s)

        machine._door.send = watch  # type: ignore[method-assign]
        async with machine.lease() as held:
            await held.write(lambda record: replace(record, made=frozenset({"a"})))
            await asyncio.sleep(90)
        assert [if_match for if_match, _ in seen] == ["", *map(str, range(len(seen) - 1))]
        assert all("Data=" in body and "Ttl=0" in body for _, body in seen)
        assert [method for method, _ in machine.sent if method == "DELETE"] == []

    run(story())


@pytest.mark.parametrize(
    "told",
    [refusal(403, 70051), refusal(401, 70051), refusal(401, 20003), refusal(403), refusal(403, 20404)],
    ids=["70051 of 403", "70051 of 401", "20003", "403", "403 with a code"],
)
def test_a_key_without_sync_is_told_what_does_without(told: Any) -> None:
    """What is missing, which line does without the record, and what that costs."""
    gateway = gateway_over(Scripted([told]))
    with pytest.raises(RecordError) as fault:
        run(read_record(gateway, TARGET))
    one = fault.value.diagnostics[0]

    assert "these credentials may not use Sync" in one.summary
    assert "`record: none` under `stack:`" in one.detail
    assert "no lease" in one.detail


def test_an_apply_without_sync_is_told_too() -> None:
    """By the emulator, as with a restricted key."""

    async def story() -> None:
        account = replace(Account(), sync=False)
        world = SyncWorld(emulator.Store(clock=emulator.Clock.frozen(), account=account))
        with pytest.raises(RecordError, match="may not use Sync"):
            async with Machine(world, "a").lease():
                pytest.fail("taken without Sync")

    run(story())


def test_an_outage_is_told_as_it_is() -> None:
    """Not as a lack of permission."""
    gateway = gateway_over(Scripted(lambda _: answer(500)))
    with pytest.raises(ReconcilerError, match="HTTP 500"):
        run(read_record(gateway, TARGET))


# --- whose it is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "written", "refused"),
    [
        ("", "", False),
        ("", "shop", False),
        ("shop", "shop", False),
        ("shop", "", True),
        ("shop", "other", True),
    ],
)
def test_another_id_is_refused_with_a_way_on(recorded: str, written: str, refused: bool) -> None:
    """Both ways: another name, or the id that stands there."""
    objection = refuse_stranger(Record("demo.prod", recorded), written)

    assert (objection is not None) == refused
    if objection:
        assert "Give this stack another name" in objection.detail
        assert "`id: shop` under `stack:`" in objection.detail


def test_the_stack_says_where_its_record_is() -> None:
    """In Sync unless told otherwise; an id is short."""
    plain = stack_of("stack: {name: demo}")
    named = stack_of("stack: {name: demo, id: my.repo_1}")

    assert (plain.record, plain.stack_id) == ("sync", "")
    assert (named.record, named.stack_id) == ("sync", "my.repo_1")
    assert stack_of("stack: {name: demo, record: none}").record == "none"


@pytest.mark.parametrize(
    ("block", "told", "column"),
    [
        ("{name: demo, id: shop, record: none}", "`id` guards nothing with `record: none`", 21),
        ("{name: demo, record: file}", "sync", 29),
        ("{name: demo, id: a b}", "an id has letters, digits", 25),
        ("{name: demo, id: ''}", "an id has letters, digits", 25),
        (f"{{name: demo, id: {'a' * 65}}}", "an id has letters, digits", 25),
    ],
)
def test_a_guard_half_configured_is_an_error(block: str, told: str, column: int) -> None:
    """With its place."""
    with pytest.raises(SpecError) as fault:
        stack_of(f"stack: {block}")
    (problem,) = fault.value.diagnostics

    assert told in problem.summary + problem.detail
    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (1, column)


# --- one run on this machine -------------------------------------------------------------------------------


def test_a_second_run_on_this_machine_is_told_the_process(tmp_path: Path) -> None:
    """For as long as the first one lasts; another stack, service, account or world is another matter."""
    others = [
        (replace(TARGET, owner=Owner("demo", "staging")), ""),
        (replace(TARGET, service_sid="IS" + "1" * 32), ""),
        (replace(TARGET, account_sid="AC" + "1" * 32), ""),
        (TARGET, "http://127.0.0.1:8010"),
    ]
    with only_here(tmp_path, TARGET):
        told = f"on this machine by process {os.getpid()}"
        with pytest.raises(LeaseHeldError, match=told) as fault, only_here(tmp_path, TARGET):
            pytest.fail("two hold it")
        for target, world in others:
            with only_here(tmp_path, target, world):
                assert True
    assert fault.value.exit_code is ExitCode.LEASE_HELD
    with only_here(tmp_path, TARGET):
        assert len(list(tmp_path.iterdir())) == 1 + len(others)


def test_a_killed_run_leaves_no_lock_behind(tmp_path: Path) -> None:
    """The operating system gives it back."""
    program = (
        "import os, sys, pathlib\nfrom reconciler.record import only_here\n"
        "from reconciler.model import Owner, Target\n"
        f"with only_here(pathlib.Path(sys.argv[1]), Target(Owner('demo', 'prod'), {TARGET.service_sid!r})):\n"
        "    print('held', flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.returncode < 0) == ("held\n", True)
    with only_here(tmp_path, TARGET):
        assert next(tmp_path.iterdir()).read_text(encoding="utf-8") == str(os.getpid())


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And which variable leads to another one."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ReconcilerError) as fault, only_here(tmp_path / "file" / "locks", TARGET):
        pytest.fail("locked nothing")

    assert "XDG_STATE_HOME" in fault.value.diagnostics[0].detail


def test_locks_are_kept_in_the_state_folder() -> None:
    """As the desktop's conventions say; a relative path there counts as none."""
    home = Path("/home/ann")

    assert lock_folder({}, home) == home / ".local" / "state" / "reconciler" / "locks"
    assert lock_folder({"XDG_STATE_HOME": "/state"}, home) == Path("/state/reconciler/locks")
    assert lock_folder({"XDG_STATE_HOME": "state"}, home) == lock_folder({}, home)


# --- the commands ------------------------------------------------------------------------------------------


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Return a copy of the shipped specs, with no world beside them yet."""
    return Path(shutil.copytree(SPECS, tmp_path / "specs", ignore=shutil.ignore_patterns(".reconciler")))


def written_down(stack: Path, **parts: Any) -> None:
    """Put a record into the world of a folder."""
    with emulator.open_home(stack, 5) as home:
        assert isinstance(home, emulator.Home)
        service = home.store.configuration.default_chat_service_sid
        target = Target(Owner("courier-demo"), service)
        record = fitted(replace(Record(owner_name(target.owner)), **parts))
        status, made = emulator.ask(home.store, "POST", SERVICES, {"FriendlyName": "reconciler"})
        assert status == 201
        form = {"UniqueName": document_name(target), "Data": encoded(record)}
        assert emulator.ask(home.store, "POST", f"{SERVICES}/{made['sid']}/Documents", form)[0] == 201


def call(*words: object, expect: int = 0, capsys: pytest.CaptureFixture[str]) -> str:
    """Run one command on the folder's world and return its output, both streams."""
    code = cli.run([str(word) for word in (*words, "--local")])
    told = capsys.readouterr()

    assert (code, told.out + told.err) == (expect, told.out + told.err)
    return told.out + told.err


HELD = Held("ann@desk, process 4711", "kdjfeoab", "0" * 16, 60.0, 3)
APPLIES = (
    Apply("ann@desk", "2026-01-01T10:00:00Z", "0123456789abcdef", "d" * 64, "done", {"create": 10}),
    Apply("ci@runner", "2026-01-02T10:00:00Z", "", "", "failed", {"update": 1, "close": 0}),
)


def test_nothing_is_written_down_yet(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first apply each command says so, and all is fine."""
    assert "No lease is held." in call("lock", "status", stack, capsys=capsys)
    assert "nothing to free" in call("lock", "release", stack, capsys=capsys)
    assert "No applies on record." in call("history", stack, capsys=capsys)
    assert json.loads(call("lock", "status", stack, "--format", "json", capsys=capsys))["lease"] is None


def test_who_holds_it_is_shown(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what is unfinished; as JSON too."""
    written_down(stack, lease=HELD, open=Unfinished("abcdef0123456789", frozenset({"a", "b"})))
    told = call("lock", "status", stack, capsys=capsys)
    data = json.loads(call("lock", "status", stack, "--format", "json", capsys=capsys))

    assert "The lease is held by ann@desk, process 4711 (run kdjfeoab)." in told
    assert "60 s after each sign of life" in told
    assert "the apply of digest abcdef0123456789" in told
    assert data["lease"] == {"who": "ann@desk, process 4711", "run": "kdjfeoab", "duration_s": 60.0}
    assert data["open"] == {"digest": "abcdef0123456789"}
    assert data["document"]["revision"] == "0"
    assert "0" * 16 not in told


def test_the_lease_is_freed_when_asked_for(
    stack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declined or without anybody to ask it stays and the exit code is 1; the rest of the record stays."""
    written_down(stack, lease=HELD, applies=APPLIES)
    asked: list[str] = []

    def decline(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr(sys.modules["reconciler.cli.lock"], "confirm", decline)
    assert "Nothing was written." in call("lock", "release", stack, expect=1, capsys=capsys)
    assert "Free the lease of ann@desk, process 4711 (run kdjfeoab)?" in asked[0]
    assert "The lease is held" in call("lock", "status", stack, capsys=capsys)
    told = call("lock", "release", stack, "--yes", capsys=capsys)
    assert told == "Freed the lease of ann@desk, process 4711 (run kdjfeoab).\n"
    assert "No lease is held." in call("lock", "status", stack, capsys=capsys)
    assert "2 applies on record." in call("history", stack, capsys=capsys)
    data = json.loads(call("lock", "release", stack, "--yes", "--format", "json", capsys=capsys))
    assert data["released"] is None


def test_the_last_applies_are_shown(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The latest first: when, how it ended, how much, by whom, of which commit and digest."""
    written_down(stack, applies=APPLIES)
    told = call("history", stack, capsys=capsys)
    data = json.loads(call("history", stack, "--format", "json", capsys=capsys))
    first, second = (line.split() for line in told.splitlines() if line.startswith("  20"))

    assert first == ["2026-01-02T10:00:00Z", "failed", "1", "update", "ci@runner"]
    assert second[:5] == ["2026-01-01T10:00:00Z", "done", "10", "create", "ann@desk"]
    assert second[5:] == ["commit", "0123456789abcdef", "digest", "d" * 16]
    assert [one["result"] for one in data["applies"]] == ["failed", "done"]
    assert data["applies"][1]["counts"] == {"create": 10}


def test_a_stack_without_a_record_says_so(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Instead of showing that there is nothing."""
    path = stack / "stack.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("  name: courier-demo", "  name: courier-demo\n  record: none"), encoding="utf-8"
    )
    for words in (("lock", "status"), ("lock", "release"), ("history",)):
        assert "keeps no record" in call(*words, stack, expect=1, capsys=capsys)


SHOWN: list[Callable[..., Any]] = [lock_lines, lock_json, history_lines, history_json]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda one: one.__name__)
def test_strangers_texts_do_no_harm(shown: Callable[..., Any]) -> None:
    """Others can write the document: no number of theirs is shared, nothing a terminal would obey."""
    from reconciler.record import Seen

    apply = Apply(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, {HOSTILE: 1})
    held = Held(HOSTILE, HOSTILE, HOSTILE, 60.0)
    record = Record("demo.prod", HOSTILE, held, Unfinished(HOSTILE, frozenset({HOSTILE})), (apply,))
    found = shown(Seen(record, HOSTILE, HOSTILE, HOSTILE), TARGET, MASKED)
    text = found if isinstance(found, str) else "\n".join(line.text for line in found)

    assert "15550100777" not in text
    assert all(char.isprintable() or char == "\n" for char in text)


def test_markdown_is_for_sharing(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a title, and fenced."""
    written_down(stack, lease=HELD, applies=APPLIES)

    assert call("history", stack, "--format", "markdown", capsys=capsys).startswith(
        "### reconciler history\n\n```text\n"
    )
    assert "### reconciler lock status" in call(
        "lock", "status", stack, "--format", "markdown", capsys=capsys
    )
    assert not echo.lost_output()
