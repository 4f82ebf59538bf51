"""A text → a file that somebody named: whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from reconciler.diagnostics import ReconcilerError

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600
SHARED = 0o666
"""What others may do with the file is left to the umask."""


def write_whole(path: Path, text: str, mode: int, advice: str) -> None:
    """Write a file whole or not at all; a pipe or a terminal takes it as it comes.

    Raises ReconcilerError with the `advice` where that cannot be.
    """
    is_stream = path.exists() and not path.is_file()
    new = path if is_stream else path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        flags = os.O_WRONLY | (0 if is_stream else os.O_CREAT | os.O_EXCL)
        with open(os.open(new, flags, mode), "w", encoding="utf-8") as file:
            file.write(text)
        if not is_stream:
            new.replace(path)
    except OSError as fault:
        if not is_stream:
            with suppress(OSError):
                new.unlink()
        why = (fault.strerror or type(fault).__name__).lower()
        raise ReconcilerError(f"{path} cannot be written: {why}", advice) from fault
