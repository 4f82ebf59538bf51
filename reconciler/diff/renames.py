"""What goes × what comes, with the same parties in it → a hint at `moved:`; both may be what is meant.

A key is all that tells one conversation from the next, so that a new key closes the old one for good.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler import diagnostics

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.diff.sides import Sides
    from reconciler.kinds.base import Kind
    from reconciler.model import Address, Graph, Resource


def likely_renames(sides: Sides) -> Iterator[Diagnostic]:
    """Yield a warning where exactly one that goes and one that comes have the same parties in them.

    Also where either is refused: a rename may be what a refusal is about. Who consented to a removal knows.
    """
    gone = _by_parties(sides.observed, sides.kinds, (a for a in _roots(sides.observed) if _goes(sides, a)))
    come = _by_parties(
        sides.desired,
        sides.kinds,
        (a for a in _roots(sides.desired) if a not in sides.observed.resources),
    )
    for parties, new in sorted(come.items(), key=lambda one: one[1]):
        old = gone.get(parties, [])
        if len(old) == len(new) == 1:
            yield _hint(old[0], sides.desired.resources[new[0]])


def _hint(old: Address, new: Resource) -> Diagnostic:
    return diagnostics.warning(
        f"{new.address} is new, with the parties of {old}, which goes",
        f"If this is a rename: `moved: {{{old}: {new.address}}}`",
        address=new.address,
        place=new.place,
    )


def _roots(graph: Graph) -> Iterator[Address]:
    return (address for address in graph.resources if address.parent is None)


def _goes(sides: Sides, address: Address) -> bool:
    """Whether a live resource is open, no longer wanted, and nothing says what is to become of it."""
    live = sides.observed.resources[address].live
    is_open = live is not None and live.state in sides.kinds[address.kind].open_states
    settled = address in sides.desired.resources or address in sides.transitions.removed
    return is_open and not settled


def _by_parties(
    graph: Graph, kinds: Mapping[str, Kind], roots: Iterable[Address]
) -> Mapping[tuple[str, frozenset[Hashable]], list[Address]]:
    """Return (kind, parties) → the `roots` that have exactly those; who has none is left out."""
    inside: dict[Address, set[Hashable]] = defaultdict(set)
    for address, resource in graph.resources.items():
        if address.parent is not None and (party := _party(kinds[address.kind], resource)):
            inside[address.parent].add(party)
    found: dict[tuple[str, frozenset[Hashable]], list[Address]] = defaultdict(list)
    for root in roots:
        if inside[root]:
            found[root.kind, frozenset(inside[root])].append(root)
    return found


def _party(kind: Kind, resource: Resource) -> Hashable | None:
    """Return who a resource brings in: a number, whatever it sees of ours, or else what it alone can be."""
    is_one = kind.claims(resource.address, resource.fields)
    return kind.party(resource.fields) or (kind.natural_key(resource.fields) if is_one else None)
