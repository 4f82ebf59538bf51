"""Live rows × desired resources → the observed graph: which live row is which address.

The natural key decides first; a mark's key pairs what is left (a rename). What is neither is a stranger.
Two live rows with one key are a diagnostic, never a guess.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.kinds import mark as marks
from reconciler.kinds.base import Kind, MarkHome
from reconciler.model import Address, Fields, Graph, Live, Mark, Owner, Resource

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from reconciler.diagnostics import Diagnostic


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
    resources: dict[Address, Resource] = field(default_factory=dict)
    strangers: list[Resource] = field(default_factory=list)
    refused: set[Address] = field(default_factory=set)
    problems: list[Diagnostic] = field(default_factory=list)

    def refuse(self, address: Address, summary: str, detail: str, wanted: Resource | None) -> None:
        self.refused.add(address)
        place = wanted.place if wanted else None
        self.problems.append(diagnostics.error(summary, detail, address=address, place=place))


def pair(
    desired: Graph, found: Mapping[str, Sequence[Found]], kinds: tuple[Kind, ...], owner: Owner
) -> Observed:
    """Return the observed graph of live root rows (`found`, by kind) beside what is desired."""
    pairing = _Pairing(owner, kinds)
    siblings = _by_parent(desired)
    for kind in kinds:
        if kind.parent is None:
            _pair_level(pairing, kind, None, siblings, tuple(found.get(kind.name, ())))
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
        taken = _pair_recorded(pairing, kind, wanted, rows, parent_mark)
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
    live = row.live if _is_ours(pairing.owner, kind, row) else replace(row.live, mark=None)
    if kind.mark is MarkHome.PARENT and parent_mark and parent_mark.children.get(key) == live.sid:
        # What we last set stands in the parent's mark; it is handed on as if it stood here.
        seen = {marks.WHOLE: parent_mark.prints.get(key, marks.SET_UNSEEN)}
        live = replace(live, mark=Mark(pairing.owner, key, seen))
    resource = Resource(
        Address.of(kind.name, key, above), row.fields, place=wanted.place if wanted else None, live=live
    )
    pairing.resources[resource.address] = resource
    return resource


def _is_ours(owner: Owner, kind: Kind, row: Found) -> bool:
    mark = row.live.mark
    return mark is not None and mark.owner == owner and kind.fits(mark, row.fields, row.live.sid)


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
    taken: dict[str, Found] = {}
    for key, resource in wanted.items():
        same = by_key.get(kind.natural_key(resource.fields), []) if not kind.singleton else list(rows)
        found = _one(pairing, resource, same)
        if found is not None and _may_take(pairing, kind, resource, found):
            taken[key] = found
    _pair_leftovers(pairing, kind, above, rows, taken)
    return taken


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
    if mark is None or _is_ours(pairing.owner, kind, row):
        if mark is not None or kind.takes_over or _has_marked_child(pairing.owner, row):
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


def _has_marked_child(owner: Owner, row: Found) -> bool:
    """Look for the second witness: something inside that only we can have marked."""
    inside: Iterable[Found] = (child for children in row.children.values() for child in children)
    return any(child.live.mark is not None and child.live.mark.owner == owner for child in inside)


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
        if row.live.mark is not None and _is_ours(pairing.owner, kind, row):
            ours[row.live.mark.key].append(row)
    claimed = {row.live.sid for row in taken.values()}
    for key, bearers in ours.items():
        address = Address.of(kind.name, key, above)
        genuine = _genuine(bearers, next((row for row in bearers if row.live.sid in claimed), bearers[0]))
        left = [row for row in bearers if row.live.sid not in claimed]
        for row in reversed(left):
            if row not in genuine:
                pairing.problems.append(_copied(address, row))
            elif key in taken or _is_closing(row):
                taken[_superseded(key, row)] = row
            elif address not in pairing.refused:
                taken[key] = row


def _genuine(bearers: list[Found], known: Found) -> list[Found]:
    """Return those of the bearers of one key, oldest first, that are ours: `known`, and its replacements.

    A replacement names the row it was created to replace, and an interrupted apply may leave both. Any other
    row with the same key is a copy that somebody made of our attributes.
    """
    by_sid = {row.live.sid: row for row in bearers}
    chain = [known]
    while (before := by_sid.get(_predecessor(chain[0]))) is not None and before not in chain:
        chain.insert(0, before)
    while after := [r for r in bearers if _predecessor(r) == chain[-1].live.sid and r not in chain]:
        chain.append(after[0])
    return [*chain, *(row for row in bearers if _is_closing(row) and row not in chain)]


def _predecessor(row: Found) -> str:
    return row.live.mark.predecessor if row.live.mark else ""


def _is_closing(row: Found) -> bool:
    return row.live.mark is not None and row.live.mark.closing


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
    wanted: Mapping[str, Resource],
    rows: tuple[Found, ...],
    parent_mark: Mark | None,
) -> dict[str, Found]:
    """Return key → row: by the sid in the parent's mark, else the one unrecorded row that is equal."""
    by_sid = {row.live.sid: row for row in rows}
    recorded = parent_mark.children if parent_mark else {}
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
