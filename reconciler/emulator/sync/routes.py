"""The operations of Sync v1: every one in Twilio's OpenAPI, and what performs those we have.

Documents are what others build leases and records on; lists, maps and streams are loud 501s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.emulator.operations import Operation, Table, Ways, spread

from . import documents, services

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVICE = "/Services/{ServiceSid}"
_SERVICES: Ways = {
    "Create": services.create,
    "List": services.listing,
    "Fetch": services.fetch,
    "Update": services.update,
    "Delete": services.delete,
}
_DOCUMENTS: Ways = {
    "Create": documents.create,
    "List": documents.listing,
    "Fetch": documents.fetch,
    "Update": documents.update,
    "Delete": documents.delete,
}
_NONE: Ways = dict.fromkeys(("Create", "List", "Fetch", "Update", "Delete"))
_GRANTS: Ways = dict.fromkeys(("Fetch", "Update", "Delete"))


def _operations() -> Iterator[Operation]:
    yield from spread("/Services", "Service", _SERVICES)
    yield from spread(f"{_SERVICE}/Documents", "Document", _DOCUMENTS)
    for word, item, key in (("List", "Item", "Index"), ("Map", "Item", "Key")):
        yield from spread(f"{_SERVICE}/{word}s", f"Sync{word}", _NONE)
        items = f"{_SERVICE}/{word}s/{{{word}Sid}}/{item}s"
        yield from spread(items, f"Sync{word}{item}", _NONE, f"/{{{key}}}")
    yield from spread(f"{_SERVICE}/Streams", "SyncStream", _NONE)
    yield from spread(f"{_SERVICE}/Streams/{{StreamSid}}/Messages", "StreamMessage", {"Create": None})
    for parent, name in (("Document", "Document"), ("List", "SyncList"), ("Map", "SyncMap")):
        grants = f"{_SERVICE}/{parent}s/{{{parent}Sid}}/Permissions"
        yield from spread(grants, f"{name}Permission", {"List": None, **_GRANTS}, "/{Identity}")


TABLE = Table("Sync v1", tuple(_operations()))
