"""The place of a folder's world: what a hostile repository puts there is refused, and leads nowhere."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from reconciler.emulator import Home, Store, WorldError, ask, find_running, open_home
from reconciler.emulator.doors.server import running
from reconciler.emulator.place import FOLDER, LOCK, SERVER, WORLD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of Unix")
PRECIOUS = "export PATH=precious\n"
WAYS: dict[str, Callable[[Path, Path], None]] = {
    "a link": lambda path, precious: path.symlink_to(precious),
    "a link to nowhere": lambda path, precious: path.symlink_to(precious.with_name("new")),
    "a folder": lambda path, _: path.mkdir(),
    "a pipe": lambda path, _: os.mkfifo(path),
}


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text(PRECIOUS, encoding="utf-8")
    return path


def assert_refused(folder: Path, place: Path, precious: Path) -> None:
    there = sorted(precious.parent.iterdir())
    with pytest.raises(WorldError, match="remove it") as refusal, open_home(folder, 0):
        pass
    assert str(place) in str(refusal.value)
    assert precious.read_text(encoding="utf-8") == PRECIOUS
    assert sorted(precious.parent.iterdir()) == there


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [WORLD, f"{WORLD}-wal", LOCK, SERVER, ".gitignore"])
def test_nothing_is_written_through_what_stands_in_the_way(
    name: str, way: str, tmp_path: Path, precious: Path
) -> None:
    place = tmp_path / "stack" / FOLDER
    place.mkdir(parents=True)
    WAYS[way](place / name, precious)

    assert_refused(tmp_path / "stack", place / name, precious)


def test_the_place_itself_is_no_link(tmp_path: Path, precious: Path) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "stack" / FOLDER).symlink_to(tmp_path / "elsewhere")

    assert_refused(tmp_path / "stack", tmp_path / "stack" / FOLDER, precious)
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_file_beside_is_not_written_through_either(tmp_path: Path, precious: Path) -> None:
    """What is announced is written beside its place first, under a name that nobody can have taken."""
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{SERVER}.new").symlink_to(precious)
    with open_home(tmp_path, 0) as home:
        assert isinstance(home, Home)
        home.announce("http://127.0.0.1:1")
        said = json.loads((tmp_path / FOLDER / SERVER).read_text(encoding="utf-8"))

    assert said == {"url": "http://127.0.0.1:1", "pid": os.getpid()}
    assert precious.read_text(encoding="utf-8") == PRECIOUS


def test_who_serves_is_on_this_machine_whatever_a_file_says(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    with running(Store()) as url:
        said = {"url": url.replace("127.0.0.1", "evil.example"), "pid": os.getpid()}
        (tmp_path / FOLDER / SERVER).write_text(json.dumps(said), encoding="utf-8")
        found = find_running(tmp_path)

        assert found is not None
        assert found.url == url


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"url": 1}', '{"url": "http://[", "pid": 1}', "[" * 100_000]
)
def test_what_no_server_says_is_nobody(text: str, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / SERVER).write_text(text, encoding="utf-8")

    assert find_running(tmp_path) is None


# --- a world that somebody has edited -----------------------------------------------------------------------


def edited(kind: str, **values: object) -> Callable[[sqlite3.Connection], object]:
    def edit(db: sqlite3.Connection) -> None:
        for sid, body in db.execute("SELECT sid, body FROM row WHERE kind = ?", (kind,)).fetchall():
            text = json.dumps({**json.loads(body), **values})
            db.execute("UPDATE row SET body = ? WHERE sid = ?", (text, sid))

    return edit


def run(*statements: str) -> Callable[[sqlite3.Connection], object]:
    return lambda db: db.executescript(";".join(statements))


DEEP = "[" * 100_000
EDITS: dict[str, Callable[[sqlite3.Connection], object]] = {
    "a name that is SQL": run('CREATE TABLE "aside x; y"(a)'),
    "a view in the way": run("CREATE VIEW aside1_row AS SELECT 1"),
    "an order that is a text": edited("conversation", seq="x"),
    "no order": edited("participant", seq=None),
    "attributes that are a list": edited("conversation", attributes=["x"]),
    "an address that is an object": edited("participant", address={"a": 1}),
    "a state nobody knows": edited("conversation", state="odd"),
    "a receipt nobody knows": edited("receipt", status="odd"),
    "a field too many": edited("conversation", more=1),
    "an endless date": edited("conversation", date_created=1e300),
    "a conversation that is gone": run("DELETE FROM row WHERE kind = 'conversation'"),
    "no settings": run("DELETE FROM row WHERE kind = 'configuration'"),
    "a clock that is a list": run("UPDATE meta SET value = '[1]'"),
    "a clock that is a text": run("UPDATE meta SET value = '\"x\"'"),
    "a clock without its time": run("INSERT OR REPLACE INTO meta VALUES ('clock', '{\"rate\": 2}')"),
    "a clock beyond all dates": run("INSERT OR REPLACE INTO meta VALUES ('clock', '{\"offset_s\": 1e300}')"),
    "a count below zero": run("UPDATE mint SET used = -5"),
    "a table that is gone": run("DROP TABLE mint"),
    "a column more": run("ALTER TABLE row ADD COLUMN z"),
    "a sid that leads elsewhere": run("UPDATE row SET sid = '../x' WHERE kind = 'conversation'"),
    "a sid that is no text": run("UPDATE row SET sid = x'ff' WHERE kind = 'participant'"),
    "what is too deep": lambda db: db.execute("UPDATE row SET body = ?", (DEEP,)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_world_is_refused_or_as_good_as_any(edit: str, tmp_path: Path) -> None:
    """Never a fault of the program; what is refused stays as it is."""
    with open_home(tmp_path, 0) as home:
        assert isinstance(home, Home)
        sid = ask(home.store, "POST", "/Conversations", {"UniqueName": "order"})[1]["sid"]
        pair = {"MessagingBinding.Address": "+15550100302", "MessagingBinding.ProxyAddress": "+15550100201"}
        ask(home.store, "POST", f"/Conversations/{sid}/Participants", pair)
        ask(home.store, "POST", f"/Conversations/{sid}/Messages", {"Body": "hi"})
    world = tmp_path / FOLDER / WORLD
    with closing(sqlite3.connect(world)) as db:
        EDITS[edit](db)
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = world.read_bytes()

    refused = ""
    try:
        with open_home(tmp_path, 0) as home:
            assert isinstance(home, Home)
            for path in ("", f"/{sid}/Participants", f"/{sid}/Messages", f"/{sid}/Messages/IM1/Receipts"):
                assert ask(home.store, "GET", f"/Conversations{path}")[0] in (200, 404)
            assert ask(home.store, "POST", "/Conversations", {})[0] == 201
            home.store.reset()
    except WorldError as refusal:
        refused = str(refusal)

    assert not refused or ("It was left as it is" in refused and world.read_bytes() == before)
