"""Live rows in our words, what pairing has found so far, and whose a mark is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.model import Address, Fields, Graph, Live, Owner, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.kinds.base import Kind
    from reconciler.transitions import Adopted, Transitions


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
class Pairing:
    """What pairing has found so far."""

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
    later: list[tuple[Kind, Resource, tuple[Found, ...]]] = field(default_factory=list)
    """Rows without a mark of their own, and what they stand in."""

    def refuse(self, address: Address, summary: str, detail: str, wanted: Resource | None) -> None:
        """Note that an address must not be touched, and why."""
        self.refused.add(address)
        place = wanted.place if wanted else None
        self.problems.append(diagnostics.error(summary, detail, address=address, place=place))


def is_ours(pairing: Pairing, kind: Kind, row: Found) -> bool:
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


def key_now(pairing: Pairing, kind: Kind, above: Address | None, key: str) -> str:
    """Return what a key that a mark holds is called today."""
    old = Address.of(kind.name, key, above)
    new = pairing.transitions.address_now(old)
    pairing.moving |= {old} if new != old else set()
    return new.key


def the_one(pairing: Pairing, resource: Resource, same: list[Found]) -> Found | None:
    """Return the one row that answers to a resource; of two, none, and the address is refused."""
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


def copied(address: Address, row: Found) -> Diagnostic:
    """Say that a second row bears one mark: somebody copied attributes. The older one is ours."""
    detail = "It is left alone. Take the key `reconciler` out of its attributes."
    return diagnostics.warning(f"{row.live.sid} carries a copy of this one's mark", detail, address=address)


def superseded(key: str, row: Found) -> str:
    """Name a row that something newer has taken the key of: an unfinished replacement or closing."""
    return f"{key}~{row.live.sid[-6:]}"
