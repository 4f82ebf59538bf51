"""A caller → the lists of its account in which a run leaves things, and which of them are closed to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.verifying.asking import CONTENT, CONVERSATIONS, SERVERLESS, SYNC

if TYPE_CHECKING:
    from reconciler.verifying.asking import Caller

_NOT_ALLOWED = (401, 403)


@dataclass(frozen=True, slots=True)
class Place:
    """A list of the account's: what one of its rows is called, and under which key they come."""

    kind: str
    url: str
    key: str

    @property
    def kinds(self) -> str:
        """What its rows are called."""
        return f"{self.kind}s"


PLACES = (
    Place("address configuration", f"{CONVERSATIONS}/Configuration/Addresses", "address_configurations"),
    Place("Conversations service", f"{CONVERSATIONS}/Services", "services"),
    Place("Sync service", f"{SYNC}/Services", "services"),
    Place("template", f"{CONTENT}/Content", "contents"),
    Place("Functions service", f"{SERVERLESS}/Services", "services"),
)


async def shut(caller: Caller) -> tuple[str, ...]:
    """Have the caller write nothing to products that it may not read, and return them in words.

    Conversations itself is none of them: an account in which it is closed cannot be looked at.
    """
    found = []
    for place in PLACES:
        if place.url.startswith(CONVERSATIONS):
            continue
        answer = await caller.ask("GET", f"{place.url}?PageSize=1")
        if answer.status in _NOT_ALLOWED:
            why = f"{answer.status}/{answer.code}"
            caller.shut(place.url, why)
            found.append(f"{place.kinds} ({why})")
    return tuple(found)
