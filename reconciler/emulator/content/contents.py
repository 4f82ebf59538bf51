"""Contents: turns calls on ``/Content`` into templates in several types, with defaults for their variables.

Sources: OpenAPI of ``content.v1`` (JSON bodies, language and types are required, PUT replaces, an empty
friendly name where none is given), the page on variables (100 of them, keys of 16 characters). What was
submitted for approval is fixed (documented for what is approved; a switch). Whoever deletes a content takes
its approval with it; a name that was rejected stays spent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.errors import ApiError
from reconciler.emulator.ordered import Ordered, Selection
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from . import approvals, shapes
from .bodies import body_of, named, text_in
from .rows import Content

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply

MAX_PAGE = 1000
_VARIABLES_COUNT, _KEY_CHARS, _VALUE_CHARS = 100, 16, 1600


def create(call: Asked) -> Reply:
    """POST the collection: 201; names are not unique (observed)."""
    store, body, now = call.store, body_of(call), call.store.today()
    given = _given(body, language_needed=True)
    row = Content(
        sid=store.mint("HX", "/Content", given["friendly_name"]),
        seq=store.next_seq(),
        date_created=now,
        date_updated=now,
        **given,
    )
    store.insert(row)
    return 201, show(call, row)


def fetch(call: Asked) -> Reply:
    """GET by SID."""
    return 200, show(call, named(call))


def update(call: Asked) -> Reply:
    """PUT the instance: types are given anew, what else is not given stays; what was submitted is fixed."""
    row, store = named(call), call.store
    body = body_of(call)
    given = _given(body, language_needed=False)
    if row.sid in store.index.content.approval_of and store.switches.submitted_content_update == "refused":
        raise ApiError(20001, "The content was submitted for approval and cannot change; create another")
    changes = {name: value for name, value in given.items() if body.get(name) is not None}
    store.update(row, date_updated=store.today(), **changes)
    return 200, show(call, row)


def delete(call: Asked) -> Reply:
    """DELETE with its approval: 204."""
    row = named(call)
    approvals.forget(call.store, row)
    call.store.remove(row)
    return 204, None


def listing(call: Asked) -> Reply:
    """GET the collection."""
    return page(call, "contents", listed(call, call.store.index.content.contents), show, maximum=MAX_PAGE)


def with_approvals(call: Asked) -> Reply:
    """GET ``/ContentAndApprovals``: the collection, each with what became of its approval."""
    return page(
        call, "contents", listed(call, call.store.index.content.contents), show_approved, maximum=MAX_PAGE
    )


def legacy(call: Asked) -> Reply:
    """GET ``/LegacyContent``: what was made of older templates, of which a world has none."""
    none: Selection[Content] = Selection(Ordered())
    return page(call, "contents", none, show, maximum=MAX_PAGE)


def _given(body: dict[str, Any], *, language_needed: bool) -> dict[str, Any]:
    types = body.get("types")
    if types is None:
        raise ApiError(20001, "types is required")
    return {
        "friendly_name": text_in(body, "friendly_name") or "",
        "language": text_in(body, "language", needed=language_needed) or "",
        "variables": _variables(body.get("variables")),
        "types": shapes.types("types", types),
    }


def _variables(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ApiError(20001, "variables must be an object of strings")
    if len(value) > _VARIABLES_COUNT:
        raise ApiError(20001, f"variables has more than {_VARIABLES_COUNT} keys")
    for name, one in value.items():
        if not name or len(name) > _KEY_CHARS or " " in name:
            raise ApiError(20001, f"variables.{name} must have 1 to {_KEY_CHARS} characters and no space")
        if len(one) > _VALUE_CHARS:
            raise ApiError(20001, f"variables.{name} is longer than {_VALUE_CHARS} characters")
    return value


def _core(call: Asked, row: Content) -> dict[str, Any]:
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "friendly_name": row.friendly_name,
        "language": row.language,
        "variables": row.variables,
        "types": row.types,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
    }


def show(call: Asked, row: Content) -> dict[str, Any]:
    """Return the Content resource; its urls are of version 1 in every list (documented)."""
    url = f"{call.root.rpartition('/')[0]}/v1/Content/{row.sid}"
    requests = f"{url}/ApprovalRequests"
    links = {"approval_create": f"{requests}/whatsapp", "approval_fetch": requests}
    return {**_core(call, row), "url": url, "links": links}


def show_approved(call: Asked, row: Content) -> dict[str, Any]:
    """Return the resource of ``ContentAndApprovals``."""
    return {**_core(call, row), "approval_requests": approvals.shown(call.store, row)}
