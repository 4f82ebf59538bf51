"""Services of Serverless: turns calls on ``/Services`` into rows, and their names into domains.

Sources: OpenAPI of ``serverless.v1.service`` (names, lengths, defaults, a unique name in place of the SID);
Twilio's page on domains (unique name, random characters, suffix); observed: at most 50 services, with the
words that say so. That the random characters are four digits is our reading of Twilio's examples, and so is
what a unique name is made of.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from . import texts
from .rows import ServerlessService

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

SERVICES = 50
UNIQUE_NAME_CHARS = 50
_UNIQUE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_FLAGS = {"IncludeCredentials": "include_credentials", "UiEditable": "ui_editable"}


def create(call: Asked) -> Reply:
    """POST ``/Services``: 201."""
    store = call.store
    name = _unique_name(call)
    friendly_name = texts.friendly_name(call.form)
    flags = _flags(call.form)
    if len(store.index.serverless.services) >= SERVICES:
        raise ApiError(20001, f"Services are limited to less than or equal to {SERVICES}")
    sid, now = store.mint("ZS", "/Serverless/Services", name), store.today()
    row = ServerlessService(
        sid=sid,
        seq=store.next_seq(),
        unique_name=name,
        friendly_name=friendly_name,
        include_credentials=flags.get("include_credentials", True),
        ui_editable=flags.get("ui_editable", False),
        domain_base=_domain_base(name, sid),
        date_created=now,
        date_updated=now,
    )
    store.insert(row)
    return 201, show(call, row)


def fetch(call: Asked) -> Reply:
    """GET by SID or unique name."""
    return 200, show(call, named(call, "Sid"))


def listing(call: Asked) -> Reply:
    """GET the collection."""
    return page(call, "services", listed(call, call.store.index.serverless.services), show, maximum=1000)


def update(call: Asked) -> Reply:
    """POST the instance: what is given changes; its unique name cannot be given."""
    row = named(call, "Sid")
    changes: dict[str, Any] = _flags(call.form)
    if "FriendlyName" in call.form:
        changes["friendly_name"] = texts.friendly_name(call.form)
    call.store.update(row, date_updated=call.store.today(), **changes)
    return 200, show(call, row)


def delete(call: Asked) -> Reply:
    """DELETE with all that is in it: 204."""
    row = named(call, "Sid")
    for part in _parts(call.store, row):
        call.store.remove(part)
    call.store.remove(row)
    return 204, None


def named(call: Asked, parameter: str = "ServiceSid") -> ServerlessService:
    """Return the service that a path parameter names, or refuse with 20404."""
    index, name = call.store.index, call.ids[parameter]
    row = index.rows.get(name) or index.serverless.service_of.get(name)
    if not isinstance(row, ServerlessService):
        raise call.not_found()
    return row


def _parts(store: Store, row: ServerlessService) -> list[Any]:
    """Return everything that stands in a service, versions that outlived their function included."""
    index = store.index.serverless
    environments = list(index.environments.get(row.sid, ()))
    inside = [
        part
        for each in environments
        for table in (index.variables, index.deployments)
        for part in table.get(each.sid, ())
    ]
    deployables = [
        one for kind in ("function", "asset") for one in index.deployables.get((row.sid, kind), ())
    ]
    builds, versions = index.builds.get(row.sid, ()), index.versions_in.get(row.sid, ())
    return [*inside, *environments, *builds, *versions, *deployables]


def _unique_name(call: Asked) -> str:
    name = texts.needed(call.form, "UniqueName", UNIQUE_NAME_CHARS)
    if not _UNIQUE_NAME.fullmatch(name) or fields.is_sid(name, "ZS"):
        raise ApiError(20001, "UniqueName has letters, digits, dashes and underscores, and is no SID")
    if name in call.store.index.serverless.service_of:
        raise ApiError(20409, "Service with this UniqueName already exists.")
    return name


def _domain_base(name: str, sid: str) -> str:
    """Return the start of a service's domains: the name as a host has it, and four digits."""
    return f"{name.lower().replace('_', '-')}-{int.from_bytes(bytes.fromhex(sid[2:])) % 10_000:04d}"


def _flags(form: Form) -> dict[str, bool]:
    given = {field: fields.flag(form, name) for name, field in _FLAGS.items()}
    return {field: flag for field, flag in given.items() if flag is not None}


def show(call: Asked, row: ServerlessService) -> dict[str, Any]:
    """Return the Service resource."""
    url = f"{call.root}/Services/{row.sid}"
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "friendly_name": row.friendly_name,
        "unique_name": row.unique_name,
        "include_credentials": row.include_credentials,
        "ui_editable": row.ui_editable,
        "domain_base": row.domain_base,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": url,
        "links": {
            name: f"{url}/{name.title()}" for name in ("environments", "functions", "assets", "builds")
        },
    }
