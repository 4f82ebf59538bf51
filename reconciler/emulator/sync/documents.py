"""Sync documents: turns calls on ``/Services/{…}/Documents`` into rows with revisions that expire.

Sources: OpenAPI of ``sync.v1.service.document``; the page on mutation and conflict resolution (revisions from
0, ETag is the revision, If-Match refuses an update in between); error pages 54003–54011, 54100–54103, 54301,
54302; observed: revisions are hexadecimal numbers. Expiry is late, as documented: how late, and what can be
seen meanwhile, are switches.
"""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.ordered import Selection
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Document
from reconciler.emulator.wire import date_text

from .services import named

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.rows import SyncService
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

DATA_BYTES = 16 * 1024
MAX_TTL_S = 31_536_000
_REVISION = re.compile(r'(?P<quote>"?)(?P<number>[0-9a-f]{1,16})(?P=quote)')


def create(call: Asked) -> Reply:
    """POST the collection: 201 and revision 0; no Data is an empty object (inferred)."""
    store, service = call.store, named(call, "ServiceSid")
    name = _unique_name(call, service)
    data = _data(call.form)
    expires = _expires(store, call.form)
    now = store.today()
    row = Document(
        sid=store.mint("ET", f"{service.sid}/Documents", name or ""),
        seq=store.next_seq(),
        service_sid=service.sid,
        unique_name=name,
        data=data or "{}",
        date_expires=expires.get("date_expires"),
        date_created=now,
        date_updated=now,
    )
    store.insert(row)
    _await_expiry(store, row)
    return 201, show(call, row)


def fetch(call: Asked) -> Reply:
    """GET by SID or unique name."""
    return 200, show(call, _addressed(call))


def listing(call: Asked) -> Reply:
    """GET the collection."""
    rows = listed(call, call.store.index.documents.get(named(call, "ServiceSid").sid))
    visible = Selection(rows.index, keep=partial(_visible, call.store), descending=rows.descending)
    return page(call, "documents", visible, show)


def update(call: Asked) -> Reply:
    """POST the instance, under If-Match only if it still has that revision.

    Whatever is accepted is a new revision, and a Ttl that is not given stays as it is (both inferred).
    """
    row = _addressed(call)
    _check_revision(call, row)
    if not call.form.has_any(("Data", "Ttl")):
        raise ApiError(54010)
    changes: dict[str, Any] = _expires(call.store, call.form)
    if (data := _data(call.form)) is not None:
        changes["data"] = data
    call.store.update(row, revision=row.revision + 1, date_updated=call.store.today(), **changes)
    if "date_expires" in changes:
        _await_expiry(call.store, row)
    return 200, show(call, row)


def delete(call: Asked) -> Reply:
    """DELETE, whatever If-Match says (no condition is documented): 204."""
    call.store.remove(_addressed(call))
    return 204, None


def restore(store: Store) -> None:
    """Wait again for what expires, after rows were read from a file."""
    for rows in list(store.index.documents.values()):
        for row in list(rows):
            _await_expiry(store, row)


def _addressed(call: Asked) -> Document:
    index, service, name = call.store.index, named(call, "ServiceSid"), call.ids["Sid"]
    row = index.rows.get(name) or index.document_of.get((service.sid, name))
    if not isinstance(row, Document) or row.service_sid != service.sid or not _visible(call.store, row):
        raise ApiError(54100)
    return row


def _visible(store: Store, row: Document) -> bool:
    expired = row.date_expires is not None and row.date_expires <= store.now_s()
    return not expired or store.switches.expired_document == "shown"


def _await_expiry(store: Store, row: Document) -> None:
    if row.date_expires is not None:
        due = row.date_expires + store.switches.document_linger_s
        store.clock.schedule(due, partial(_expire, store, row.sid, row.date_expires))


def _expire(store: Store, sid: str, date_expires: int) -> None:
    row = store.index.rows.get(sid)
    if isinstance(row, Document) and row.date_expires == date_expires:
        store.remove(row)


def _unique_name(call: Asked, service: SyncService) -> str | None:
    name = call.form.get("UniqueName")
    if name is None:
        return None
    too_long = len(name) > call.store.switches.sync_name_chars
    if not name or too_long or fields.is_sid(name, "[A-Z]{2}"):
        raise ApiError(54302)
    if (service.sid, name) in call.store.index.document_of:
        raise ApiError(54301)
    return name


def _data(form: Form) -> str | None:
    value = form.get("Data")
    if value is None:
        return None
    if len(value.encode("utf-8", "replace")) > DATA_BYTES:
        raise ApiError(54006)
    try:
        parsed = fields.strict_json(value)
    except ValueError as error:
        raise ApiError(54008) from error
    if not isinstance(parsed, dict):
        raise ApiError(54101)
    return value


def _expires(store: Store, form: Form) -> dict[str, int | None]:
    """Return the new date of expiry if the form has a Ttl; 0 is never, and so is an empty one (54011)."""
    value = form.get("Ttl")
    if value is None:
        return {}
    seconds = fields.whole_number(value or "0", 54011)
    if seconds > MAX_TTL_S:
        raise ApiError(54011)
    return {"date_expires": store.today() + seconds if seconds else None}


def _check_revision(call: Asked, row: Document) -> None:
    value = call.request.headers.get("if-match")
    if value is None:
        return
    asked = _REVISION.fullmatch(value.strip())
    if asked is None:
        raise ApiError(54003)
    if asked["number"] != revision(row):
        raise ApiError(54103)


def revision(row: Document) -> str:
    """Return the revision as Twilio writes it: a hexadecimal number that callers do not read."""
    return f"{row.revision:x}"


def show(call: Asked, row: Document) -> dict[str, Any]:
    """Return the Document resource."""
    url = f"{call.root}/Services/{row.service_sid}/Documents/{quote(row.sid, safe='')}"
    return {
        "sid": row.sid,
        "unique_name": row.unique_name,
        "account_sid": call.store.account.sid,
        "service_sid": row.service_sid,
        "url": url,
        "links": {"permissions": f"{url}/Permissions"},
        "revision": revision(row),
        "data": json.loads(row.data),
        "date_expires": None if row.date_expires is None else date_text(row.date_expires),
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "created_by": "system",
    }
