"""The world of a folder, running or not: turns a folder into its open world, or the URL of who has it.

``.reconciler/`` beside a stack holds one world: ``local.db``. One process at a time has it, by an exclusive
lock of the operating system on ``emulator.lock``, which a killed process cannot leave behind. A server that
holds it writes its URL to ``emulator.json``, so that others talk to it instead::

    with open_home(folder, timeout_s=5) as home:
        match home:
            case Home():                     # the world is ours for this block
                door = InProcess(home.store)
            case Running(url=url):           # a server has it; speak HTTP to it
                ...

A server does the same, and calls ``home.announce(server.url)`` once it listens. If neither holds within
``timeout_s`` (some other command is at work), ``WorldError`` names its process.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import WorldError
from .locks import try_lock, unlock
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .clock import Clock
    from .switches import Switches

FOLDER = ".reconciler"
_RETRY_S = 0.05
_HEALTH_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server in another process has the world; it answers at this URL."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Home:
    """The world is open in this process."""

    folder: Path
    store: Store

    def announce(self, url: str) -> None:
        """Let other processes know that this one serves the world at ``url``."""
        text = json.dumps({"url": url, "pid": os.getpid()})
        path = self.folder / FOLDER / "emulator.json"
        beside = path.with_suffix(".json.new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)


def find_running(folder: Path) -> Running | None:
    """Return the server that has the world of a folder, if there is one that answers."""
    return _server(folder / FOLDER)


@contextlib.contextmanager
def open_home(
    folder: Path,
    timeout_s: float,
    *,
    switches: Switches | None = None,
    clock: Clock | None = None,
    seed: int = 0,
) -> Iterator[Home | Running]:
    """Give the world of a folder for the length of the block, or who runs it.

    Raises WorldError when someone else is using it for longer than ``timeout_s``, or its file cannot be used.
    """
    place = _prepared(folder)
    with (place / "emulator.lock").open("a+", encoding="utf-8") as lock:
        running = _locked_or_running(lock, place, timeout_s)
        if running is not None:
            yield running
            return
        (place / "emulator.json").unlink(missing_ok=True)
        store = Store(path=place / "local.db", switches=switches, clock=clock, seed=seed)
        try:
            yield Home(folder, store)
        finally:
            store.close()
            (place / "emulator.json").unlink(missing_ok=True)
            unlock(lock)


def _prepared(folder: Path) -> Path:
    place = folder / FOLDER
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        ignore = place / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        text = f"{place} cannot be made: {error.strerror}. The local emulator keeps its state there."
        raise WorldError(text) from error
    return place


def _locked_or_running(lock: IO[str], place: Path, timeout_s: float) -> Running | None:
    """Wait until the lock is ours (None) or a server answers for whoever has it."""
    deadline_s = time.monotonic() + timeout_s
    while not try_lock(lock):
        running = _server(place)
        if running is not None:
            return running
        if time.monotonic() >= deadline_s:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise WorldError(
                f"{place} is in use by process {holder}, which serves nobody. Try again when it has finished."
            )
        time.sleep(_RETRY_S)
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return None


def _server(place: Path) -> Running | None:
    """Return the server that says it has this world, if it is alive."""
    try:
        said = json.loads((place / "emulator.json").read_text(encoding="utf-8"))
        url, pid = str(said["url"]), int(said["pid"])
        port = urlsplit(url).port or 0
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # http.client and not urllib: a proxy of the environment must not be asked about this machine.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/_emulator/health")
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return Running(url, pid) if isinstance(answer, dict) and answer.get("pid") == pid else None
