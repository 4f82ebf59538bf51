"""Functions and assets, which are alike: turns calls on ``…/Functions`` and ``…/Assets`` into rows.

Sources: OpenAPI of ``serverless.v1.service.function`` and ``.asset``; Twilio's maintainers say that a
function cannot be deleted while a build has a version of it (observed by their users; here a switch).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from . import texts
from .rows import Deployable
from .services import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.operations import Handler, Ways

    from .rows import Version

Type = Literal["function", "asset"]
COLLECTION: dict[Type, str] = {"function": "Functions", "asset": "Assets"}


def collection_of(row: Deployable | Version) -> str:
    """Return the part of a path that functions, or assets, stand below."""
    return COLLECTION["function" if row.type == "function" else "asset"]


def ways(type_: Type) -> Ways:
    """Return what performs the operations of functions or of assets."""
    deeds: dict[str, Callable[[Type, Asked], Reply]] = {
        "Create": _create,
        "List": _listing,
        "Fetch": _fetch,
        "Update": _update,
        "Delete": _delete,
    }
    return {name: _of(type_, deed) for name, deed in deeds.items()}


def _of(type_: Type, deed: Callable[[Type, Asked], Reply]) -> Handler:
    return partial(deed, type_)


def _create(type_: Type, call: Asked) -> Reply:
    """POST the collection: 201; several may have one name."""
    store, service = call.store, named(call)
    name, now = texts.friendly_name(call.form), store.today()
    row = Deployable(
        sid=store.mint("ZH", f"{service.sid}/{COLLECTION[type_]}", name),
        seq=store.next_seq(),
        service_sid=service.sid,
        type=type_,
        friendly_name=name,
        date_created=now,
        date_updated=now,
    )
    store.insert(row)
    return 201, show(call, row)


def _fetch(type_: Type, call: Asked) -> Reply:
    """GET by SID."""
    return 200, show(call, addressed(call, type_, "Sid"))


def _listing(type_: Type, call: Asked) -> Reply:
    """GET the collection."""
    rows = call.store.index.serverless.deployables.get((named(call).sid, type_))
    return page(call, COLLECTION[type_].lower(), listed(call, rows), show, maximum=1000)


def _update(type_: Type, call: Asked) -> Reply:
    """POST the instance: another name."""
    row = addressed(call, type_, "Sid")
    name = texts.friendly_name(call.form)
    call.store.update(row, friendly_name=name, date_updated=call.store.today())
    return 200, show(call, row)


def _delete(type_: Type, call: Asked) -> Reply:
    """DELETE with its versions: 204; those that a build has stay for that build."""
    row, store = addressed(call, type_, "Sid"), call.store
    index = store.index.serverless
    versions = list(index.versions.get(row.sid, ()))
    if store.switches.delete_in_use == "refused" and any(one.sid in index.built for one in versions):
        raise ApiError(20001, f"This {type_} has a version that is part of a build")
    for version in versions:
        if version.sid not in index.built:
            store.remove(version)
    store.remove(row)
    return 204, None


def addressed(call: Asked, type_: Type, parameter: str) -> Deployable:
    """Return the function or asset that the path names in its service, or refuse with 20404."""
    return call.row(Deployable, parameter, service_sid=named(call).sid, type=type_)


def show(call: Asked, row: Deployable) -> dict[str, Any]:
    """Return the Function or Asset resource."""
    url = f"{call.root}/Services/{row.service_sid}/{collection_of(row)}/{row.sid}"
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "service_sid": row.service_sid,
        "friendly_name": row.friendly_name,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": url,
        "links": {f"{row.type}_versions": f"{url}/Versions"},
    }
