"""One-shot children that are not there → which of them were consumed, and which of those nobody can tell.

Such a child is written down by name in its parent's mark, and removes itself when it has done its work. What
is written down and absent was consumed. Where an application has overwritten the mark, that is lost too, and
the child counts as consumed: to do twice what is wanted once is worse than not to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler import diagnostics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.diagnostics import Diagnostic
    from reconciler.diff.sides import Sides
    from reconciler.model import Address, Resource

UNKNOWN = "?"
"""What a mark holds in the place of the sid of a child that counts as consumed and whose sid was lost."""


def is_consumed(sides: Sides, wanted: Resource, *, parent_reborn: bool = False) -> bool:
    """Whether a one-shot child that is not there was there once, or counts as if it had been."""
    if parent_reborn or not wanted.policy.get("once") or wanted.address.parent is None:
        return False
    parent = sides.observed.resources.get(wanted.address.parent)
    mark = parent.live.mark if parent and parent.live else None
    return wanted.address.key in mark.children if mark else _has_lost_its_mark(sides, wanted.address.parent)


def _has_lost_its_mark(sides: Sides, address: Address) -> bool:
    """Whether a live row is ours although it bears no mark: not one that a line has us adopt just now."""
    row = sides.observed.resources.get(address)
    unmarked = row is not None and row.live is not None and row.live.mark is None
    takes_over = sides.kinds[address.kind].takes_over or sides.transitions.adoption(address)
    return unmarked and not takes_over


def untold(sides: Sides, addresses: Iterable[Address]) -> Iterator[Diagnostic]:
    """Say which children count as consumed although nobody can tell."""
    for address in addresses:
        wanted = sides.desired.resources[address]
        lost = address.parent is not None and _has_lost_its_mark(sides, address.parent)
        if lost and address not in sides.observed.resources and is_consumed(sides, wanted):
            yield diagnostics.warning(
                f"whether it has fired is not known: the mark of {address.parent} was lost",
                "It counts as fired. To arm it anew give it another key.",
                address=address,
                place=wanted.place,
            )
