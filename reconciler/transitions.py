"""The consents of a stack (`moved`, `removed`, `adopted`, `recreated`) as values that pairing and diff ask.

Each says once, in a reviewed file, what could otherwise only be guessed. A line that has had its effect
changes nothing any more, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler.model import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Place


@dataclass(frozen=True, slots=True)
class Removed:
    """How one address is to go: `how` is close, delete or release; a deletion names the sid it means."""

    how: str
    sid: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Adopted:
    """Whose row becomes an address of ours: the one with `sid`, or what `stack` made (its mark, its name).

    Or `named`, a glob: nobody's row of the very name that the specs give, where that name matches.
    """

    glob: str
    sid: str = ""
    stack: str = ""
    named: str = ""
    place: Place | None = None

    def covers(self, address: Address) -> bool:
        """Whether the line speaks of `address`."""
        return fnmatchcase(str(address), self.glob)


@dataclass(frozen=True, slots=True)
class Moved:
    """An address, or a whole stack, that has another name now."""

    old: Address
    new: Address
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Transitions:
    """All consents of a stack."""

    moved: tuple[Moved, ...] = ()
    removed: Mapping[Address, Removed] = field(default_factory=dict)
    adopted: tuple[Adopted, ...] = ()
    recreated: Mapping[Address, str] = field(default_factory=dict)

    def address_now(self, old: Address) -> Address:
        """Return what an address that a mark names is called today."""
        for one in self.moved:
            if one.old == old:
                return one.new
        parent = self.address_now(old.parent) if old.parent else None
        return Address.of(old.kind, old.key, parent)

    @property
    def former_stacks(self) -> frozenset[str]:
        """Names that the whole stack had before."""
        return frozenset(one.old.key for one in self.moved if one.old.kind == "stack")

    def adoption(self, address: Address) -> Adopted | None:
        """Return the line that lets `address` take over a row that is not ours, if there is one."""
        return next((one for one in self.adopted if one.covers(address)), None)
