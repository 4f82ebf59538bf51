"""The desired graph → what is wrong with it as a whole, before any call: claims made twice, rings, sizes.

Rules of one kind live in its file (`Kind.check`); here are those that hold for every kind.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from reconciler.diagnostics import error
from reconciler.diff.compare import largest_mark
from reconciler.kinds import mark as marks
from reconciler.kinds.attributes import ATTRIBUTES, attributes_text, split_attributes
from reconciler.kinds.base import Finding, Kind, MarkHome, Site
from reconciler.model import Address, Graph, Joined, Pool, Ref, Resource, Secret, refs_in
from reconciler.pools import settle_pools

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.kinds.base import Claim
    from reconciler.model import Owner, Value

_CLAIMS = {
    "pair": "this address and proxy are a pair already; a pair stands in one conversation only",
    "identity": "this identity is in the conversation already",
    "projected": "this number is projected in the conversation already",
    "name": "this unique_name is taken already",
}
_SID = "XX" + "0" * 32


def check_graph(graph: Graph, kinds: tuple[Kind, ...], site: Site, owner: Owner) -> list[Diagnostic]:
    """Return every problem of the graph, without looking at an account."""
    by_name = {kind.name: kind for kind in kinds}
    families: dict[tuple[Address | None, str], list[Resource]] = defaultdict(list)
    for resource in graph.resources.values():
        families[resource.address.parent, resource.address.kind].append(resource)
    found = [finding for siblings in families.values() for finding in _check_family(siblings, by_name, site)]
    children: dict[Address, dict[str, str]] = defaultdict(dict)
    for address in graph.resources:
        if address.parent is not None and by_name[address.kind].mark is MarkHome.PARENT:
            children[address.parent][address.key] = _SID
    for resource in graph.resources.values():
        found += _check_sizes(resource, children.get(resource.address, {}), by_name, owner)
    settled, unplaced = settle_pools(graph, by_name, {})
    for address in unplaced:
        if Pool(()) in graph.resources[address].fields.values():
            continue  # a sender that could not be read, which was told where it stands
        detail = "Each conversation of a party needs a number of its own: add numbers to the pool."
        found.append(Finding(address, ("via",), "the pool has no number left for this party", detail))
    problems = [_diagnostic(graph, finding) for finding in found]
    return [*problems, *_check_claims(settled, by_name), *_check_rings(graph)]


def _diagnostic(graph: Graph, finding: Finding) -> Diagnostic:
    resource = graph.resources[finding.address]
    place = resource.places.get(finding.path) if finding.path else resource.place
    return error(finding.summary, finding.detail, address=finding.address, place=place or resource.place)


def _check_family(siblings: list[Resource], kinds: Mapping[str, Kind], site: Site) -> Iterator[Finding]:
    kind = kinds[siblings[0].address.kind]
    yield from kind.check(siblings, site)
    if kind.capacity is not None and len(siblings) > kind.capacity:
        where = kind.parent.name if kind.parent else "account"
        summary = f"{len(siblings)} {kind.plural}; Twilio allows {kind.capacity} in one {where}"
        yield Finding(siblings[kind.capacity].address, (), summary, "Take some out.")


def _check_claims(graph: Graph, kinds: Mapping[str, Kind]) -> Iterator[Diagnostic]:
    holders: dict[Claim, Resource] = {}
    for resource in graph.resources.values():
        for claim in kinds[resource.address.kind].claims(resource.address, resource.fields):
            first = holders.setdefault(claim, resource)
            if first is not resource:
                related = (("first used", first.place),) if first.place else ()
                yield error(
                    _CLAIMS.get(str(claim[0]), "this is taken already"),
                    f"It belongs to {first.address}.",
                    address=resource.address,
                    place=resource.places.get(("address",), resource.place),
                    related=related,
                )


def _check_rings(graph: Graph) -> Iterator[Diagnostic]:
    """Say where resources wait for each other: through references, or a parent for its own child."""
    sorter: TopologicalSorter[Address] = TopologicalSorter()
    for resource in graph.resources.values():
        waits = {ref.address for value in _values(resource) for ref in refs_in(value)}
        waits |= {resource.address.parent} if resource.address.parent else set()
        sorter.add(resource.address, *waits)
    try:
        sorter.prepare()
    except CycleError as ring:
        names: list[Address] = list(ring.args[1])
        first = graph.resources.get(names[0])
        yield error(
            f"these refer to each other in a ring: {' → '.join(str(name) for name in names)}",
            "Take one of the references out.",
            place=first.place if first else None,
        )


def _values(resource: Resource) -> tuple[Value, ...]:
    return (*resource.fields.values(), *resource.at_creation.values())


def _check_sizes(
    resource: Resource, children: Mapping[str, str], kinds: Mapping[str, Kind], owner: Owner
) -> Iterator[Finding]:
    """Attributes and the mark fit where Twilio keeps them; the reserved key is ours."""
    kind = kinds[resource.address.kind]
    if (ATTRIBUTES, marks.KEY) in {path[:2] for path in (*resource.fields, *resource.at_creation)}:
        detail = "It holds the mark that tells ours from others'. Use another name."
        yield Finding(
            resource.address, (ATTRIBUTES, marks.KEY), f"the attribute {marks.KEY!r} is reserved", detail
        )
    if kind.mark is not MarkHome.ATTRIBUTES:
        return
    mark = largest_mark(kind, owner, resource, children)
    if mark is not None and marks.size_bytes(mark) > marks.LIMIT_BYTES:
        summary = f"too many fields are managed here: the mark would take {marks.size_bytes(mark)} bytes"
        detail = f"{marks.LIMIT_BYTES} are its limit. Put values that change together into one list."
        yield Finding(resource.address, (ATTRIBUTES,), summary, detail)
    _, leaves = split_attributes({**resource.at_creation, **resource.fields})
    size = len(attributes_text({path: _sized(value) for path, value in leaves.items()}, mark).encode())
    if kind.attributes_limit_bytes and size > kind.attributes_limit_bytes:
        summary = f"the attributes take {size} bytes with the mark"
        yield Finding(
            resource.address, (ATTRIBUTES,), summary, f"Twilio keeps {kind.attributes_limit_bytes}."
        )


def _sized(value: Value) -> Value:
    """Return a stand-in of the same size for a value that is not known yet."""
    if isinstance(value, Secret):
        return _sized(value.value)
    if isinstance(value, Ref):
        return _SID
    if isinstance(value, Joined):
        return "".join(part if isinstance(part, str) else _SID for part in value.parts)
    return value
