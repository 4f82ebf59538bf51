"""Environments: turns calls on ``…/Environments`` into domains of a service. They cannot be changed.

Sources: OpenAPI of ``serverless.v1.service.environment``; observed: a taken unique name or suffix is a 409
with the words below, a suffix that is not given is null. What a suffix is made of is our reading of
"URL-friendly".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from . import texts
from .rows import Environment
from .services import named

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply

UNIQUE_NAME_CHARS, SUFFIX_CHARS = 100, 16
_SUFFIX = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def create(call: Asked) -> Reply:
    """POST the collection: 201; nothing is deployed there yet."""
    store, service = call.store, named(call)
    name = texts.needed(call.form, "UniqueName", UNIQUE_NAME_CHARS)
    suffix = _suffix(call)
    domain = f"{service.domain_base}{f'-{suffix}' if suffix else ''}.twil.io"
    index = store.index.serverless
    if (service.sid, name) in index.environment_of or domain in index.domain:
        raise ApiError(20409, "Environment with this UniqueName or DomainSuffix already exists.")
    now = store.today()
    row = Environment(
        sid=store.mint("ZE", f"{service.sid}/Environments", name),
        seq=store.next_seq(),
        service_sid=service.sid,
        unique_name=name,
        domain_suffix=suffix,
        domain_name=domain,
        build_sid=None,
        date_created=now,
        date_updated=now,
    )
    store.insert(row)
    return 201, show(call, row)


def fetch(call: Asked) -> Reply:
    """GET by SID."""
    return 200, show(call, addressed(call, "Sid"))


def listing(call: Asked) -> Reply:
    """GET the collection."""
    rows = call.store.index.serverless.environments.get(named(call).sid)
    return page(call, "environments", listed(call, rows), show, maximum=1000)


def delete(call: Asked) -> Reply:
    """DELETE with its variables and deployments: 204; its domain leads nowhere."""
    row, index = addressed(call, "Sid"), call.store.index.serverless
    for part in (*index.variables.get(row.sid, ()), *index.deployments.get(row.sid, ())):
        call.store.remove(part)
    call.store.remove(row)
    return 204, None


def addressed(call: Asked, parameter: str = "EnvironmentSid") -> Environment:
    """Return the environment that the path names in its service, or refuse with 20404."""
    return call.row(Environment, parameter, service_sid=named(call).sid)


def _suffix(call: Asked) -> str | None:
    value = (call.form.get("DomainSuffix") or "").lower()
    if len(value) > SUFFIX_CHARS:
        raise ApiError(20001, f"DomainSuffix is longer than {SUFFIX_CHARS} characters")
    if value and not _SUFFIX.fullmatch(value):
        raise ApiError(20001, "DomainSuffix has letters, digits and dashes")
    return value or None


def show(call: Asked, row: Environment) -> dict[str, Any]:
    """Return the Environment resource."""
    url = f"{call.root}/Services/{row.service_sid}/Environments/{row.sid}"
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "service_sid": row.service_sid,
        "build_sid": row.build_sid,
        "unique_name": row.unique_name,
        "domain_suffix": row.domain_suffix,
        "domain_name": row.domain_name,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": url,
        "links": {name: f"{url}/{name.title()}" for name in ("variables", "deployments", "logs")},
    }
