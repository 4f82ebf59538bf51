"""An approved change × what there is now → what moved, in words. Sensitive values are not in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.diagnostics import Severity, error
from reconciler.model import Joined, Lookup, Pool, Ref, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Address, Change, Fields, Value
    from reconciler.workflow import Planned

AGAIN = "Make a new plan and have it reviewed."
_HAS_MOVED = "it has moved since the plan was reviewed"
_LONGEST = 60
_MOST = 3


def no_longer_so(then: Change, now: Change) -> Diagnostic:
    """Say how a change differs from the one that was approved at its address."""
    found = list(_differences(then, now)) or [
        "What it stands in or points at, or a sensitive value, is another one now."
    ]
    more = [f"And {len(found) - _MOST} more."] if len(found) > _MOST else []
    return _moved(_HAS_MOVED, [*found[:_MOST], *more, AGAIN], now)


def never_reviewed(now: Change) -> Diagnostic:
    """Say that a change was not approved, where nobody can tell what was."""
    return _moved(f"{now.action.value}: this is not among what was reviewed", [AGAIN], now)


def held_back(then: Change, fresh: Planned) -> Diagnostic:
    """Say that an approved change is refused now, and why if that was told."""
    told = [
        f"{one.summary[:1].upper()}{one.summary[1:]}."
        for one in fresh.plan.diagnostics
        if one.severity is Severity.ERROR and one.address in (then.address, then.address.parent)
    ]
    ended = any(row.address in (then.address, then.address.parent) for row in fresh.closed)
    reasons = told or (["It is closed now."] if ended else ["Safety holds it back now."])
    return _moved(f"{then.action.value} was reviewed and cannot be done now", [*reasons, AGAIN], then)


def no_longer_ours(then: Change, kept: Fields) -> Diagnostic:
    """Say that something was to be cleared, and is left alone because others have changed it."""
    before = {edit.path: edit.before for edit in then.edits}
    found = [
        f"{'.'.join(path)} was {_shown(before[path])} and to be cleared; others have changed it since."
        for path in kept
    ]
    return _moved(_HAS_MOVED, [*found[:_MOST], AGAIN], then)


def still_there(then: Change) -> Diagnostic:
    """Say that what was to be removed stands there, and that nothing wants it removed any more."""
    sid = then.live.sid if then.live else ""
    return _moved(
        f"{then.action.value} was reviewed and cannot be done now",
        [f"{sid} is there, and is no longer among what may be removed.", AGAIN],
        then,
    )


def waits_for(address: Address, other: Address) -> Diagnostic:
    """Say that an approved change needs another one by now that nobody approved."""
    detail = f"That was not reviewed. {AGAIN}"
    return error(f"it would have to wait for a change of {other} now", detail, address=address)


def _moved(summary: str, sentences: list[str], change: Change) -> Diagnostic:
    return error(summary, " ".join(sentences), address=change.address, place=change.place)


def _differences(then: Change, now: Change) -> Iterator[str]:
    before, here = (change.live.sid if change.live else "" for change in (then, now))
    if before != here:
        yield f"{before or 'Nothing'} stood there, and now {here or 'nothing'}."
    if then.action is not now.action:
        yield f"The plan was to {then.action.value} it; now it would {now.action.value} it."
    edited, edits = ({edit.path: edit for edit in change.edits} for change in (then, now))
    for path in sorted(edited.keys() | edits.keys()) if before == here else ():
        name = ".".join(path)
        if path not in edits:
            yield f"{name} is what it was to become."
        elif path not in edited:
            yield f"{name} differs now too: it is {_shown(edits[path].before)}."
        elif _differ(edited[path].before, edits[path].before):
            yield f"{name} was {_shown(edited[path].before)}, and is {_shown(edits[path].before)} now."
        elif _differ(edited[path].after, edits[path].after):
            yield f"{name} was to become {_shown(edited[path].after)}, not {_shown(edits[path].after)}."


def _differ(one: Value, other: Value) -> bool:
    """Whether two values can be told apart in words: of sensitive ones nothing is said."""
    return one != other and not (isinstance(one, Secret) and isinstance(other, Secret))


def _shown(value: Value) -> str:
    """Return a value for a sentence."""
    if isinstance(value, Secret | Ref | Joined | Lookup | Pool):
        return str(value)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
