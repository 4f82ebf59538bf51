"""What was found on this machine and in the account → checks: fine, worth a look, or in the way.

Reading is done by who asks (`cli/setup.py`); here it is only judged, and said what to do about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.diagnostics import ApiError, ReconcilerError

CLOCK_TOLERANCE_S = 30.0
SHORTEST_KEY = 16
"""A shorter RECONCILER_KEY could be found by trying, and with it the numbers behind the tags."""
_DENIED, _FORBIDDEN = (70051, 20003), 403
"""How Twilio says that a key which opens the account may not use Sync."""
_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*([0-9.]+)")


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    """It could not be made."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, and what to do where that is not fine."""

    verdict: Verdict
    subject: str
    told: str
    remedy: str = ""


def refused(subject: str, fault: ReconcilerError) -> Check:
    """Return the check that ended in an error."""
    first = fault.diagnostics[0]
    where = f"{first.place}: " if first.place else ""
    return Check(Verdict.FAIL, subject, f"{where}{first.summary}", first.detail)


def skipped(subject: str, why: str) -> Check:
    """Return a check that was not made."""
    return Check(Verdict.SKIP, subject, f"not checked: {why}")


# --- this machine ------------------------------------------------------------------------------------------


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version lies within bounds such as ``>=9.10,<10``; of a pre-release its release counts."""
    return all(_holds(_order(version, bound), sign) for sign, bound in _BOUND.findall(wanted))


def _order(one: str, other: str) -> int:
    """Return -1, 0 or 1 as `one` is older than, the same as or newer than `other`."""
    releases = (re.match(r"[0-9]+(\.[0-9]+)*", text) for text in (one, other))
    parts = ([int(part) for part in found[0].split(".")] if found else [] for found in releases)
    pairs = zip_longest(*parts, fillvalue=0)
    return next(((a > b) - (a < b) for a, b in pairs if a != b), 0)


def _holds(order: int, sign: str) -> bool:
    allowed = {">=": (0, 1), "<=": (-1, 0), "==": (0,), "!=": (-1, 1), "<": (-1,), ">": (1,)}
    return order in allowed[sign]


def python(version: str, wanted: str) -> Check:
    """Judge the version of Python."""
    if satisfies(version, wanted):
        return Check(Verdict.OK, "Python", f"{version} ({_bounds(wanted)})")
    remedy = "Make a virtual environment with a newer Python, and install reconciler there."
    return Check(Verdict.FAIL, "Python", f"{version} is not supported ({_bounds(wanted)})", remedy)


def package(name: str, version: str | None, wanted: str) -> Check:
    """Judge a package that reconciler stands on; `version` is None where it is not installed."""
    remedy = f"pip install '{name}{wanted}'"
    if version is None:
        return Check(Verdict.FAIL, name, "is not installed", remedy)
    if satisfies(version, wanted):
        return Check(Verdict.OK, name, f"{version} ({_bounds(wanted)})" if wanted else version)
    return Check(Verdict.FAIL, name, f"{version} is not supported ({_bounds(wanted)})", remedy)


def not_installed() -> Check:
    """Return the check of a reconciler that runs from its files alone, so that nothing tells its needs."""
    remedy = "In its folder: pip install -e ."
    return Check(Verdict.WARN, "reconciler", "is not installed, so its needs cannot be compared", remedy)


def _bounds(wanted: str) -> str:
    """Return bounds in the order people write them: the lower one first."""
    return ", ".join(sorted(wanted.split(","), reverse=True))


def state_folder(folder: str, fault: str, *, is_needed: bool) -> Check:
    """Judge where emulated worlds and journals are kept; `fault` says what is wrong with it, '' nothing."""
    if not fault:
        return Check(Verdict.OK, "state folder", f"{folder} can be written")
    remedy = "The emulator's world and the journals of applies are kept there: have the right to write to it."
    return Check(Verdict.FAIL if is_needed else Verdict.WARN, "state folder", fault, remedy)


def lock_folder(folder: str, fault: str) -> Check:
    """Judge where applies on this machine lock each other out; `fault` as for the state folder."""
    if not fault:
        return Check(Verdict.OK, "lock folder", f"{folder} can be written")
    remedy = "It keeps two runs on this machine apart. Point XDG_STATE_HOME at a folder that can be written."
    return Check(Verdict.FAIL, "lock folder", fault, remedy)


def masking_key(key: str, *, has_credential: bool) -> Check:
    """Judge RECONCILER_KEY, which keys the tags of phone numbers in what is shared; '' is none."""
    subject = "RECONCILER_KEY"
    if not key:
        told = "not set: tags of phone numbers are good for one run only"
        if has_credential:
            told = "not set: tags of phone numbers and digests of plans are keyed by the credential"
        return Check(Verdict.OK, subject, told)
    if len(key) < SHORTEST_KEY:
        remedy = f"Set one of {SHORTEST_KEY} characters or more, chosen by chance: openssl rand -hex 16"
        return Check(Verdict.WARN, subject, "is so short that it can be guessed, and numbers with it", remedy)
    return Check(Verdict.OK, subject, "set: tags of phone numbers and digests of plans are keyed by it")


# --- the specs ---------------------------------------------------------------------------------------------


def sound_specs(owner: str, resources: int, warnings: int) -> Check:
    """Judge specs that can be used."""
    are = "resource is" if resources == 1 else "resources are"
    told = f"{owner}: {resources:,} {are} valid"
    if not warnings:
        return Check(Verdict.OK, "specs", told)
    also = f"with {warnings:,} {'warning' if warnings == 1 else 'warnings'}"
    return Check(Verdict.WARN, "specs", f"{told}, {also}", "See reconciler validate.")


def broken_specs(fault: ReconcilerError) -> Check:
    """Judge specs that cannot be used: the first problem, and how many more there are."""
    first = refused("specs", fault)
    more = len(fault.diagnostics) - 1
    also = f" (and {more} more: see reconciler validate)" if more else ""
    return Check(first.verdict, first.subject, f"{first.told}{also}", first.remedy)


# --- the account -------------------------------------------------------------------------------------------


def credentials(origin: str) -> Check:
    """Say where credentials come from."""
    return Check(Verdict.OK, "credentials", f"from {origin}")


def account(claimed: str, opened: str) -> Check:
    """Judge which account credentials open beside the one they are said to be for."""
    if not opened or opened == claimed:
        return Check(Verdict.OK, "account", f"{claimed} opens")
    told = f"the credentials open {opened}, and TWILIO_ACCOUNT_SID (or the profile) says {claimed}"
    return Check(Verdict.FAIL, "account", told, "Use the account sid and the key of one account.")


def environment(name: str, wanted: str, opened: str) -> Check:
    """Judge whether an account is the one that the chosen environment is for."""
    if wanted == opened:
        return Check(Verdict.OK, "environment", f"{name} is for this account")
    told = f"{name} is for account {wanted}, and the credentials open {opened}"
    return Check(Verdict.FAIL, "environment", told, "Use the right credentials, or change `account:`.")


def service(written: str, row: Mapping[str, object]) -> Check:
    """Name the Conversations service that is meant."""
    name = f"{row.get('friendly_name') or 'without a name'} ({row.get('sid')})"
    return Check(Verdict.OK, "service", f"{written} is {name}" if written == "default" else name)


def sync(refusal: ApiError | None, *, is_needed: bool = False) -> Check:
    """Judge whether Sync, where a stack's record is kept, lets us in; it matters most where one is to be."""
    if refusal is None:
        return Check(Verdict.OK, "Sync", "answers: a stack's record can be kept there")
    if refusal.code not in _DENIED and refusal.status != _FORBIDDEN:
        return refused("Sync", refusal)
    told = "these credentials may not use it, and a stack's record is kept there"
    remedy = (
        "Use the auth token, a standard API key, or a restricted one that may read and write in Sync.\n"
        "Or do without a record: write `record: none` under `stack:`."
    )
    return Check(Verdict.FAIL if is_needed else Verdict.WARN, "Sync", told, remedy)


def no_record() -> Check:
    """Return the check of Sync for a stack that does without."""
    return Check(Verdict.OK, "Sync", "is not used: the stack says record: none")


def clock(ahead_s: float | None) -> Check:
    """Judge how far this machine's clock is ahead of the account's; None where no answer bore a date."""
    if ahead_s is None:
        return skipped("clock", "no answer bore a date")
    if abs(ahead_s) <= CLOCK_TOLERANCE_S:
        return Check(Verdict.OK, "clock", "agrees with the account's")
    told = f"is {_duration(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} the account's"
    return Check(Verdict.WARN, "clock", told, "Have this machine's clock set by the network (NTP).")


def _duration(seconds: float) -> str:
    for unit_s, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit_s:
            return f"{round(seconds / unit_s):,} {unit}"
    return f"{round(seconds)} seconds"


def count(checks: Sequence[Check], verdict: Verdict) -> int:
    """Return how many checks ended so."""
    return sum(check.verdict is verdict for check in checks)
