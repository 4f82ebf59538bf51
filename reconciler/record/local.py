"""One run of a stack at a time on this machine: turns a target into a locked file, until a block is left.

The lock is the operating system's, so a killed process cannot leave it behind. It also guards stacks without
a record, against others on this machine.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from reconciler.diagnostics import ReconcilerError
from reconciler.record.documents import document_name
from reconciler.record.taking import LeaseHeldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model import Target

_LOCKED_BYTE = 4096
"""Behind all text: Windows keeps others from reading what is locked."""


def lock_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Return where locks are kept: the state folder of this person on this machine."""
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else home / ".local" / "state"
    return base / "reconciler" / "locks"


@contextmanager
def only_here(folder: Path, target: Target, world: str = "") -> Iterator[None]:
    """Be the only run of a target on this machine for the length of the block.

    `world` tells emulated accounts apart, which all have one sid: an endpoint, or the folder of a world.
    Raises LeaseHeldError, naming the process, where another run is at work.
    """
    path = folder / f"{_file_name(target, world)}.lock"
    with _opened(path) as file:
        try:
            is_free = _lock(file)
        except OSError as fault:
            raise _unusable(path, fault) from fault
        if not is_free:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise LeaseHeldError(
                f"{target.owner} is being applied on this machine by process {holder}",
                "Try again when it has finished, or end it.",
            )
        try:
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
            yield
        finally:
            _unlock(file)


def _file_name(target: Target, world: str) -> str:
    where = f".{hashlib.sha256(world.encode()).hexdigest()[:16]}" if world else ""
    return f"{target.account_sid}{where}.{document_name(target)}"


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open(path, "r+", encoding="utf-8", errors="replace", opener=_private)
    except OSError as fault:
        raise _unusable(path, fault) from fault


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else can read, and never through a link: what is behind it would be cut."""
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _unusable(path: Path, fault: OSError) -> ReconcilerError:
    return ReconcilerError(
        f"{path} cannot be opened and locked: {fault.strerror}",
        "It keeps two runs on this machine apart. Point XDG_STATE_HOME at a folder that can be written.",
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> bool:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
