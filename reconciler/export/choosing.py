"""Conversations × what was asked for → those to export, and why the others are not."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler.diagnostics import ReconcilerError
from reconciler.export.items import Note, noted, owner_of
from reconciler.kinds import mark as marks
from reconciler.kinds.attributes import attributes_of, live_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.export.items import Item
    from reconciler.model import Owner

NO_OBJECT = (
    "left out: the attributes are not a JSON object, so it cannot be adopted",
    "An application has set them so. Have it store an object, or set them to {} by hand.",
)
RESERVED = (
    f"left out: the attribute {marks.KEY!r} holds something that is no mark of ours",
    "Adopting it would write the mark there. Move what stands there to another key.",
)
NEWER = ("left out: a newer version of reconciler has marked it", "Upgrade to export it.")


def chosen(
    items: Sequence[Item], wanted: Sequence[str], us: Owner
) -> tuple[tuple[Item, ...], tuple[Note, ...]]:
    """Return the rows to export and notes on the rest. `wanted` are sids, unique names and globs of these.

    Without any, all that are open and that no other stack owns. Raises ReconcilerError where one of them
    matches nothing: most likely it is a slip.
    """
    _check_matches(items, wanted)
    named = [item for item in items if not wanted or any(_is_meant(item, one) for one in wanted)]
    notes: list[Note] = []
    kept: list[Item] = []
    for item in named:
        why = _why_not(item)
        if why:
            notes.append(noted(*why, item.sid))
        elif _is_open(item) and (wanted or owner_of(item) in (None, us)):
            kept.append(item)
    notes += _counted([item for item in named if not _is_open(item)], wanted)
    notes += _foreign([item for item in named if _is_open(item) and not wanted], us)
    return tuple(kept), (*notes, *_disowned(kept), *_siblings(items, kept, us))


def _check_matches(items: Sequence[Item], wanted: Sequence[str]) -> None:
    names = sorted({str(name) for item in items if (name := item.fields.get(("unique_name",)))})
    for one in wanted:
        if not any(_is_meant(item, one) for item in items):
            near = get_close_matches(one, names, n=3)
            detail = f"Nearest: {', '.join(near)}." if near else "Give a sid (CH…), a unique name or a glob."
            raise ReconcilerError(f"{one!r} matches no conversation of this service", detail)


def _is_meant(item: Item, wanted: str) -> bool:
    name = item.fields.get(("unique_name",))
    return item.sid == wanted or (isinstance(name, str) and fnmatchcase(name, wanted))


def _is_open(item: Item) -> bool:
    return str(item.raw.get("state")) in item.kind.open_states


def why_not_adopted(item: Item) -> tuple[str, str] | None:
    """Return why a row cannot be adopted, and what to do; None where it can."""
    tree = attributes_of(item.raw)
    if not isinstance(tree, dict):
        return NO_OBJECT
    if item.mark is not None and item.mark.newer:
        return NEWER
    return RESERVED if marks.KEY in tree and marks.decode(tree[marks.KEY]) is None else None


def _why_not(item: Item) -> tuple[str, str] | None:
    if not _is_open(item):
        return None
    if item.mark is not None and item.mark.closing:
        return "left out: it is being closed", f"An apply of {item.mark.owner} is unfinished."
    return why_not_adopted(item)


def _counted(ended: list[Item], wanted: Sequence[str]) -> list[Note]:
    """Say how many are not open; which ones, where they were asked for."""
    counts = Counter(str(item.raw.get("state")) for item in ended)
    detail = "A closed conversation cannot be changed, so not adopted either."
    rows = {state: [i.sid for i in ended if wanted and str(i.raw.get("state")) == state] for state in counts}
    return [
        Note(f"left out: {_many(many)} that {_are(many)} {state}", detail if state == "closed" else "", row)
        for state, many in counts.items()
        for row in (rows[state] or [""])
    ]


def _many(count: int) -> str:
    return f"{count} conversation{'s' * (count != 1)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _foreign(items: list[Item], us: Owner) -> list[Note]:
    """Say how much other stacks own, and how to take it over."""
    counts = Counter(owner for item in items if (owner := owner_of(item)) not in (None, us))
    detail = "To take one over, name it: reconciler export CONVERSATION. Its line in adopted: says from whom."
    return [
        Note(f"left out: {_many(many)} of stack {owner}", detail, "")
        for owner, many in counts.items()
        if owner.stack
    ]


def _disowned(kept: list[Item]) -> list[Note]:
    """Warn of what counts as nobody's only because its mark does not fit its name: somebody renamed it."""
    borne = [(item, live_mark(item.raw)) for item in kept if item.mark is None]
    return [
        noted(
            f"it bears the mark of stack {mark.owner} and another name: renamed, or a copy",
            "Nobody owns it as it is, so it is exported; ask that stack before you adopt it.",
            item.sid,
        )
        for item, mark in borne
        if mark is not None
    ]


def _siblings(items: Sequence[Item], kept: list[Item], us: Owner) -> list[Note]:
    """Warn of what the stack of the new specs owns beside them: alone they would have it removed."""
    here = {item.sid for item in kept}
    left = [item for item in items if _is_open(item) and owner_of(item) == us and item.sid not in here]
    summary = f"stack {us} owns conversations that are not in this export"
    detail = "Put it beside their specs, or choose another --stack: by itself it would have them removed."
    return [noted(summary, detail, item.sid) for item in left]
