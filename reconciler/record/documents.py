"""The record's document in Sync → what was seen there; and writes, only where nobody came between.

One document per stack and environment, found by its name in a Sync service of ours (see `services`). It is
only ever created, or updated under If-Match; nobody deletes it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.record.contents import Record, RecordError, decoded, encoded
from reconciler.record.services import found_services, of_sync
from reconciler.step import Form

if TYPE_CHECKING:
    from reconciler.diagnostics import ApiError
    from reconciler.gateway import Gateway
    from reconciler.model import Owner, Target
    from reconciler.step import Row

HOST = "sync"
NAME_TAKEN = 54301
REVISION_MISMATCH = 54103
_ONE_STAYS = "When no apply is running, delete all but the one with the latest date_updated."
_PLAIN = re.compile(r"[a-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it was read: which document of which service, at which revision."""

    record: Record
    sid: str
    revision: str
    service_sid: str


def owner_name(owner: Owner) -> str:
    """Return a stack and environment as one text that no other pair has.

    An environment may be called anything, and Sync may not tell capitals apart: what is odd, long or has
    capitals becomes a hash.
    """
    plain = _PLAIN.fullmatch(owner.environment)
    digest = hashlib.sha256(owner.environment.encode("utf-8", "replace")).hexdigest()[:32]
    tail = f".{owner.environment}" if plain else f".sha256.{digest}"
    return owner.stack + (tail if owner.environment else "")


def document_name(target: Target) -> str:
    """Return the unique name of a target's document: at most 150 of the characters that Sync allows."""
    return f"{target.service_sid}.{owner_name(target.owner)}"


async def read_record(gateway: Gateway, target: Target) -> Seen | None:
    """Return what was written down about a target; None where nothing was yet. Only reads.

    Raises RecordError where there is something that cannot be understood, or Sync is out of reach.
    """
    seen = [await read_document(gateway, sid, target) for sid in await found_services(gateway)]
    found = [one for one in seen if one is not None]
    if len(found) > 1:
        places = ", ".join(f"{one.sid} in {one.service_sid}" for one in found)
        raise RecordError(f"there are {len(found)} records of {target.owner} in Sync: {places}", _ONE_STAYS)
    return found[0] if found else None


async def read_document(gateway: Gateway, service_sid: str, target: Target) -> Seen | None:
    """Return the target's document in a Sync service; None where it, or the service, is not there."""
    path = ("v1", "Services", service_sid, "Documents", document_name(target))
    with of_sync():
        row = await gateway.find(HOST, path)
    return None if row is None else _seen(row, service_sid, target)


async def create_document(gateway: Gateway, service_sid: str, target: Target, record: Record) -> Seen:
    """Create the document. Raises ApiError, with the code NAME_TAKEN where it is there already."""
    form = (("UniqueName", document_name(target)), *_content(record))
    with gateway.allow_writes(), of_sync():
        row = await gateway.write(
            "POST", HOST, ("v1", "Services", service_sid, "Documents"), Form(form), service_sid
        )
    return _seen(row, service_sid, target)


async def update_document(gateway: Gateway, seen: Seen, target: Target, record: Record) -> Seen:
    """Update the document if it is what was seen. Raises ApiError, REVISION_MISMATCH where it is not."""
    path = ("v1", "Services", seen.service_sid, "Documents", seen.sid)
    with gateway.allow_writes(), of_sync():
        row = await gateway.write(
            "POST", HOST, path, Form(_content(record)), seen.sid, headers={"If-Match": seen.revision}
        )
    return _seen(row, seen.service_sid, target)


def is_gone(refusal: ApiError) -> bool:
    """Whether Twilio says that the document, or its service, is not there."""
    return refusal.status == 404 and refusal.code != 0


def _content(record: Record) -> tuple[tuple[str, str], ...]:
    # A time to live that is not sent may stay as it was: always both, and 0 is never.
    return (("Data", encoded(record)), ("Ttl", "0"))


def _seen(row: Row, service_sid: str, target: Target) -> Seen:
    sid, revision, name = row.get("sid"), row.get("revision"), owner_name(target.owner)
    if not (sid and revision and isinstance(sid, str) and isinstance(revision, str)):
        raise RecordError(f"Sync answered no document of {name}", "Is this Twilio, or a proxy in between?")
    place = f"document {sid} of the Sync service {service_sid}"
    how = f"If no apply is running, delete {place} and apply again: marks stand in the account itself."
    try:
        record = decoded(row.get("data"))
    except RecordError as fault:
        told = fault.diagnostics[0]
        raise RecordError(told.summary, told.detail or how) from None
    if record.owner != name:
        raise RecordError(f"the record is that of {record.owner!r}, not of {name!r}", how)
    return Seen(record, sid, revision, service_sid)
