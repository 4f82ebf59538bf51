"""Live rows × desired resources → the observed graph: which live row is which address.

The natural key decides first; a mark's key pairs what is left (a rename). What is neither is a stranger.
Two live rows with one key are a diagnostic, never a guess.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.kinds import mark as marks
from reconciler.kinds.base import Kind, MarkHome
from reconciler.model import Address, Graph, Mark, Owner, Ref, Resource, settled
from reconciler.pairing.marked import is_meant, pair_marked
from reconciler.pairing.recorded import pair_recorded
from reconciler.pairing.state import Found, Observed, Pairing, is_ours, is_owner
from reconciler.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.diagnostics import Diagnostic

__all__ = ["Found", "Observed", "is_meant", "is_owner", "pair"]


def pair(
    desired: Graph,
    found: Mapping[str, Sequence[Found]],
    kinds: tuple[Kind, ...],
    owner: Owner,
    transitions: Transitions | None = None,
) -> Observed:
    """Return the observed graph of live root rows (`found`, by kind) beside what is desired."""
    pairing = Pairing(owner, kinds, transitions or Transitions())
    siblings = _by_parent(desired)
    for kind in kinds:
        if kind.parent is None:
            _pair_level(pairing, kind, None, siblings, tuple(found.get(kind.name, ())))
    for kind, parent, rows in pairing.later:
        _pair_later(pairing, kind, parent, siblings, rows)
    pairing.problems += _done(pairing)
    graph = Graph(pairing.resources, tuple(pairing.strangers))
    return Observed(graph, frozenset(pairing.refused), tuple(pairing.problems))


def _by_parent(desired: Graph) -> Mapping[tuple[Address | None, str], dict[str, Resource]]:
    siblings: dict[tuple[Address | None, str], dict[str, Resource]] = defaultdict(dict)
    for address, resource in desired.resources.items():
        siblings[address.parent, address.kind][address.key] = resource
    return siblings


def _pair_level(
    pairing: Pairing,
    kind: Kind,
    parent: Resource | None,
    siblings: Mapping[tuple[Address | None, str], dict[str, Resource]],
    rows: tuple[Found, ...],
) -> None:
    above = parent.address if parent else None
    wanted = siblings.get((above, kind.name), {})
    taken = pair_marked(pairing, kind, above, wanted, rows)
    for key, row in taken.items():
        resource = _accept(pairing, kind, above, key, row, wanted.get(key), None)
        for child in pairing.kinds:
            if child.parent is not kind or child.name not in row.children:
                continue
            if child.mark is MarkHome.PARENT:
                pairing.later.append((child, resource, row.children[child.name]))
            else:
                _pair_level(pairing, child, resource, siblings, row.children[child.name])
    _pass_over(pairing, kind, parent, rows, taken)


def _pair_later(
    pairing: Pairing,
    kind: Kind,
    parent: Resource,
    siblings: Mapping[tuple[Address | None, str], dict[str, Resource]],
    rows: tuple[Found, ...],
) -> None:
    """Pair rows that are told by what they hold, once the sids are known that this may hold."""
    mark = parent.live.mark if parent.live else None
    known = partial(_attribute, pairing)
    wanted = {
        key: replace(one, fields={path: settled(value, known) for path, value in one.fields.items()})
        for key, one in siblings.get((parent.address, kind.name), {}).items()
    }
    taken = pair_recorded(pairing, kind, parent.address, wanted, rows, mark)
    for key, row in taken.items():
        _accept(pairing, kind, parent.address, key, row, wanted.get(key), mark)
    _pass_over(pairing, kind, parent, rows, taken)


def _attribute(pairing: Pairing, ref: Ref) -> str | None:
    found = pairing.resources.get(ref.address)
    return found.live.attribute(ref.attribute) if found and found.live else None


def _pass_over(
    pairing: Pairing,
    kind: Kind,
    parent: Resource | None,
    rows: tuple[Found, ...],
    taken: Mapping[str, Found],
) -> None:
    """Note the rows in a resource of ours that are nobody's."""
    claimed = {row.live.sid for row in taken.values()}
    pairing.strangers += [
        Resource(Address.of(kind.name, row.live.sid, parent.address), row.fields, live=row.live)
        for row in rows
        if parent is not None and row.live.sid not in claimed
    ]


def _accept(
    pairing: Pairing,
    kind: Kind,
    above: Address | None,
    key: str,
    row: Found,
    wanted: Resource | None,
    parent_mark: Mark | None,
) -> Resource:
    live = row.live if is_ours(pairing, kind, row) else replace(row.live, mark=None)
    if kind.mark is MarkHome.PARENT and parent_mark and parent_mark.children.get(key) == live.sid:
        # What we last set stands in the parent's mark; it is handed on as if it stood here.
        seen = {marks.WHOLE: parent_mark.prints.get(key, marks.SET_UNSEEN)}
        live = replace(live, mark=Mark(pairing.owner, key, seen))
    resource = Resource(
        Address.of(kind.name, key, above), row.fields, place=wanted.place if wanted else None, live=live
    )
    pairing.resources[resource.address] = resource
    return resource


def _done(pairing: Pairing) -> Iterator[Diagnostic]:
    """Say which lines of consent have had their effect."""
    consents = pairing.transitions
    moved = [line.place for line in consents.moved if line.old not in pairing.moving]
    adopted = [line.place for line in consents.adopted if line not in pairing.adopting]
    for block, places in (("moved", moved), ("adopted", adopted)):
        for place in places:
            yield diagnostics.warning(f"{block}: done, remove this line", place=place)
