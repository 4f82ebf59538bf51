"""Items → entries: which address each has in the new specs, and how it comes to be the new stack's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from reconciler.export.choosing import why_not_adopted
from reconciler.export.items import Entry, Item, Note, noted, owner_of
from reconciler.export.naming import conversation_key, free, is_key, participant_key, webhook_key
from reconciler.kinds import mark as marks
from reconciler.kinds.base import MarkHome
from reconciler.model import Address

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from reconciler.model import Json, Owner, Path

_Bearing: TypeAlias = "tuple[str, str]"
"""A stack and a key: what a mark names."""

COPY = (
    "left out: it carries a copy of this stack's mark",
    "It is not what this stack made. Take the key `reconciler` out of its attributes.",
)
ODD = (
    "left out: it bears this stack's mark under a key that is taken or that specs cannot have",
    "By itself the new file would have it removed. Take the key `reconciler` out of its attributes.",
)
OTHERS = (
    "left out: others added it to a conversation that this stack owns already",
    "Such rows are left alone. To manage one, write it into the specs.",
)


@dataclass
class _Giving:
    """What is known while addresses are given: who we are, what is taken, how many rows bear one mark."""

    us: Owner
    taken: set[str]
    named: set[str]
    """Keys whose default name somebody has."""
    bearers: Counter[_Bearing]
    entries: dict[Address, Entry] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def addressed(
    items: Sequence[Item], everything: Sequence[Item], us: Owner
) -> tuple[dict[Address, Entry], list[Note]]:
    """Return every row with an address, parents before what stands in them, and notes on those without.

    `everything` is all that is in the service: names that are taken there are not given twice.
    """
    giving = _Giving(us, set(), set(), _bearers(everything))
    for item in everything:
        start, name = str(item.kind.named(us.stack, "")), str(item.fields.get(("unique_name",)) or "")
        giving.named |= {name.removeprefix(start)} if name.startswith(start) else set()
        giving.taken |= {item.mark.key} if item.mark and item.mark.owner == us else set()
    given: dict[str, str] = {}
    for item in sorted(items, key=lambda item: _first(item, us)):
        key = _root_key(giving, item)
        if key in given or not is_key(key):
            giving.notes.append(noted(*ODD, item.sid))
            continue
        giving.taken.add(key)
        given[key] = item.sid
        _add(giving, item, Address.of(item.kind.name, key))
    order = {item.sid: n for n, item in enumerate(items)}
    entries = sorted(giving.entries.items(), key=lambda pair: order[given[pair[0].root.key]])
    return dict(entries), giving.notes


def _bearers(items: Sequence[Item]) -> Counter[_Bearing]:
    return Counter((one.mark.owner.stack, one.mark.key) for one in items if one.mark)


def _first(item: Item, us: Owner) -> tuple[int, tuple[str, str]]:
    """Sort first what has its key already: ours, then other stacks'."""
    owner = owner_of(item)
    return (0 if owner == us else 1 if owner else 2), item.age


def _root_key(giving: _Giving, item: Item) -> str:
    """Return the key of a conversation; of ours the one it has, whether or not that can be given."""
    if item.mark is not None and item.mark.owner == giving.us:
        return item.mark.key
    if item.mark is not None and is_key(item.mark.key) and item.mark.key not in giving.taken:
        return item.mark.key
    key = conversation_key(item.fields, item.sid, giving.us.stack)
    if ("unique_name",) in item.fields:
        return free(key, giving.taken)
    # It will be given the name that follows from its key, so nobody else may have that.
    return free(key, giving.taken | giving.named)


def _add(giving: _Giving, item: Item, address: Address) -> None:
    """Give an address to a conversation and to all that stands in it."""
    is_ours = owner_of(item) == giving.us
    line = "" if is_ours else _line(item, address.key, giving.bearers)
    giving.entries[address] = Entry(item, address, is_ours, line, _hidden(item, None))
    taken: dict[str, set[str]] = {one.kind.name: set() for one in item.inside}
    inner = _bearers(item.inside)
    for one in sorted(item.inside, key=lambda inner: (inner.mark is None, inner.age)):
        why = why_not_adopted(one) if one.kind.mark is MarkHome.ATTRIBUTES else None
        why = why or (OTHERS if is_ours and not _is_of(one, item, giving.us) else None)
        key = "" if why else _inner_key(one, item, taken[one.kind.name], giving.us)
        if not key:
            giving.notes.append(noted(*(why or COPY), one.sid, address))
            continue
        taken[one.kind.name].add(key)
        here, theirs = Address.of(one.kind.name, key, address), owner_of(one)
        adopt = _line(one, key, inner) if theirs not in (None, giving.us) else ""
        inner_is_ours = theirs == giving.us or (is_ours and one.kind.mark is MarkHome.PARENT)
        giving.entries[here] = Entry(one, here, inner_is_ours, adopt, _hidden(one, item))


def _hidden(item: Item, above: Item | None) -> frozenset[Path]:
    """Return what of a row whoever set it called sensitive, as its mark says, or its parent's."""
    mark = item.here.live.mark if item.here.live else None
    if mark is not None:
        return frozenset(p for p in item.fields if mark.fields.get(marks.dotted(p)) == marks.SET_SECRET)
    mark = above.here.live.mark if above and above.here.live else None
    names = [name for name, sid in mark.children.items() if sid == item.sid] if mark else []
    is_secret = mark is not None and any(mark.prints.get(name) == marks.SET_SECRET for name in names)
    return frozenset({("url",)} if is_secret else ())


def _is_of(item: Item, above: Item, us: Owner) -> bool:
    """Whether what stands in a conversation of ours is ours: by its own mark, or by its parent's."""
    recorded = above.mark.children.values() if above.mark else ()
    return owner_of(item) == us or item.sid in recorded


def _inner_key(item: Item, above: Item, taken: Collection[str], us: Owner) -> str:
    """Return a key that is free; '' for a second row that bears one mark of ours."""
    known = _known_key(item, above, us)
    if known and (known not in taken or owner_of(item) == us):
        return known if known not in taken else ""
    name = participant_key(item.fields) if item.kind.mark is MarkHome.ATTRIBUTES else webhook_key(item.fields)
    return free(known or name, taken)


def _known_key(item: Item, above: Item, us: Owner) -> str:
    """Return what a mark that counts calls a row, its own or its parent's; '' where none does."""
    if item.kind.mark is MarkHome.PARENT:
        recorded = above.mark.children if above.mark else {}
        return next((key for key, sid in recorded.items() if sid == item.sid and is_key(key)), "")
    bears = item.mark is not None and item.mark.owner in (us, owner_of(above))
    return item.mark.key if item.mark and bears and is_key(item.mark.key) else ""


def _line(item: Item, key: str, bearers: Counter[_Bearing]) -> Json:
    """Return what a line of `adopted:` says: whose it was where only this row can be meant, else its sid."""
    mark = item.mark
    if mark is None or mark.key != key or bearers[mark.owner.stack, key] > 1:
        return item.sid
    return {"from": mark.owner.stack}
