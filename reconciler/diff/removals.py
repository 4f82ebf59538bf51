"""Removals × consents → what must not go, and which lines have had their effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.diff.order import DROPS
from reconciler.diff.sides import Sides, ancestors
from reconciler.model import Action, Address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Change


def plain(address: Address) -> Address:
    """Return the address as the specs write it: a row that is on its way out bears its sid's tail."""
    key = address.key.partition("~")[0]
    return Address.of(address.kind, key, address.parent)


def protected_rows(
    sides: Sides, changes: Mapping[Address, Change]
) -> tuple[frozenset[Address], list[Diagnostic]]:
    """Return the addresses that must not be removed, with all that stands in them, and why.

    A protected resource goes only with a line in `removed:`; a deletion must name the sid that is there.
    """
    problems: list[Diagnostic] = []
    kept: set[Address] = set()
    for address, change in changes.items():
        if change.action not in DROPS - {Action.REPLACE} or change.live is None:
            continue
        line = sides.transitions.removed.get(plain(address))
        mark = change.live.mark
        if line is None and mark is not None and mark.protected:
            detail = (
                f"To consent, write: removed: {{{plain(address)}: close}} (or release, or {{delete: CH…}})."
            )
            problems.append(
                diagnostics.error("it is protected and was about to be removed", detail, address=address)
            )
            kept.add(address)
        elif line is not None and line.sid and line.sid != change.live.sid:
            detail = f"The row that is there is {change.live.sid}."
            problem = diagnostics.error(
                f"removed: names {line.sid}, which this is not", detail, address=address, place=line.place
            )
            problems.append(problem)
            kept.add(address)
    inside = {address for address in changes if any(above in kept for above in ancestors(address))}
    return frozenset(inside), problems


def done_removals(sides: Sides) -> Iterator[Diagnostic]:
    """Say which lines of `removed:` speak of nothing that is there any more."""
    there = {plain(address) for address in sides.observed.resources}
    for address, line in sides.transitions.removed.items():
        if address not in there:
            yield diagnostics.warning("removed: done, remove this line", place=line.place, address=address)
