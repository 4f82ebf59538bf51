"""Live rows × desired resources → the observed graph: which live row is which address.

The natural key decides first; a mark's key pairs what is left (a rename). What is neither is a stranger.
Two live rows with one key are a diagnostic, never a guess.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.genuine import genuine, is_closing
from reconciler.kinds import mark as marks
from reconciler.kinds.base import Kind, MarkHome
from reconciler.model import Address, Fields, Graph, Live, Mark, Owner, Resource
from reconciler.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from reconciler.diagnostics import Diagnostic
    from reconciler.transitions import Adopted


@dataclass(frozen=True, slots=True)
class Found:
    """A live row in our words, with the rows that stand in it, by kind; kinds not read are missing."""

    fields: Fields
    live: Live
    children: Mapping[str, tuple[Found, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """The observed graph, the addresses that must not be touched, and why."""

    graph: Graph
    refused: frozenset[Address] = frozenset()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(slots=True)
class _Pairing:
    owner: Owner
    kinds: tuple[Kind, ...]
    transitions: Transitions
    resources: dict[Address, Resource] = field(default_factory=dict)
    strangers: list[Resource] = field(default_factory=list)
    refused: set[Address] = field(default_factory=set)
    problems: list[Diagnostic] = field(default_factory=list)
    moving: set[Address] = field(default_factory=set)
    """Former addresses that marks still hold."""
    adopting: set[Adopted] = field(default_factory=set)
    """Lines of consent that are not done yet."""

    def refuse(self, address: Address, summary: str, detail: str, wanted: Resource | None) -> None:
        self.refused.add(address)
        place = wanted.place if wanted else None
        self.problems.append(diagnostics.error(summary, detail, address=address, place=place))


def pair(
    desired: Graph,
    found: Mapping[str, Sequence[Found]],
    kinds: tuple[Kind, ...],
    owner: Owner,
    transitions: Transitions | None = None,
) -> Observed:
    """Return the observed graph of live root rows (`found`, by kind) beside what is desired."""
    pairing = _Pairing(owner, kinds, transitions or Transitions())
    siblings = _by_parent(desired)
    for kind in kinds:
        if kind.parent is None:
            _pair_level(pairing, kind, None, siblings, tuple(found.get(kind.name, ())))
    pairing.problems += _done(pairing)
    graph = Graph(pairing.resources, tuple(pairing.strangers))
    return Observed(graph, frozenset(pairing.refused), tuple(pairing.problems))


def _by_parent(desired: Graph) -> Mapping[tuple[Address | None, str], dict[str, Resource]]:
    siblings: dict[tuple[Address | None, str], dict[str, Resource]] = defaultdict(dict)
    for address, resource in desired.resources.items():
        siblings[address.parent, address.kind][address.key] = resource
    return siblings


def _pair_level(
    pairing: _Pairing,
    kind: Kind,
    parent: Resource | None,
    siblings: Mapping[tuple[Address | None, str], dict[str, Resource]],
    rows: tuple[Found, ...],
) -> None:
    above = parent.address if parent else None
    wanted = siblings.get((above, kind.name), {})
    parent_mark = parent.live.mark if parent and parent.live else None
    if kind.mark is MarkHome.PARENT:
        taken = _pair_recorded(pairing, kind, above, wanted, rows, parent_mark)
    else:
        taken = _pair_marked(pairing, kind, above, wanted, rows)
    for key, row in taken.items():
        resource = _accept(pairing, kind, above, key, row, wanted.get(key), parent_mark)
        for child in pairing.kinds:
            if child.parent is kind and child.name in row.children:
                _pair_level(pairing, child, resource, siblings, row.children[child.name])
    claimed = {row.live.sid for row in taken.values()}
    pairing.strangers += [
        Resource(Address.of(kind.name, row.live.sid, above), row.fields, live=row.live)
        for row in rows
        if row.live.sid not in claimed and parent is not None
    ]


def _accept(
    pairing: _Pairing,
    kind: Kind,
    above: Address | None,
    key: str,
    row: Found,
    wanted: Resource | None,
    parent_mark: Mark | None,
) -> Resource:
    live = row.live if _is_ours(pairing, kind, row) else replace(row.live, mark=None)
    if kind.mark is MarkHome.PARENT and parent_mark and parent_mark.children.get(key) == live.sid:
        # What we last set stands in the parent's mark; it is handed on as if it stood here.
        seen = {marks.WHOLE: parent_mark.prints.get(key, marks.SET_UNSEEN)}
        live = replace(live, mark=Mark(pairing.owner, key, seen))
    resource = Resource(
        Address.of(kind.name, key, above), row.fields, place=wanted.place if wanted else None, live=live
    )
    pairing.resources[resource.address] = resource
    return resource


def _is_ours(pairing: _Pairing, kind: Kind, row: Found) -> bool:
    """Whether a mark that fits its row names us, under today's name of the stack or a former one."""
    mark = row.live.mark
    if mark is None or not kind.fits(mark, row.fields, row.live.sid):
        return False
    former = Address.of("stack", mark.owner.stack)
    pairing.moving |= {former} if mark.owner.stack in pairing.transitions.former_stacks else set()
    return is_owner(mark.owner, pairing.owner, pairing.transitions)


def is_owner(owner: Owner, us: Owner, transitions: Transitions) -> bool:
    """Whether an owner that a mark names is us, under today's name of the stack or a former one."""
    stacks = {us.stack, *transitions.former_stacks}
    return owner.stack in stacks and owner.environment == us.environment


def _key_now(pairing: _Pairing, kind: Kind, above: Address | None, key: str) -> str:
    """Return what a key that a mark holds is called today."""
    old = Address.of(kind.name, key, above)
    new = pairing.transitions.address_now(old)
    pairing.moving |= {old} if new != old else set()
    return new.key


# --- kinds that carry a mark, or none ----------------------------------------------------------------------


def _pair_marked(
    pairing: _Pairing,
    kind: Kind,
    above: Address | None,
    wanted: Mapping[str, Resource],
    rows: tuple[Found, ...],
) -> dict[str, Found]:
    """Return key → row: by natural key what is wanted, then by mark what is left of ours."""
    by_key: dict[Hashable, list[Found]] = defaultdict(list)
    for row in rows:
        by_key[kind.natural_key(row.fields)].append(row)
    taken = _pair_adopted(pairing, kind, wanted, rows)
    for key, resource in wanted.items():
        if key in taken:
            continue
        same = by_key.get(kind.natural_key(resource.fields), []) if not kind.singleton else list(rows)
        found = _one(pairing, resource, same)
        if found is not None and _may_take(pairing, kind, resource, found):
            taken[key] = found
    _pair_leftovers(pairing, kind, above, rows, taken)
    return taken


def _pair_adopted(
    pairing: _Pairing, kind: Kind, wanted: Mapping[str, Resource], rows: tuple[Found, ...]
) -> dict[str, Found]:
    """Return key → row for what a line of consent takes over; nothing where it is ours already."""
    taken: dict[str, Found] = {}
    for key, resource in wanted.items():
        line = pairing.transitions.adoption(resource.address)
        if line is None:
            continue
        ours = any(
            _is_ours(pairing, kind, row) and row.live.mark and row.live.mark.key == key for row in rows
        )
        row = next((row for row in rows if not ours and is_meant(kind, line, key, row)), None)
        if row is not None:
            taken[key] = row
            pairing.adopting.add(line)
        elif not ours and not kind.takes_over:
            pairing.adopting.add(line)
            pairing.refuse(
                resource.address,
                f"there is nothing to adopt: {line.sid or f'nothing of stack {line.stack}'}",
                "Look for its sid or stack, or take the line out to create a new one.",
                resource,
            )
    return taken


def is_meant(kind: Kind, line: Adopted, key: str, row: Found) -> bool:
    """Whether a live row is the one that a line adopts: by sid, by another stack's mark, or by its name."""
    mark = row.live.mark
    if mark is not None and mark.newer:
        return False
    if line.sid:
        return row.live.sid == line.sid
    if mark is not None:
        return (
            mark.owner.stack == line.stack and mark.key == key and kind.fits(mark, row.fields, row.live.sid)
        )
    return kind.natural_key(row.fields) == kind.named(line.stack, key)


def _done(pairing: _Pairing) -> Iterator[Diagnostic]:
    """Say which lines of consent have had their effect."""
    consents = pairing.transitions
    moved = [line.place for line in consents.moved if line.old not in pairing.moving]
    adopted = [line.place for line in consents.adopted if line not in pairing.adopting]
    for block, places in (("moved", moved), ("adopted", adopted)):
        for place in places:
            yield diagnostics.warning(f"{block}: done, remove this line", place=place)


def _one(pairing: _Pairing, resource: Resource, same: list[Found]) -> Found | None:
    if len(same) > 1:
        sids = ", ".join(sorted(row.live.sid for row in same))
        pairing.refuse(
            resource.address,
            f"two live resources answer to this one: {sids}",
            "Remove or rename one of them; which one is meant cannot be guessed.",
            resource,
        )
        return None
    return same[0] if same else None


def _may_take(pairing: _Pairing, kind: Kind, resource: Resource, row: Found) -> bool:
    """Whether a live row under our natural key is ours to manage; if not, its address is refused."""
    mark, sid = row.live.mark, row.live.sid
    if mark is None or _is_ours(pairing, kind, row):
        if mark is not None or kind.takes_over or _has_marked_child(pairing, row):
            return True
        summary = f"{sid} has this name already and carries no mark of this stack"
        detail = "Delete or rename it, or give this one another unique_name."
    elif mark.newer:
        summary, detail = f"{sid} was marked by a newer version of reconciler", "Upgrade to manage it."
    elif mark.owner == pairing.owner:
        summary = f"{sid} carries a copy of the mark of {kind.name}/{mark.key}"
        detail = "Take the key `reconciler` out of its attributes, or give this one another name."
    else:
        summary = f"{sid} belongs to stack {mark.owner}"
        detail = "One resource has one owner: remove it there, or give this one another name."
    pairing.refuse(resource.address, summary, detail, resource)
    return False


def _has_marked_child(pairing: _Pairing, row: Found) -> bool:
    """Look for the second witness: something inside that only we can have marked."""
    inside: Iterable[Found] = (child for children in row.children.values() for child in children)
    marks_inside = (child.live.mark for child in inside if child.live.mark is not None)
    return any(is_owner(mark.owner, pairing.owner, pairing.transitions) for mark in marks_inside)


def _pair_leftovers(
    pairing: _Pairing,
    kind: Kind,
    above: Address | None,
    rows: tuple[Found, ...],
    taken: dict[str, Found],
) -> None:
    """Give every row of ours that no natural key took its mark's key, or that key and its sid's tail."""
    if kind.mark is not MarkHome.ATTRIBUTES:
        return
    ours: dict[str, list[Found]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.live.created, row.live.sid)):
        if row.live.mark is not None and _is_ours(pairing, kind, row):
            ours[_key_now(pairing, kind, above, row.live.mark.key)].append(row)
    claimed = {row.live.sid for row in taken.values()}
    for key, bearers in ours.items():
        address = Address.of(kind.name, key, above)
        ours_here = genuine(bearers, next((row for row in bearers if row.live.sid in claimed), bearers[0]))
        left = [row for row in bearers if row.live.sid not in claimed]
        for row in reversed(left):
            if row not in ours_here:
                pairing.problems.append(_copied(address, row))
            elif key in taken or is_closing(row):
                taken[_superseded(key, row)] = row
            elif address not in pairing.refused:
                taken[key] = row


def _copied(address: Address, row: Found) -> Diagnostic:
    """Say that a second row bears one mark: somebody copied attributes. The older one is ours."""
    detail = "It is left alone. Take the key `reconciler` out of its attributes."
    return diagnostics.warning(f"{row.live.sid} carries a copy of this one's mark", detail, address=address)


def _superseded(key: str, row: Found) -> str:
    """Name a row that something newer has taken the key of: an unfinished replacement or closing."""
    return f"{key}~{row.live.sid[-6:]}"


# --- kinds whose names stand in the parent's mark ----------------------------------------------------------


def _pair_recorded(
    pairing: _Pairing,
    kind: Kind,
    above: Address | None,
    wanted: Mapping[str, Resource],
    rows: tuple[Found, ...],
    parent_mark: Mark | None,
) -> dict[str, Found]:
    """Return key → row: by the sid in the parent's mark, else the one unrecorded row that is equal."""
    by_sid = {row.live.sid: row for row in rows}
    names = parent_mark.children.items() if parent_mark else ()
    recorded = {_key_now(pairing, kind, above, name): sid for name, sid in names}
    taken = {key: by_sid[sid] for key, sid in recorded.items() if sid in by_sid}
    for key in sorted(wanted):
        resource, mine = wanted[key], taken.get(key)
        if mine is not None and not _must_replace(kind, resource, mine):
            continue
        equal = _equal_row(pairing, kind, resource, wanted, taken, rows)
        if equal is None:
            continue
        old_key = next((name for name, row in taken.items() if row is equal), None)
        if old_key is not None:
            del taken[old_key]
        if mine is not None:
            taken[_superseded(key, mine)] = mine
        taken[key] = equal
    return taken


def _equal_row(
    pairing: _Pairing,
    kind: Kind,
    resource: Resource,
    wanted: Mapping[str, Resource],
    taken: Mapping[str, Found],
    rows: tuple[Found, ...],
) -> Found | None:
    """Return the row equal to `resource`: ours under a key nobody wants (a rename), or nobody's.

    Of several rows that are nobody's one is as good as another while there are names for all of them, as
    after an apply that was cut before it wrote the names down; a row more, and which is ours is a guess.
    """
    natural_key = kind.natural_key(resource.fields)
    renamed = [row for key, row in taken.items() if key not in wanted]
    held = {row.live.sid for row in taken.values()}
    free = [row for row in rows if row.live.sid not in held]
    same = [row for row in renamed if kind.natural_key(row.fields) == natural_key]
    if same:
        return same[0]
    same = [row for row in free if kind.natural_key(row.fields) == natural_key]
    nameless = [
        key
        for key, other in wanted.items()
        if key not in taken and kind.natural_key(other.fields) == natural_key
    ]
    if 0 < len(same) <= len(nameless):
        return min(same, key=lambda row: (not _is_equal(kind, resource, row), row.live.sid))
    return _one(pairing, resource, same)


def _is_equal(kind: Kind, resource: Resource, row: Found) -> bool:
    return all(
        kind.comparable(path, row.fields.get(path)) == kind.comparable(path, value)
        for path, value in resource.fields.items()
    )


def _must_replace(kind: Kind, resource: Resource, row: Found) -> bool:
    return any(
        kind.comparable(path, row.fields.get(path)) != kind.comparable(path, value)
        for path, value in resource.fields.items()
        if path[0] in kind.create_only
    )
