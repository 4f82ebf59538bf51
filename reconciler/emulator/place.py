"""A folder → the place in it where its world is kept, ``.reconciler/``; nothing in there leads elsewhere.

Folders come with repositories of others: a link, a pipe or a folder that stands in the way of a file of ours
is refused, and left as it is.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from .errors import WorldError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ".reconciler"
WORLD, LOCK, SERVER, _IGNORE = "local.db", "emulator.lock", "emulator.json", ".gitignore"
_FILES = (WORLD, f"{WORLD}-wal", f"{WORLD}-shm", f"{WORLD}-journal", LOCK, SERVER, _IGNORE)


def prepared(folder: Path) -> Path:
    """Return the place of a folder, made if it is missing. Raises WorldError where it cannot be used."""
    place = folder / FOLDER
    try:
        if not place.is_symlink():
            place.mkdir(mode=0o700, exist_ok=True)
        _require(place, is_folder=True)
        for name in _FILES:
            _require(place / name)
        if not (place / _IGNORE).exists():
            (place / _IGNORE).write_text("*\n", encoding="utf-8")
    except OSError as error:
        text = f"{place} cannot be made: {error.strerror}. The local emulator keeps its state there."
        raise WorldError(text) from error
    return place


def _require(path: Path, *, is_folder: bool = False) -> None:
    if not os.path.lexists(path):
        return
    mode = path.lstat().st_mode
    if not (stat.S_ISDIR(mode) if is_folder else stat.S_ISREG(mode)):
        what = "a link" if stat.S_ISLNK(mode) else "no folder" if is_folder else "no file"
        raise WorldError(
            f"{path} is {what}, and nothing was written through it. "
            "The local emulator keeps its state there: remove it, and it makes its own."
        )


def said_by_server(place: Path) -> str:
    """Return what the server of a place's world has left there, '' for nothing that could be its own."""
    path = place / SERVER
    with suppress(OSError, ValueError):
        if stat.S_ISREG(path.lstat().st_mode):
            return path.read_text(encoding="utf-8")
    return ""


def put(place: Path, name: str, text: str) -> None:
    """Let a file of the place be this text, whole at every moment."""
    handle, beside = tempfile.mkstemp(dir=place, prefix=f"{name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, place / name)


def withdraw(place: Path) -> None:
    """Take away what this process said as the server of a place's world; what another one said stays."""
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        if json.loads(said_by_server(place))["pid"] == os.getpid():
            (place / SERVER).unlink(missing_ok=True)


def clear(place: Path) -> None:
    """Take away a place that holds nothing."""
    with suppress(OSError):
        if os.listdir(place) == [_IGNORE]:
            (place / _IGNORE).unlink()
            place.rmdir()
