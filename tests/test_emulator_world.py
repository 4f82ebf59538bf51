"""A world over time: SIDs that repeat, files that survive, folders that one process has at a time."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.emulator import Clock, Home, InProcess, Running, Store, Switches, WorldError, ask, open_home
from reconciler.emulator.doors.server import running
from reconciler.emulator.rows import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

PAIR = {"MessagingBinding.Address": "+15550100301", "MessagingBinding.ProxyAddress": "+15550100200"}


def build(store: Store, names: list[str]) -> dict[Any, str]:
    """Make the same stack in the given order of conversations; return every SID by what it belongs to."""
    found: dict[Any, str] = {}
    for name in names:
        at = f"/Conversations/{name}"
        found[name] = ask(store, "POST", "/Conversations", {"UniqueName": name})[1]["sid"]
        for number in random.Random(str(names)).sample(range(3), 3):
            identity = {"Identity": f"p{number}"}
            found[name, number] = ask(store, "POST", f"{at}/Participants", identity)[1]["sid"]
        hook = {"Target": "studio", "Configuration.FlowSid": "FW" + "0" * 32}
        found[name, "hook"] = ask(store, "POST", f"{at}/Webhooks", hook)[1]["sid"]
        found[name, "twin"] = ask(store, "POST", f"{at}/Webhooks", hook)[1]["sid"]
        found[name, "user"] = ask(store, "GET", "/Users/p0")[1]["sid"]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_sids_do_not_depend_on_arrival_order(seed: int) -> None:
    """The same things get the same SIDs whatever came first; all are different."""
    names = [f"n{n}" for n in range(6)]
    shuffled = random.Random(seed).sample(names, len(names))
    first, second = build(Store(), names), build(Store(), shuffled)

    assert first == second
    assert len(set(first.values())) == len(first) - 5  # the user is shared by six conversations
    assert build(Store(seed=1), names) != first


def test_what_is_made_again_has_a_new_sid() -> None:
    """Deleting and creating under one name gives another SID, the same one in every run."""
    sids: list[list[str]] = []
    for _ in range(2):
        store = Store()
        sids.append([])
        for _ in range(3):
            sids[-1].append(ask(store, "POST", "/Conversations", {"UniqueName": "x"})[1]["sid"])
            ask(store, "DELETE", "/Conversations/x")

    assert len(set(sids[0])) == 3
    assert sids[0] == sids[1]


def test_a_refused_call_uses_no_sid() -> None:
    """What failed does not change what follows."""
    store = Store()
    for form in ({"UniqueName": "x", "State": "odd"}, {"UniqueName": "x", "Attributes": "{"}):
        ask(store, "POST", "/Conversations", form)

    expected = ask(Store(), "POST", "/Conversations", {"UniqueName": "x"})[1]["sid"]
    assert ask(store, "POST", "/Conversations", {"UniqueName": "x"})[1]["sid"] == expected


def everything(store: Store) -> Any:
    return {sid: str(row) for sid, row in sorted(store.index.rows.items())}


def populate(store: Store) -> None:
    build(store, ["a", "b", "c"])
    ask(store, "POST", "/Conversations/a/Participants", PAIR)
    ask(store, "POST", "/Conversations/a/Messages", {"Body": "Ü \U0001f600", "Attributes": '{ "a": 1 }'})
    ask(store, "POST", "/Conversations/b", {"State": "closed"})
    ask(store, "DELETE", "/Conversations/c")
    ask(store, "POST", "/Conversations", {"UniqueName": "t", "State": "active", "Timers.Closed": "PT1H"})


def test_a_world_survives_being_closed(tmp_path: Path) -> None:
    """Every row, claim, timer, count and the clock are as they were."""
    path = tmp_path / "w.db"
    store = Store(path=path, clock=Clock.frozen())
    populate(store)
    store.advance(60)
    before, next_sid = everything(store), Store(clock=Clock.frozen())
    populate(next_sid)
    store.close()

    again = Store(path=path)
    assert everything(again) == before
    assert ask(again, "POST", "/Conversations", {"UniqueName": "b"})[1]["code"] == 50353
    ask(again, "POST", "/Conversations", {"UniqueName": "z"})
    assert ask(again, "POST", "/Conversations/z/Participants", PAIR)[1]["code"] == 50416
    fresh = [ask(s, "POST", "/Conversations", {"UniqueName": "c"})[1]["sid"] for s in (again, next_sid)]
    assert fresh[0] == fresh[1]
    again.advance(3600)
    assert ask(again, "GET", "/Conversations/t")[1]["state"] == "closed"
    again.close()


def test_a_closed_conversation_holds_nothing_after_a_restart(tmp_path: Path) -> None:
    """Pairs and groups of closed conversations stay free."""
    path = tmp_path / "w.db"
    store = Store(path=path)
    for name in "xy":
        ask(store, "POST", "/Conversations", {"UniqueName": name})
    ask(store, "POST", "/Conversations/x/Participants", PAIR)
    ask(store, "POST", "/Conversations/x", {"State": "closed"})
    store.close()

    again = Store(path=path)
    assert ask(again, "POST", "/Conversations/y/Participants", PAIR)[0] == 201
    again.close()


def test_participants_not_attached_yet_survive(tmp_path: Path) -> None:
    """What is initializing when a world is closed holds its pair and is attached when its time comes."""
    path, switches = tmp_path / "w.db", Switches(attach_delay_s=5)
    store = Store(path=path, clock=Clock.frozen(), switches=switches)
    binding = {"address": "+15550100301", "proxy_address": "+15550100200"}
    person = json.dumps({"messaging_binding": binding})
    ask(store, "POST", "/ConversationWithParticipants", {"UniqueName": "x", "Participant": [person]})
    store.close()

    again = Store(path=path, switches=switches)
    ask(again, "POST", "/Conversations", {"UniqueName": "y"})
    assert ask(again, "POST", "/Conversations/y/Participants", PAIR)[1]["code"] == 50416
    again.advance(5)
    assert len(ask(again, "GET", "/Conversations/x/Participants")[1]["participants"]) == 1
    again.close()


def test_reset_begins_again(tmp_path: Path) -> None:
    """A reset world is as a new one, on disk too."""
    path = tmp_path / "w.db"
    store = Store(path=path, clock=Clock.frozen())
    fresh = everything(store)
    populate(store)
    store.reset()

    assert everything(store) == fresh
    assert ask(store, "GET", "/Conversations")[1]["conversations"] == []
    store.close()
    again = Store(path=path)
    assert everything(again) == fresh
    again.close()


CHILD = """
import sys
from pathlib import Path
from reconciler.emulator import Store, ask
store = Store(path=Path(sys.argv[1]))
for n in range(10**9):
    status, body = ask(store, "POST", "/Conversations", {"UniqueName": f"n{n}"})
    sys.stdout.write(body["sid"] + "\\n")
    sys.stdout.flush()
"""


def test_what_was_answered_survives_sigkill(tmp_path: Path) -> None:
    """Kill -9 in the middle of writing: every conversation that was answered is there."""
    path = tmp_path / "w.db"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True, env=python_env()
    ) as child:
        assert child.stdout is not None
        answered = [child.stdout.readline().strip() for _ in range(200)]
        child.send_signal(signal.SIGKILL)
        answered += [line.strip() for line in child.stdout if line.endswith("\n")]

    store = Store(path=path)
    assert len(answered) >= 200
    assert [sid for sid in answered if store.conversation(sid) is None] == []
    store.close()


def python_env() -> dict[str, str]:
    paths = [entry for entry in sys.path if entry]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *paths])}


@pytest.mark.parametrize("damage", ["garbage", "half", "foreign", "newer", "row", "orphan"])
def test_a_file_that_cannot_be_used_is_refused_and_left_alone(tmp_path: Path, damage: str) -> None:
    """The message says what to do; not a byte of the file changes."""
    path = tmp_path / "w.db"
    store = Store(path=path)
    populate(store)
    store.close()
    spoil(path, damage)
    before = path.read_bytes()

    with pytest.raises(WorldError, match=r"(?s)left as it (was|is).*move (it|the file)|newer reconciler"):
        Store(path=path)
    assert path.read_bytes() == before


def spoil(path: Path, damage: str) -> None:
    if damage == "garbage":
        path.write_bytes(b"\x00garbage" * 100)
        return
    if damage == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return
    db = sqlite3.connect(path, isolation_level=None)
    statements = {
        "foreign": "PRAGMA application_id = 7",
        "newer": f"PRAGMA user_version = {FORMAT + 1}",
        "row": "UPDATE row SET body = substr(body, 1, 20) WHERE kind = 'message'",
        "orphan": "DELETE FROM row WHERE kind = 'conversation'",
    }
    db.execute(statements[damage])
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


# Folders


def test_a_folder_has_one_private_world(tmp_path: Path) -> None:
    """The state lies in .reconciler, which is the owner's and ignored by git; it is the same world again."""
    with open_home(tmp_path, 1) as home:
        assert isinstance(home, Home)
        sid = ask(home.store, "POST", "/Conversations", {"UniqueName": "x"})[1]["sid"]
        assert InProcess(home.store)
    with open_home(tmp_path, 1) as home:
        assert isinstance(home, Home)
        assert ask(home.store, "GET", "/Conversations/x")[1]["sid"] == sid

    place = tmp_path / ".reconciler"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert (place / ".gitignore").read_text() == "*\n"
    assert (place / "local.db").exists()


def test_a_world_in_use_is_waited_for_then_refused(tmp_path: Path) -> None:
    """The message names the process that has it."""
    with (
        open_home(tmp_path, 1),
        pytest.raises(WorldError, match=f"process {os.getpid()}"),
        open_home(tmp_path, 0.1),
    ):
        pass


def test_a_world_that_gets_free_is_taken(tmp_path: Path) -> None:
    """Waiting ends as soon as the other one has finished."""
    leave = threading.Event()
    entered = threading.Event()

    def use() -> None:
        with open_home(tmp_path, 1):
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=use)
    thread.start()
    entered.wait(5)
    threading.Timer(0.1, leave.set).start()
    with open_home(tmp_path, 5) as home:
        assert isinstance(home, Home)
    thread.join()


def test_a_served_world_is_found_by_its_url(tmp_path: Path) -> None:
    """While a server has the folder, others are told where it listens."""
    with open_home(tmp_path, 1) as home:
        assert isinstance(home, Home)
        with running(home.store) as url:
            home.announce(url)
            with open_home(tmp_path, 1) as other:
                assert other == Running(url, os.getpid())

    assert not (tmp_path / ".reconciler" / "emulator.json").exists()


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"url": "http://127.0.0.1:1", "pid": 1}', '{"url": "x:y", "pid": 1}']
)
def test_a_stale_or_foreign_announcement_is_not_believed(tmp_path: Path, text: str) -> None:
    """Only a server that answers as itself counts."""
    with open_home(tmp_path, 1):
        (tmp_path / ".reconciler" / "emulator.json").write_text(text)
        with pytest.raises(WorldError), open_home(tmp_path, 0.1):
            pass


def test_another_worlds_server_is_not_believed(tmp_path: Path) -> None:
    """A port may have passed to another server since: its process must be the one announced."""
    with running(Store()) as url, open_home(tmp_path, 1):
        (tmp_path / ".reconciler" / "emulator.json").write_text(json.dumps({"url": url, "pid": 1}))
        with pytest.raises(WorldError), open_home(tmp_path, 0.1):
            pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """Nothing to clean up after kill -9."""
    code = (
        "import sys, time; from pathlib import Path; from reconciler.emulator import open_home\n"
        "with open_home(Path(sys.argv[1]), 1) as home:\n"
        "    home.announce('http://127.0.0.1:1'); print('in', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=python_env()
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "in\n"
        child.kill()
        child.wait()

    with open_home(tmp_path, 1) as home:
        assert isinstance(home, Home)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file in the way is a WorldError and no traceback."""
    (tmp_path / ".reconciler").write_text("")

    with pytest.raises(WorldError, match="cannot be made"), open_home(tmp_path, 1):
        pass


def test_switches_reach_the_folders_world(tmp_path: Path) -> None:
    """What a caller asks for is how the world behaves."""
    with open_home(tmp_path, 1, switches=Switches(list_order="sid"), clock=Clock.frozen(), seed=3) as home:
        assert isinstance(home, Home)
        assert (home.store.switches.list_order, home.store.seed) == ("sid", 3)


def test_nothing_is_written_while_only_reading(tmp_path: Path) -> None:
    """A read changes no row."""
    path = tmp_path / "w.db"
    store = Store(path=path)
    populate(store)
    before = json.dumps(everything(store))
    for url in ("/Conversations", "/Conversations/a", "/Conversations/a/Participants", "/Users"):
        ask(store, "GET", url)

    assert json.dumps(everything(store)) == before
    store.close()
