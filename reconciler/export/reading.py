"""A Conversations service → its rows, and what stands in the chosen ones. Only reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import ApiError
from reconciler.export.items import Defaults, Item
from reconciler.kinds import KINDS
from reconciler.kinds.base import MarkHome
from reconciler.model import Address, Resource
from reconciler.observed import HOST, found_row, together

if TYPE_CHECKING:
    from reconciler.gateway import Gateway
    from reconciler.kinds.base import Kind
    from reconciler.step import Row

_ABSENT = 404


def roots() -> tuple[Kind, ...]:
    """Return the kinds that stand in nothing else."""
    return tuple(kind for kind in KINDS if kind.parent is None)


async def read_defaults(gateway: Gateway, service_sid: str) -> Defaults:
    """Return what the account and the service give to whatever says nothing else."""
    inside = ("v1", "Services", service_sid)
    account = await gateway.get(HOST, ("v1", "Configuration"))
    service = await gateway.get(HOST, (*inside, "Configuration"))
    roles = await gateway.list(HOST, (*inside, "Roles"), "roles", 50)
    return Defaults(
        str(service.get("default_conversation_role_sid") or ""),
        str(account.get("default_messaging_service_sid") or ""),
        {str(row.get("sid")): str(row.get("friendly_name") or "") for row in roles},
    )


async def read_service(gateway: Gateway, service_sid: str) -> tuple[Item, ...]:
    """Return all that is in a service, closed ones too, the oldest first; what stands inside is not read."""
    items: list[Item] = []
    for kind in roots():
        rows = await gateway.list(kind.host, _path(kind, service_sid), kind.list_key, kind.page_size)
        items += [_item(kind, row) for row in rows]
    return tuple(sorted(items, key=lambda item: item.age))


async def with_inside(gateway: Gateway, service_sid: str, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the items with all that stands in them; one that has gone in the meantime is missing."""
    whole = await together(_whole(gateway, service_sid, item) for item in items)
    return tuple(item for item in whole if item is not None)


async def _whole(gateway: Gateway, service_sid: str, item: Item) -> Item | None:
    inside: list[Item] = []
    for kind in (one for one in KINDS if one.parent is item.kind):
        path = (*_path(item.kind, service_sid), item.sid, *kind.collection)
        try:
            rows = await gateway.list(kind.host, path, kind.list_key, kind.page_size)
        except ApiError as refusal:
            if refusal.status != _ABSENT:
                raise
            return None
        inside += sorted((_item(kind, row) for row in rows), key=lambda one: one.age)
    return replace(item, inside=tuple(inside))


def _path(kind: Kind, service_sid: str) -> tuple[str, ...]:
    return tuple(service_sid if part == "{service}" else part for part in kind.collection)


def _item(kind: Kind, row: Row) -> Item:
    found = found_row(kind, row)
    mark = found.live.mark if kind.mark is MarkHome.ATTRIBUTES else None
    counts = mark is not None and (mark.newer or kind.fits(mark, found.fields, found.live.sid))
    here = Resource(Address.of(kind.name, found.live.sid), found.fields, live=found.live)
    return Item(kind, here, row, mark if counts else None)
