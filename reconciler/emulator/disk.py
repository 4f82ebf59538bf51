"""A world on disk: turns rows into one SQLite file and back.

The file holds the current state, one row each, and never the calls that led there. It is written before a
call is answered: once SQLite's write-ahead log has taken the commit, killing the process loses nothing (a
power cut may lose the last moments; this is a development tool and does not wait for the disk).

A world that begins anew puts its tables aside in the transaction that founds the new one, which takes no
longer for a large one. What is aside goes bit by bit with later writes, or when the file is opened again.
"""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from .clock import Clock
from .errors import WorldError
from .rows import FORMAT, KIND_OF, Row
from .soundness import (
    INT64_END,
    TIME_END_S,
    StateError,
    check_together,
    is_count,
    is_number,
    row_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

APPLICATION_ID = 0x7265636F  # 'reco', in the file's header
_HEADER_BYTES = 100
_LARGE = {
    "row": "CREATE TABLE row (sid TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID",
    "mint": "CREATE TABLE mint (digest INTEGER PRIMARY KEY, used INTEGER NOT NULL)",
}
_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"
_KEYS = {"row": "sid", "mint": "digest"}
_ASIDE = re.compile(r"aside\d+_(row|mint)")
_SWEPT_ROWS = 250  # with one write, which takes some 0.3 ms longer


@dataclass(slots=True)
class Saved:
    """Everything a file holds: rows in the order of creation, how often each sid's key was used, settings."""

    rows: list[Row] = field(default_factory=list)
    mints: dict[int, int] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)


class Disk:
    """The open file of one world."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fresh = _check_header(path)
        self._aside: list[str] = []
        try:
            self._saved = Saved() if fresh else _read(path)
            self._db = _connect(path, fresh=fresh)
            for name in _aside(self._db):
                self._db.execute(f"DROP TABLE {name}")
        except (sqlite3.Error, StateError, ValueError, KeyError, RecursionError) as error:
            raise _torn(path, str(error)) from error

    def take_saved(self) -> Saved:
        """Return what the file held when it was opened, once; from then on the caller keeps it."""
        saved, self._saved = self._saved, Saved()
        return saved

    def write(
        self,
        changed: Iterable[Row],
        dropped: Iterable[str],
        mints: Mapping[int, int],
        meta: Mapping[str, Any],
        *,
        anew: bool = False,
    ) -> None:
        """Commit one call's changes, all or none; ``anew``: and nothing of what the file held before."""
        with self._db:
            self._db.execute("BEGIN")
            if anew:
                _put_aside(self._db)
            elif self._aside:
                _sweep(self._db, self._aside[0])
            self._db.executemany("DELETE FROM row WHERE sid = ?", [(sid,) for sid in dropped])
            self._db.executemany(
                "INSERT OR REPLACE INTO row (sid, kind, body) VALUES (?, ?, ?)", map(_packed, changed)
            )
            self._db.executemany("INSERT OR REPLACE INTO mint (digest, used) VALUES (?, ?)", mints.items())
            self._db.executemany(
                "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)",
                [(k, json.dumps(v)) for k, v in meta.items()],
            )
        if anew or self._aside:
            self._aside = _aside(self._db)

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._db.close()


def _aside(db: sqlite3.Connection) -> list[str]:
    """Return the tables of worlds that are no more."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in tables if _ASIDE.fullmatch(name)]


def _put_aside(db: sqlite3.Connection) -> None:
    number = db.execute("PRAGMA schema_version").fetchone()[0]  # which never comes again
    for table, making in _LARGE.items():
        db.execute(f"ALTER TABLE {table} RENAME TO aside{number}_{table}")
        db.execute(making)
    db.execute("DELETE FROM meta")


def _sweep(db: sqlite3.Connection, name: str) -> None:
    key = _KEYS[name.partition("_")[2]]
    some = f"SELECT {key} FROM {name} LIMIT {_SWEPT_ROWS}"  # noqa: S608 - names of ours
    if db.execute(f"DELETE FROM {name} WHERE {key} IN ({some})").rowcount < _SWEPT_ROWS:  # noqa: S608
        db.execute(f"DROP TABLE {name}")


def _packed(row: Row) -> tuple[str, str, str]:
    values = {name: getattr(row, name) for name in row.__slots__ if name != "sid"}
    return row.sid, KIND_OF[type(row)], json.dumps(values, separators=(",", ":"))


def _check_header(path: Path) -> bool:
    """Tell whether the file is still to be made; refuse a foreign, torn or newer one without opening it.

    SQLite keeps the application's id and format number in the first 100 bytes
    (https://www.sqlite.org/fileformat.html), so nothing needs to touch a file that we cannot use.
    """
    if not path.exists():
        return True
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if len(header) == 0:
        return True
    if len(header) < _HEADER_BYTES or not header.startswith(b"SQLite format 3\x00"):
        raise _torn(path, "it is not a database")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise _torn(path, "it belongs to another program")
    version = int.from_bytes(header[60:64], "big")
    if version > FORMAT:
        raise WorldError(
            f"{path} was written by a newer reconciler (format {version}, this one reads {FORMAT}). "
            "It was left as it is: use the newer version, or move the file away to begin an empty world."
        )
    return False


def _torn(path: Path, why: str) -> WorldError:
    return WorldError(
        f"{path} cannot be read: {why}. It was left as it is: restore a copy, or move the file "
        "away (with its -wal and -shm neighbours) to begin an empty world."
    )


def _connect(path: Path, *, fresh: bool) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    if fresh:
        # Before write-ahead logging starts, so that id and format stand in the file's own header; in one
        # transaction, so that a process killed here leaves an empty file and not half of one.
        marks = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
        tables = ";".join((*_LARGE.values(), _META))
        db.executescript(f"BEGIN; {marks} {tables}; COMMIT;")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = OFF")
    if db.execute("PRAGMA user_version").fetchone()[0] < FORMAT:
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # an older reader looks at the file's own header
    return db


def _read(path: Path) -> Saved:
    """Return what a file holds, looked through as any document.

    Raises StateError, ValueError, KeyError or sqlite3.Error.
    """
    # Read-only, so that a file which turns out to be torn keeps its bytes.
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        rows = [_row(*one) for one in db.execute("SELECT sid, kind, body FROM row")]
        mints = {_whole(digest): _count(used) for digest, used in db.execute("SELECT digest, used FROM mint")}
        meta = {name: json.loads(value) for name, value in db.execute("SELECT name, value FROM meta")}
    finally:
        db.close()
    if rows:
        check_together(rows)
    clock = meta.get("clock", {})
    if not isinstance(clock, dict) or not all(_is_time(value) for value in clock.values()):
        raise StateError("meta: the clock has no such time")
    Clock.restored(clock)
    _count(meta.get("events", 0))
    rows.sort(key=attrgetter("seq"))
    return Saved(rows, mints, meta)


def _row(sid: Any, kind: Any, body: Any) -> Row:
    values = json.loads(body)
    if not isinstance(sid, str) or not isinstance(values, dict):
        raise StateError("rows: one is no row")
    return row_of(sid, kind, {"sid": sid, **values})


def _is_time(value: Any) -> bool:
    return is_number(value) and abs(value) <= TIME_END_S


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise StateError(f"{value!r} is no whole number")
    return value


def _count(value: Any) -> int:
    if not is_count(value, INT64_END):
        raise StateError(f"{value!r} is no count")
    return int(value)
