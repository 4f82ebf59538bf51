"""What is wrong, where, and what to do next, as data; and the errors that carry it, each with its exit code.

A Diagnostic is made where the problem is found and printed in one place, `render/problems.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model import Address, Place


class ExitCode(IntEnum):
    """What a command's exit status says."""

    FINE = 0
    ERROR = 1
    CHANGES = 2
    STALE = 3
    REFUSED = 4
    LEASE_HELD = 5
    WORK_LEFT = 6


class Severity(StrEnum):
    """How much a diagnostic matters: an error stops its address, a warning never does."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: `summary` says what is wrong, `detail` what would be right."""

    severity: Severity
    summary: str
    detail: str = ""
    address: Address | None = None
    place: Place | None = None
    related: tuple[tuple[str, Place], ...] = ()
    """Other places that belong to it, each with a word: ("first defined", place)."""


def error(
    summary: str,
    detail: str = "",
    *,
    address: Address | None = None,
    place: Place | None = None,
    related: tuple[tuple[str, Place], ...] = (),
) -> Diagnostic:
    """Return an error diagnostic."""
    return Diagnostic(Severity.ERROR, summary, detail, address, place, related)


def warning(
    summary: str, detail: str = "", *, address: Address | None = None, place: Place | None = None
) -> Diagnostic:
    """Return a warning diagnostic."""
    return Diagnostic(Severity.WARNING, summary, detail, address, place)


class ReconcilerError(Exception):
    """Root of what the commands report instead of a traceback."""

    exit_code = ExitCode.ERROR

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(summary)
        self.diagnostics: tuple[Diagnostic, ...] = (error(summary, detail),)
        self.sources: Mapping[str, tuple[str, ...]] = {}
        """File name → its lines, for quoting; filled where the problems are about files."""


class SpecError(ReconcilerError):
    """The specs cannot be used; carries every problem found, in the order of their places."""

    def __init__(
        self, problems: Sequence[Diagnostic], sources: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        super().__init__(f"{len(problems)} problems in the specs")
        self.diagnostics = tuple(problems)
        self.sources = sources or {}


class ApiError(ReconcilerError):
    """Twilio refused a call. Branch on `code`, never on `status`.

    `ambiguous` is true where nobody can tell whether the write happened (time-out, dropped connection, 5xx).
    """

    def __init__(
        self, summary: str, detail: str = "", *, code: int = 0, status: int = 0, ambiguous: bool = False
    ) -> None:
        super().__init__(summary, detail)
        self.code = code
        self.status = status
        self.ambiguous = ambiguous


class RefusedError(ReconcilerError):
    """Safety forbids it; the detail says how to consent."""

    exit_code = ExitCode.REFUSED
