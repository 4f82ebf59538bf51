"""The live account → rows in our words, read through the gateway and paired with what is desired.

Lists are asked for the open states only, at once; what is wanted and missing is asked for by name; children
are read where a spec or a mark mentions them. Reading never writes: the gateway would refuse.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler import diagnostics
from reconciler.diagnostics import ApiError, ReconcilerError
from reconciler.kinds.attributes import live_mark
from reconciler.kinds.base import Kind, MarkHome, Way
from reconciler.model import Address, Graph, Live, Lookup, Resource, reveal
from reconciler.pairing import Found, Observed, is_meant, is_owner, pair
from reconciler.pools import settle_pools
from reconciler.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.gateway import Gateway
    from reconciler.model import Fields, Path, Target, Value
    from reconciler.step import Row

T = TypeVar("T")
HOST = "conversations"


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all calls at once; the first failure cancels the rest and is raised bare."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
    return [task.result() for task in tasks]


def is_service_sid(service: str) -> bool:
    """Whether a service is given by its sid, and not by its name."""
    return service.startswith("IS") and len(service) == 34


async def resolve_service(gateway: Gateway, service: str) -> str:
    """Return the IS… sid of a Conversations service: ``default``, a sid, or the name of one.

    Raises ReconcilerError when no service, or more than one, has that name.
    """
    if service == "default":
        settings = await gateway.get(HOST, ("v1", "Configuration"))
        sid = settings.get("default_chat_service_sid")
        if not (isinstance(sid, str) and sid.isalnum()):
            told = "the account's Configuration names no default service"
            raise ApiError(told, "Name one in the specs: `service: IS…`.")
        return sid
    if is_service_sid(service):
        return service
    rows = await gateway.list(HOST, ("v1", "Services"), "services", 100)
    sids = [str(row["sid"]) for row in rows if row.get("friendly_name") == service]
    if len(sids) != 1:
        known = ", ".join(sorted({str(row.get("friendly_name")) for row in rows})) or "none"
        what = (
            "no Conversations service is called"
            if not sids
            else f"{len(sids)} Conversations services are called"
        )
        raise ReconcilerError(
            f"{what} {service!r}", f"Services of this account: {known}. A sid (IS…) works too."
        )
    return sids[0]


async def observe(
    gateway: Gateway,
    desired: Graph,
    kinds: tuple[Kind, ...],
    target: Target,
    transitions: Transitions | None = None,
    *,
    include_closed: bool = False,
) -> tuple[Graph, Observed]:
    """Return (desired, observed): what is desired with names and choices settled, and what is there.

    With `include_closed` resources that ended their life are listed too.
    """
    consents = transitions or Transitions()
    desired, problems = await _look_up(gateway, desired, target)
    refused = frozenset(problem.address for problem in problems if problem.address)
    found: dict[str, tuple[Found, ...]] = {}
    for kind in kinds:
        if kind.parent is None:
            wanted = [r for a, r in desired.resources.items() if a.kind == kind.name and a.parent is None]
            desired, found[kind.name] = await _Reader(gateway, kinds, target, desired, consents).roots(
                kind, wanted, include_closed=include_closed
            )
    by_name = {kind.name: kind for kind in kinds}
    desired, unplaced = settle_pools(desired, by_name, _marked_fields(desired, found, by_name))
    problems += [
        diagnostics.error("the pool has no number left for this party", "Add numbers to it.", address=address)
        for address in unplaced
    ]
    refused |= set(unplaced)
    observed = pair(desired, found, kinds, target.owner, consents)
    return desired, replace(
        observed, refused=observed.refused | refused, diagnostics=(*problems, *observed.diagnostics)
    )


def _marked_fields(
    desired: Graph, found: Mapping[str, tuple[Found, ...]], kinds: Mapping[str, Kind]
) -> dict[Address, Fields]:
    """Return what the row marked with each address's key says now, for what stands in something."""
    parents = {
        (a.kind, kinds[a.kind].natural_key(r.fields)): a
        for a, r in desired.resources.items()
        if a.parent is None
    }
    marked: dict[Address, Fields] = {}
    for kind, rows in found.items():
        for row in rows:
            parent = parents.get((kind, kinds[kind].natural_key(row.fields)))
            for name, children in row.children.items():
                keyed = ((child.live.mark.key, child.fields) for child in children if child.live.mark)
                marked |= {Address.of(name, key, parent): fields for key, fields in keyed}
    return marked


class _Reader:
    """Reads one kind's rows and what stands in them."""

    def __init__(
        self,
        gateway: Gateway,
        kinds: tuple[Kind, ...],
        target: Target,
        desired: Graph,
        transitions: Transitions,
    ) -> None:
        self.transitions = transitions
        self.gateway = gateway
        self.kinds = kinds
        self.target = target
        self.desired = desired
        self._wanted: dict[tuple[Address | None, str], list[Resource]] = defaultdict(list)
        for address, resource in desired.resources.items():
            self._wanted[address.parent, address.kind].append(resource)

    async def roots(
        self, kind: Kind, wanted: list[Resource], *, include_closed: bool
    ) -> tuple[Graph, tuple[Found, ...]]:
        path = self._path(kind)
        rows = await self._listed(kind, path, include_closed=include_closed)
        listed = {kind.natural_key(found_row(kind, row).fields) for row in rows}
        missing = await together(
            self._by_name(kind, path, resource)
            for resource in wanted
            if kind.natural_key(resource.fields) not in listed
        )
        rows += [row for _, row in missing if row is not None]
        named = {resource.address: resource for resource, _ in missing}
        self.desired = desired = Graph({**self.desired.resources, **named})
        unique = {str(row.get("sid", "")): row for row in rows}
        names = {kind.natural_key(r.fields): r for a, r in desired.resources.items() if a.kind == kind.name}
        return desired, tuple(
            await together(self._with_children(kind, path, row, names) for row in unique.values())
        )

    def _path(self, kind: Kind) -> tuple[str, ...]:
        return tuple(self.target.service_sid if part == "{service}" else part for part in kind.collection)

    async def _listed(self, kind: Kind, path: tuple[str, ...], *, include_closed: bool) -> list[Row]:
        if kind.singleton:
            return [await self.gateway.get(kind.host, path)]
        if Way.LIST not in kind.ways:
            return []
        states = (*kind.open_states, "closed") if include_closed and kind.open_states else kind.open_states
        queries: list[dict[str, str]] = [{"State": state} for state in states] or [{}]
        pages = await together(
            self.gateway.list(kind.host, path, kind.list_key, kind.page_size, query) for query in queries
        )
        return [row for page in pages for row in page]

    async def _by_name(
        self, kind: Kind, path: tuple[str, ...], resource: Resource
    ) -> tuple[Resource, Row | None]:
        """Ask for one wanted resource by its name; of one that has closed, for its successors too."""
        name = kind.natural_key(resource.fields)
        if kind.singleton or Way.GET not in kind.ways or not isinstance(name, str):
            return resource, None
        row = await self.gateway.find(kind.host, (*path, name))
        successor = 2
        while row is not None and self._has_ended(kind, row):
            after = await self.gateway.find(kind.host, (*path, f"{name}~{successor}"))
            if after is None and not self._wants_successor(resource, row):
                return resource, row
            resource, row = _renamed(resource, f"{name}~{successor}"), after
            successor += 1
        return resource, row

    def _has_ended(self, kind: Kind, row: Row) -> bool:
        """Whether a row is ours and closed."""
        mark = found_row(kind, row).live.mark
        ours = mark is not None and is_owner(mark.owner, self.target.owner, self.transitions)
        return ours and bool(kind.open_states) and str(row.get("state")) not in kind.open_states

    def _wants_successor(self, resource: Resource, row: Row) -> bool:
        consent = self.transitions.recreated.get(resource.address) == row.get("sid")
        return consent or resource.policy.get("on_closed") == "recreate"

    async def _with_children(
        self,
        kind: Kind,
        path: tuple[str, ...],
        row: Row,
        names: Mapping[object, Resource],
        above: Address | None = None,
    ) -> Found:
        """Return a row with all that stands in it, where it is wanted or marked as ours; else by itself."""
        found = found_row(kind, row)
        wanted = names.get(kind.natural_key(found.fields))
        mark = found.live.mark
        adopted = self._adopted(kind, found)
        ours = mark is not None and is_owner(mark.owner, self.target.owner, self.transitions)
        if wanted is None and adopted is None and not ours:
            return found
        addresses = {address for address in (wanted.address if wanted else None, adopted) if address}
        if mark and mark.key:
            addresses.add(self.transitions.address_now(Address.of(kind.name, mark.key, above)))
        inside = path if kind.singleton else (*path, found.live.sid)
        children = [
            child for child in self.kinds if child.parent is kind and self._mentions(child, addresses, found)
        ]
        here = wanted.address if wanted else adopted or next(iter(addresses), None)
        lists = await together(self._inside(child, inside, found, here) for child in children)
        return replace(
            found, children={child.name: rows for child, rows in zip(children, lists, strict=True)}
        )

    def _adopted(self, kind: Kind, found: Found) -> Address | None:
        """Return the wanted address that a line of consent gives to a live row."""
        for line in self.transitions.adopted:
            for resource in self._wanted[None, kind.name]:
                address = resource.address
                if line.covers(address) and is_meant(kind, line, resource, found):
                    return address
        return None

    def _mentions(self, child: Kind, parents: set[Address], found: Found) -> bool:
        """Whether a spec or a mark speaks of such children; those that carry marks are always read."""
        if child.mark is not MarkHome.PARENT:
            return True
        recorded = found.live.mark.children if found.live.mark else {}
        return bool(recorded) or any(
            self._siblings(child, parent) or self._exclusive(child, parent) for parent in parents
        )

    def _siblings(self, kind: Kind, parent: Address | None) -> list[Resource]:
        return self._wanted.get((parent, kind.name), [])

    def _exclusive(self, child: Kind, parent: Address) -> bool:
        resource = self.desired.resources.get(parent)
        wanted = resource.policy.get("exclusive") if resource else None
        return isinstance(wanted, list) and child.plural in wanted

    async def _inside(
        self, child: Kind, parent: tuple[str, ...], above: Found, here: Address | None
    ) -> tuple[Found, ...]:
        if above.live.state == "closed":
            return ()
        path = (*parent, *child.collection)
        rows = await self._listed(child, path, include_closed=False)
        names = {child.natural_key(r.fields): r for r in self._siblings(child, here)}
        return tuple(await together(self._with_children(child, path, row, names, here) for row in rows))


def found_row(kind: Kind, row: Row) -> Found:
    """Return a live row in our words. Raises ApiError where it is nothing that Twilio writes."""
    try:
        found = _found_row(kind, row)
        hash(kind.natural_key(found.fields))
        named = kind.singleton or row["sid"]
    except (AttributeError, KeyError, TypeError, ValueError):
        named = False
    if not named:
        summary = f"{kind.name} {row.get('sid')}: the answer is not what Twilio writes"
        raise ApiError(summary, "Is this Twilio, or a proxy in between?")
    return found


def _found_row(kind: Kind, row: Row) -> Found:
    computed = {name: str(row[name]) for name in kind.captures if row.get(name)}
    mark = live_mark(row) if kind.mark is MarkHome.ATTRIBUTES else None
    state = str(row.get("state") or "") if kind.open_states else ""
    created = str(row.get("date_created") or "")
    return Found(kind.from_live(row), Live(str(row.get("sid") or ""), computed, mark, state, created))


def _renamed(resource: Resource, name: str) -> Resource:
    return replace(resource, fields={**resource.fields, ("unique_name",): name})


# --- names that only the account knows ---------------------------------------------------------------------


async def _look_up(gateway: Gateway, desired: Graph, target: Target) -> tuple[Graph, list[Diagnostic]]:
    """Put the sid in the place of every Lookup; what the account does not have is a diagnostic."""
    collections = {value.collection for _, value in _lookups(desired)}
    known: dict[str, list[Row]] = {}
    for name in sorted(collections):
        path = ("v1", "Services", target.service_sid, name)
        known[name] = await gateway.list(HOST, path, name.lower(), 50)
    problems: list[Diagnostic] = []
    resources = {
        address: _looked_up(resource, known, problems) if known else resource
        for address, resource in desired.resources.items()
    }
    return Graph(resources), problems


def _lookups(desired: Graph) -> Iterable[tuple[Resource, Lookup]]:
    for resource in desired.resources.values():
        for value in resource.fields.values():
            if isinstance(reveal(value), Lookup):
                yield resource, value  # type: ignore[misc]


def _looked_up(resource: Resource, known: Mapping[str, list[Row]], problems: list[Diagnostic]) -> Resource:
    fields: dict[Path, Value] = {}
    for path, value in resource.fields.items():
        if not isinstance(value, Lookup):
            fields[path] = value
            continue
        rows = [row for row in known[value.collection] if row.get("friendly_name") == value.name]
        if len(rows) == 1:
            fields[path] = str(rows[0]["sid"])
            continue
        names = ", ".join(sorted(str(row.get("friendly_name")) for row in known[value.collection])) or "none"
        problems.append(
            diagnostics.error(
                f"the service has {len(rows) or 'no'} {value.collection.lower()} called {value.name!r}",
                f"It has: {names}. A sid works too.",
                address=resource.address,
                place=resource.places.get(path, resource.place),
            )
        )
    found: Fields = fields
    return replace(resource, fields=found)
