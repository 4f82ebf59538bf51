"""Uploads: turns ``POST …/Versions`` on serverless-upload.twilio.com into versions of functions and assets.

No OpenAPI has them. Sources: Twilio's page on versions (multipart with Path, Visibility and Content, a slash
put before a path that has none, 255 characters), Twilio's own toolkit, 25 MB for an asset (support page).
Which characters a path has, and that a function's content has an asset's limit, is our reading. How much one
world keeps is a limit of ours.
"""

from __future__ import annotations

import base64
import re
from functools import partial
from typing import TYPE_CHECKING

from reconciler.emulator.errors import ApiError
from reconciler.emulator.operations import Operation, Table
from reconciler.emulator.wire import Form

from . import multipart, texts
from .deployables import COLLECTION, Type, addressed
from .rows import Version
from .versions import parameter, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.emulator.call import Asked, Reply

CONTENT_BYTES = 25 * 1024 * 1024
BODY_BYTES = CONTENT_BYTES + 64 * 1024
KEPT_CHARS = 160 * 1024 * 1024  # of base64 in one world: some 120 MB of content
PATH_CHARS = 255
VISIBILITIES = ("public", "protected", "private")
_URL_FRIENDLY = re.compile(r"/[A-Za-z0-9/_.~!$&'()*+,;=:@%-]*")


def _create(type_: Type, call: Asked) -> Reply:
    """POST: 201, and a version that nothing changes any more."""
    store, parent = call.store, addressed(call, type_, parameter(type_))
    parts = _parts(call)
    form = Form((name, part.text) for name, part in parts.items() if name != "Content")
    path, visibility = _path(form), _visibility(form)
    content = _content(call, parts)
    row = Version(
        sid=store.mint("ZN", f"{parent.sid}/Versions", path),
        seq=store.next_seq(),
        service_sid=parent.service_sid,
        deployable_sid=parent.sid,
        type=type_,
        path=path,
        visibility=visibility,
        content_type=parts["Content"].content_type or "application/octet-stream",
        content=content,
        date_created=store.today(),
    )
    store.insert(row)
    return 201, show(call, row)


def _parts(call: Asked) -> dict[str, multipart.Part]:
    try:
        return multipart.parts_of(call.request.headers.get("content-type", ""), call.request.body)
    except multipart.MultipartError as error:
        raise ApiError(20001, f"An upload has Path, Visibility and Content, but {error}") from error


def _path(form: Form) -> str:
    given = texts.needed(form, "Path", PATH_CHARS)
    path = given if given.startswith("/") else f"/{given}"
    if len(path) > PATH_CHARS or not _URL_FRIENDLY.fullmatch(path):
        raise ApiError(20001, f"Path has at most {PATH_CHARS} characters, all of them as URLs have them")
    return path


def _visibility(form: Form) -> str:
    visibility = (form.get("Visibility") or "").lower()
    if visibility not in VISIBILITIES:
        raise ApiError(20001, f"Visibility must be {', '.join(VISIBILITIES[:-1])} or {VISIBILITIES[-1]}")
    return visibility


def _content(call: Asked, parts: Mapping[str, multipart.Part]) -> str:
    """Return the content as it is kept: base64."""
    if "Content" not in parts:
        raise ApiError(20001, "Content is not provided")
    content = parts["Content"].content
    if len(content) > CONTENT_BYTES:
        raise ApiError(20001, f"Content is longer than {CONTENT_BYTES} bytes")
    kept = base64.b64encode(content).decode("ascii")
    if call.store.index.serverless.content_chars + len(kept) > KEPT_CHARS:
        raise ApiError(20001, "This world of the emulator keeps no more content; delete what is not needed")
    return kept


def _operation(type_: Type) -> Operation:
    path = f"/Services/{{ServiceSid}}/{COLLECTION[type_]}/{{{parameter(type_)}}}/Versions"
    return Operation(f"Create{type_.title()}Version", "POST", path, partial(_create, type_))


TABLE = Table("Serverless's upload host", (_operation("function"), _operation("asset")))
