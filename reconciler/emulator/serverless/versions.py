"""Versions: turns calls on ``…/Versions`` into what was uploaded for a function or an asset.

Sources: OpenAPI of ``serverless.v1.service.function.function_version``, its content, and ``.asset_version``.
They come into being by ``uploads`` alone, which the OpenAPI does not describe, and cannot be deleted.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from .deployables import Type, addressed, collection_of
from .rows import Version

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.operations import Ways


def ways(type_: Type) -> Ways:
    """Return what performs the operations of a function's or an asset's versions."""
    return {"List": partial(_listing, type_), "Fetch": partial(_fetch, type_)}


def _listing(type_: Type, call: Asked) -> Reply:
    """GET the collection."""
    parent = addressed(call, type_, parameter(type_))
    rows = call.store.index.serverless.versions.get(parent.sid)
    return page(call, f"{type_}_versions", listed(call, rows), show, maximum=1000)


def _fetch(type_: Type, call: Asked) -> Reply:
    """GET by SID."""
    return 200, show(call, _version(call, type_))


def content(call: Asked) -> Reply:
    """GET a function's text; bytes that are no UTF-8 are shown as U+FFFD."""
    row = _version(call, "function")
    shown = show(call, row)
    text = base64.b64decode(row.content).decode("utf-8", "replace")
    kept = {name: shown[name] for name in ("sid", "account_sid", "service_sid", "function_sid")}
    return 200, {**kept, "content": text, "url": f"{shown['url']}/Content"}


def parameter(type_: Type) -> str:
    """Return the name of the path parameter for what versions are of."""
    return f"{type_.title()}Sid"


def _version(call: Asked, type_: Type) -> Version:
    return call.row(Version, deployable_sid=addressed(call, type_, parameter(type_)).sid)


def in_build(call: Asked, row: Version) -> dict[str, Any]:
    """Return a version as a build shows it: its visibility in capitals (observed)."""
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "service_sid": row.service_sid,
        f"{row.type}_sid": row.deployable_sid,
        "path": row.path,
        "visibility": row.visibility.upper(),
        "date_created": date_text(row.date_created),
    }


def show(call: Asked, row: Version) -> dict[str, Any]:
    """Return the Function Version or Asset Version resource; only functions have content to read."""
    root = call.root.replace("serverless-upload.", "serverless.", 1)
    url = f"{root}/Services/{row.service_sid}/{collection_of(row)}/{row.deployable_sid}/Versions/{row.sid}"
    links = {"links": {"function_version_content": f"{url}/Content"}} if row.type == "function" else {}
    return {**in_build(call, row), "visibility": row.visibility, "url": url, **links}
