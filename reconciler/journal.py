"""The calls of a run → lines of a private file, each on the disk before its call is sent.

For people who want to know what a run did, also when it was killed. Nothing is ever read from it to plan.
One line of JSON for the run, then two for each call: what is about to be sent (``n``, ``at``, ``operation``,
``step``, ``method``, ``path``), and how it ended (``n``, ``at``, ``ended``): done, refused with Twilio's
code, stopped before it left, or unknown. Bodies are not in it, so neither are secrets nor phone numbers.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.brake import StoppedError
from reconciler.diagnostics import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

KEPT = 50
"""How many journals stay in a folder; older ones are removed."""
_OURS = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z-[0-9a-f]+\.jsonl")
"""What a journal is called. Whatever else is in the folder is somebody's."""


@dataclass
class FileJournal:
    """A journal in a file that is open. `now` gives the time as text."""

    path: Path
    _file: int
    _now: Callable[[], str]
    _count: int = 0
    lost: str = ""
    """Why it is not whole; '' while it is."""

    def before(self, operation: str, step: str, method: str, path: str) -> int:
        """Note a call that is about to be sent, and return its number once that is on the disk.

        Raises StoppedError where it cannot be: what nobody can trace is not sent.
        """
        self._count += 1
        told = {"operation": operation, "step": step, "method": method, "path": path}
        self._keep({"n": self._count, "at": self._now(), **told})
        if self.lost:
            raise StoppedError(f"the journal cannot be written: {self.lost}")
        return self._count

    def after(self, number: int, outcome: str) -> None:
        """Note how a call ended; where that cannot be, it is the last one."""
        self._keep({"n": number, "at": self._now(), "ended": outcome}, firmly=False)

    def _keep(self, entry: Mapping[str, Any], *, firmly: bool = True) -> None:
        """Write a line, onto the disk itself where that is asked for; what hinders it is kept in `lost`."""
        line = (json.dumps(entry, ensure_ascii=True) + "\n").encode()
        try:
            while line and not self.lost:
                line = line[os.write(self._file, line) :]
            if firmly:
                os.fsync(self._file)
        except OSError as fault:
            self.lost = _reason(fault)


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
        raise _unwritable(folder, _reason(fault)) from fault
    journal = FileJournal(path, file, now)
    try:
        journal._keep({"at": now(), **about})  # noqa: SLF001 - the same module
        if journal.lost:
            raise _unwritable(folder, journal.lost)
        _forget_old(path)
        yield journal
    finally:
        os.close(file)


def _unwritable(folder: Path, why: str) -> ReconcilerError:
    return ReconcilerError(
        f"the journal cannot be written: {folder}: {why}",
        "Nothing was written to the account. Name another folder: --journal FOLDER.",
    )


def _reason(fault: OSError) -> str:
    return (fault.strerror or str(fault)).lower()


def _forget_old(newest: Path) -> None:
    """Remove all but the newest journals; another run may be doing the same. What stays is no harm."""
    old = sorted(path for path in newest.parent.iterdir() if path != newest and _OURS.fullmatch(path.name))
    for path in old[: 1 - KEPT]:
        with suppress(OSError):
            path.unlink()
