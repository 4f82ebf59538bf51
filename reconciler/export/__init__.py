"""A live Conversations service → specs that describe it, with the lines that adopt it. Only reads.

What is written is read back before it is given out: a plan of it shows adoptions and nothing else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.export.addressing import addressed
from reconciler.export.choosing import chosen
from reconciler.export.items import Entry, Note, noted, told
from reconciler.export.proving import objections
from reconciler.export.reading import read_defaults, read_service, with_inside
from reconciler.export.spelling import Spelled, spelled
from reconciler.kinds.attributes import ATTRIBUTES
from reconciler.model import Owner
from reconciler.observed import resolve_service
from reconciler.yaml_text import yaml_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.diagnostics import Diagnostic
    from reconciler.export.items import Defaults
    from reconciler.gateway import Gateway
    from reconciler.model import Address

__all__ = ["Export", "export"]

HEAD = "Exported from a live account. Private: it holds phone numbers, and urls as they are."
ADOPTED = "Whose rows these are. Once it has been applied, take this block out."
_BARE = "written without attributes"
_OURS = " By itself the new file would have it removed: this stack owns it."


@dataclass(frozen=True, slots=True)
class Export:
    """Specs as YAML text, what deserves a look, and how much is in it by kind.

    `text` is private: it holds phone numbers and everything else as it is.
    """

    text: str
    diagnostics: tuple[Diagnostic, ...]
    counts: Mapping[str, int]


async def export(
    gateway: Gateway, *, stack: str = "exported", service: str = "default", wanted: Sequence[str] = ()
) -> Export:
    """Return the specs of a service, or of the `wanted` conversations (sids, unique names, globs) in it.

    Raises ReconcilerError where the service is unknown, one of `wanted` matches nothing, or one file cannot
    hold it all.
    """
    us = Owner(stack)
    service_sid = await resolve_service(gateway, service)
    defaults = await read_defaults(gateway, service_sid)
    everything = await read_service(gateway, service_sid)
    kept, left = chosen(everything, wanted, us)
    whole = await with_inside(gateway, service_sid, kept)
    entries, nameless = addressed(whole, everything, us)
    return _proved(entries, us, service, defaults, [*left, *nameless])


def _proved(
    entries: dict[Address, Entry], us: Owner, service: str, defaults: Defaults, notes: list[Note]
) -> Export:
    """Write, read back, and take out what does not come back as it is, until all does."""
    while True:
        written = spelled(entries, us, service, defaults)
        text = _text(written)
        wrong = objections(text, written.secrets, entries)
        if not wrong:
            counts = Counter(entry.item.kind.name for entry in entries.values())
            return Export(text, told([*notes, *written.notes]), counts)
        for address, why in wrong.items():
            notes.append(_take_out(entries, address, *why))


def _text(written: Spelled) -> str:
    return yaml_text(written.data, {"": HEAD, "adopted": ADOPTED})


def _take_out(entries: dict[Address, Entry], address: Address, summary: str, detail: str) -> Note:
    """Take the attributes of an entry out, or where it has none itself and all that stands in it."""
    entry = entries[address]
    if not entry.bare and any(path[0] == ATTRIBUTES for path in entry.item.fields):
        entries[address] = replace(entry, bare=True)
        return noted(f"{_BARE}: {summary}", detail, entry.item.sid, address)
    for one in [a for a in entries if a.steps[: len(address.steps)] == address.steps]:
        del entries[one]
    return noted(f"left out: {summary}", detail + (_OURS if entry.is_ours else ""), entry.item.sid, address)
