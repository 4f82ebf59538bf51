"""The calls of a run → lines of a private file, each on the disk before its call is sent.

For people who want to know what a run did, also when it was killed. Nothing is ever read from it to plan.
One line of JSON for the run, then two for each call: what is about to be sent (``n``, ``at``, ``operation``,
``step``, ``method``, ``path``), and how it ended (``n``, ``at``, ``ended``): done, refused with Twilio's
code, stopped before it left, or unknown. Bodies are not in it, so neither are secrets nor phone numbers.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.diagnostics import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

KEPT = 50
"""How many journals stay in a folder; older ones are removed."""


@dataclass
class FileJournal:
    """A journal in a file that is open. `now` gives the time as text."""

    path: Path
    _file: int
    _now: Callable[[], str]
    _count: int = 0

    def before(self, operation: str, step: str, method: str, path: str) -> int:
        """Note a call that is about to be sent, and return its number once that is on the disk."""
        self._count += 1
        told = {"operation": operation, "step": step, "method": method, "path": path}
        self._write({"n": self._count, "at": self._now(), **told})
        os.fsync(self._file)
        return self._count

    def after(self, number: int, outcome: str) -> None:
        """Note how a call ended."""
        self._write({"n": number, "at": self._now(), "ended": outcome})

    def _write(self, entry: Mapping[str, Any]) -> None:
        os.write(self._file, (json.dumps(entry, ensure_ascii=True) + "\n").encode())


@contextmanager
def open_journal(
    folder: Path, name: str, about: Mapping[str, Any], now: Callable[[], str]
) -> Iterator[FileJournal]:
    """Give a new journal `name` in `folder`, which begins with what the run is `about`.

    Raises ReconcilerError where it cannot be written: a run that nobody can trace is not begun.
    """
    path = folder / f"{name}.jsonl"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise ReconcilerError(
            f"the journal cannot be written: {folder}: {(fault.strerror or str(fault)).lower()}",
            "Nothing was written to the account. Name another folder: --journal FOLDER.",
        ) from fault
    journal = FileJournal(path, file, now)
    try:
        journal._write({"at": now(), **about})  # noqa: SLF001 - the same module
        _forget_old(folder)
        yield journal
    finally:
        os.close(file)


def _forget_old(folder: Path) -> None:
    """Remove all but the newest journals; another run may be doing the same."""
    for path in sorted(folder.glob("*.jsonl"))[:-KEPT]:
        with suppress(FileNotFoundError):
            path.unlink()
