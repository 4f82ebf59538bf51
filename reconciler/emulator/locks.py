"""A file → whether this process alone has it, by a lock of the system that ends with the process."""

from __future__ import annotations

import sys
from typing import IO, Any

if sys.platform == "win32":
    import msvcrt

    def try_lock(file: IO[Any]) -> bool:
        """Take the lock of an open file unless another process has it."""
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def wait_for_lock(file: IO[Any]) -> None:
        """Take the lock of an open file, as soon as it can be had (ten seconds at most: OSError)."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)

    def unlock(file: IO[Any]) -> None:
        """Give a lock back."""
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(file: IO[Any]) -> bool:
        """Take the lock of an open file unless another process has it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def wait_for_lock(file: IO[Any]) -> None:
        """Take the lock of an open file, as soon as it can be had."""
        fcntl.flock(file, fcntl.LOCK_EX)

    def unlock(file: IO[Any]) -> None:
        """Give a lock back."""
        fcntl.flock(file, fcntl.LOCK_UN)
