"""What the comparer looks at: both graphs, the kinds, and whose resources they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.kinds.base import Kind
    from reconciler.model import Address, Graph, Owner
    from reconciler.transitions import Transitions


class Removal(StrEnum):
    """What becomes of a resource with a life cycle that vanished from the specs."""

    CLOSE = "close"
    DELETE = "delete"
    RELEASE = "release"


@dataclass(frozen=True)
class Sides:
    """What every part of the comparison looks at."""

    desired: Graph
    observed: Graph
    kinds: Mapping[str, Kind]
    order: Mapping[str, int]
    owner: Owner
    removal: Removal
    transitions: Transitions
    superseded: Mapping[Address, str]
    """Address → the sid of a live row that had its key and has to make way."""

    def rank(self, address: Address) -> tuple[tuple[int, str], ...]:
        """Parents before children, kinds in their listed order, keys by name."""
        return tuple((self.order[kind], key) for kind, key in address.steps)


def ancestors(address: Address) -> Iterator[Address]:
    """Yield an address and everything it stands in, from the inside out."""
    above: Address | None = address
    while above is not None:
        yield above
        above = above.parent
