"""Changes of a plan → entries: what one who approves the plan approves, and what it relies on, as JSON.

An entry says what becomes of one resource (action, address, values) and what that starts from (the sid of the
live row, the edited leaves as they were, what it stands in). Places, causes, reasons, weather and what is not
managed are not in it. A change that was carried out in part comes back in another form: that is an entry too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.model import Action, Joined, Lookup, Pool, Ref, reveal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.model import Address, Change, Fields, Live, Mark, Path, Plan, Value

Entry = list[Any]
"""What is approved, as JSON: equal texts of `canonical` mean the same."""

REMOVALS = frozenset({Action.CLOSE, Action.DELETE, Action.RELEASE})
BIRTHS = frozenset({Action.CREATE, Action.REPLACE})
_NEW = "new"
_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Ground:
    """What the changes of a plan stand on, so that what they say does not depend on how far a run has come.

    `newborn` is what the plan was approved to create and is there by now: it counts as to be created, and a
    text that holds its sid as the reference that it was.
    """

    births: frozenset[Address]
    sids: Mapping[Address, str]
    newborn: Mapping[Address, Live] = field(default_factory=dict)
    by_sid: Mapping[str, Address] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_sid", {live.sid: address for address, live in self.newborn.items()})

    def sid(self, address: Address | None) -> str:
        """Return the sid that an entry relies on at `address`; a word where it is yet to be created."""
        if address is None:
            return ""
        return _NEW if address in self.births or address in self.newborn else self.sids.get(address, "")


def births(plan: Plan) -> frozenset[Address]:
    """Return the addresses that get another sid than they have now, or one at all."""
    return frozenset(change.address for change in plan.changes if change.action in BIRTHS)


def canonical(value: Any) -> bytes:
    """Return bytes that are equal exactly where two values of JSON are: 1 is neither 1.0 nor true."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def entry_of(change: Change, ground: Ground) -> Entry:
    """Return what is approved of one visible change.

    A removal goes by the sid of its row alone: what is half removed has another address.
    """
    if change.action in REMOVALS:
        return _removal(change.action, change)
    if is_bookkeeping(change):
        return _record(change.address)
    if change.action is Action.CREATE:
        return _creation(change, ground)
    start = change.live.sid if change.live else ground.sid(change.address.parent)
    edits = [
        [list(edit.path), value_of(edit.before, ground), value_of(edit.after, ground)]
        for edit in change.edits
    ]
    after = _creation(change, ground) if change.action is Action.REPLACE else _claims(change.mark)
    return [change.action.value, change.address.steps, start, sorted(edits, key=canonical), after]


def leftovers(change: Change, ground: Ground) -> Iterator[Entry]:
    """Yield what may be left of a change that was carried out in part."""
    if change.action is Action.REPLACE:
        yield _creation(change, ground)
        yield _removal(Action.DELETE, change)
    if change.records is not None:
        yield _record(change.address)


def birth_of(address: Address) -> Entry:
    """Return the entry by which a later run knows that an approved plan was to create this."""
    return ["born", address.steps]


def choice_of(address: Address, path: Path, value: str) -> Entry:
    """Return the entry of a choice out of a pool."""
    return ["chosen", address.steps, list(path), value]


def is_bookkeeping(change: Change) -> bool:
    """Whether a change sets nothing, and only writes down in a mark what has come to be."""
    before = change.live.mark if change.live else None
    return (
        change.action is Action.UPDATE
        and not change.edits
        and change.live is not None
        and _claims(change.mark) == _claims(before)
    )


def _removal(action: Action, change: Change) -> Entry:
    return [action.value, change.address.kind, change.live.sid if change.live else ""]


def _record(address: Address) -> Entry:
    return ["record", address.steps]


def _creation(change: Change, ground: Ground) -> Entry:
    parent = ground.sid(change.address.parent)
    fields, initial = _leaves(change.fields, ground), _leaves(change.at_creation, ground)
    return [Action.CREATE.value, change.address.steps, parent, fields, initial, _claims(change.mark)]


def _claims(mark: Mark | None) -> Entry | None:
    """Return what a mark says beyond bookkeeping: whose the row is, under which key, and how it is kept."""
    return [mark.owner.stack, mark.owner.environment, mark.key, mark.protected] if mark else None


def _leaves(fields: Fields, ground: Ground) -> list[Any]:
    return sorted(([list(path), value_of(value, ground)] for path, value in fields.items()), key=canonical)


# --- values ------------------------------------------------------------------------------------------------


def value_of(value: Value, ground: Ground) -> Any:
    """Return a value as JSON that cannot be taken for another one; what a Secret hides is in it."""
    match reveal(value):
        case Ref() as ref:
            return {"parts": [_ref_of(ref)]}
        case Joined(parts):
            return {"parts": [part if isinstance(part, str) else _ref_of(part) for part in parts if part]}
        case Lookup(collection, name):
            return {"lookup": [collection, name]}
        case Pool(candidates):
            return {"pool": list(candidates)}
        case dict() as held:
            return {"object": held}
        case str() as text:
            return _text(text, ground)
        case other:
            return other


def _ref_of(ref: Ref) -> list[Any]:
    return [ref.address.steps, ref.attribute]


def _text(text: str, ground: Ground) -> Any:
    """Return a text, with references in the place of what only the newborn can have brought into it."""
    known: dict[str, Ref] = {}
    for sid in _SID.findall(text) if ground.newborn else ():
        if address := ground.by_sid.get(sid):
            texts = {**ground.newborn[address].computed, "sid": sid}
            known |= {value: Ref(address, name) for name, value in texts.items()}
    if not known:
        return text
    longest = sorted(known, key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, longest))})", text)
    return {"parts": [_ref_of(known[part]) if part in known else part for part in parts if part]}
