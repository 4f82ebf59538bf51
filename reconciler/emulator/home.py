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
``timeout_s`` (some other command is at work), ``WorldError`` names its process. A server whose world is kept
nowhere (``open_in_memory``) is the folder's emulator too while it runs, without the lock: it has no file.
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
from .place import FOLDER, LOCK, SERVER, WORLD, clear, prepared, put, said_by_server, withdraw
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .clock import Clock
    from .store import Account
    from .switches import Switches

_RETRY_S = 0.05
_HEALTH_TIMEOUT_S, _HEALTH_BYTES = 1.0, 1000


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
        """Let other processes know that this one serves the world at ``url``. Raises WorldError."""
        place = prepared(self.folder)
        try:
            put(place, SERVER, json.dumps({"url": url, "pid": os.getpid()}))
        except OSError as error:
            raise WorldError(f"{place} cannot be written to: {error.strerror}.") from error


def find_running(folder: Path) -> Running | None:
    """Return the server that has the world of a folder, if there is one that answers."""
    return _server(folder / FOLDER)


@contextlib.contextmanager
def open_home(
    folder: Path,
    timeout_s: float,
    *,
    account: Account | None = None,
    switches: Switches | None = None,
    clock: Clock | None = None,
    seed: int = 0,
) -> Iterator[Home | Running]:
    """Give the world of a folder for the length of the block, or who runs it.

    Raises WorldError when someone else is using it for longer than ``timeout_s``, or its file cannot be used.
    """
    place = prepared(folder)
    with _opened(place / LOCK) as lock:
        running = _locked_or_running(lock, place, timeout_s)
        if running is not None:
            yield running
            return
        (place / SERVER).unlink(missing_ok=True)
        store = Store(path=place / WORLD, account=account, switches=switches, clock=clock, seed=seed)
        try:
            yield Home(folder, store)
        finally:
            store.close()
            withdraw(place)
            unlock(lock)


@contextlib.contextmanager
def open_in_memory(folder: Path, store: Store) -> Iterator[Home | Running]:
    """Give a world that is kept nowhere as that of a folder for the length of the block, or who runs another.

    What it was announced by is gone from the folder afterwards.
    """
    running = find_running(folder)
    if running is not None:
        yield running
        return
    try:
        yield Home(folder, store)
    finally:
        withdraw(folder / FOLDER)
        clear(folder / FOLDER)


def process_at(host: str, port: int, timeout_s: float) -> int | None:
    """Return the process of the emulator that answers there, None where what answers is none.

    Raises OSError where nobody does.
    """
    # http.client and not urllib: a proxy of the environment must not be asked about this machine.
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", "/_emulator/health")
        said = json.loads(connection.getresponse().read(_HEALTH_BYTES))
    except (ValueError, RecursionError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    pid = said.get("pid") if isinstance(said, dict) and said.get("status") == "ok" else None
    return pid if isinstance(pid, int) else None


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise WorldError(f"{path} cannot be opened: {error.strerror}.") from error


def _locked_or_running(lock: IO[str], place: Path, timeout_s: float) -> Running | None:
    """Wait until the lock is ours (None) or a server answers for whoever has it."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        running = _server(place)  # also where the lock is free: a world in memory needs none
        if running is not None:
            return running
        if try_lock(lock):
            break
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
        said = json.loads(said_by_server(place))
        port, pid = urlsplit(str(said["url"])).port or 0, int(said["pid"])
        is_it = process_at("127.0.0.1", port, _HEALTH_TIMEOUT_S) == pid
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Running(f"http://127.0.0.1:{port}", pid) if is_it else None  # the host is not for the file to say
