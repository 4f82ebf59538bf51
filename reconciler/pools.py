"""Desired resources that leave a value to choose × what is there → resources with the value chosen.

A party may stand in many conversations if each reaches it through another number. The choice is the one that
is live where that still works, else the first that is free; another's choice is moved only where there is no
other way. The same input gives the same choice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.model import Address, Fields, Graph, Path, Pool, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.kinds.base import Claim, Kind


@dataclass(frozen=True, slots=True)
class _Seeker:
    """One resource with a choice to make: each candidate and the claim it would hold by it."""

    resource: Resource
    path: Path
    claims: Mapping[str, Claim]


def settle_pools(
    desired: Graph, kinds: Mapping[str, Kind], current: Mapping[Address, Fields]
) -> tuple[Graph, tuple[Address, ...]]:
    """Return (the graph with every Pool settled, the addresses for which no candidate is left).

    `current` is what the live row of a resource says now.
    """
    seekers = [seeker for _, r in sorted(desired.resources.items()) for seeker in _seekers(r, kinds)]
    if not seekers:
        return desired, ()
    taken = {
        claim
        for r in desired.resources.values()
        for claim in kinds[r.address.kind].claims(r.address, r.fields)
    }
    holders: dict[Claim, tuple[_Seeker, str]] = {}
    for seeker in seekers:
        now = _now(seeker, kinds[seeker.resource.address.kind], current.get(seeker.resource.address, {}))
        claim = seeker.claims.get(now)
        if claim is not None and claim not in taken and claim not in holders:
            holders[claim] = seeker, now
    placed = {seeker.resource.address for seeker, _ in holders.values()}
    left = [s for s in seekers if s.resource.address not in placed and not _place(s, taken, holders, set())]
    resources = dict(desired.resources)
    for seeker, choice in holders.values():
        address = seeker.resource.address
        resources[address] = replace(seeker.resource, fields={**seeker.resource.fields, seeker.path: choice})
    return Graph(resources), tuple(seeker.resource.address for seeker in left)


def _seekers(resource: Resource, kinds: Mapping[str, Kind]) -> list[_Seeker]:
    kind = kinds[resource.address.kind]
    found: list[_Seeker] = []
    for path, value in resource.fields.items():
        if isinstance(value, Pool):
            claims: dict[str, Claim] = {}
            for candidate in value.candidates:
                held = kind.claims(resource.address, {**resource.fields, path: candidate})
                claims[candidate] = next(iter(sorted(held, key=repr)))
            found.append(_Seeker(resource, path, claims))
    return found


def _now(seeker: _Seeker, kind: Kind, live: Fields) -> str:
    """Return the value a resource has now; '' where it is otherwise another one than is wanted."""
    others = {path for path in seeker.resource.fields if path[0] in kind.create_only} - {seeker.path}
    same = all(live.get(path) == seeker.resource.fields[path] for path in others)
    return str(live.get(seeker.path, "")) if same else ""


def _place(
    seeker: _Seeker, taken: set[Claim], holders: dict[Claim, tuple[_Seeker, str]], tried: set[Claim]
) -> bool:
    """Give `seeker` a candidate: a free one if there is one, else by moving another (an augmenting path)."""
    options = [(c, claim) for c, claim in seeker.claims.items() if claim not in taken and claim not in tried]
    for candidate, claim in sorted(options, key=lambda option: option[1] in holders):
        if claim in tried:
            continue
        tried.add(claim)
        other = holders.get(claim)
        if other is None or _place(other[0], taken, holders, tried):
            holders[claim] = seeker, candidate
            return True
    return False
