"""An account → what runs of this command have left in it, and then nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .asking import CONTENT, CONVERSATIONS, SERVERLESS, SYNC, UnansweredError
from .seeing import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .asking import Caller


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that bears the name of a run: what it is, its sid and url; why it is still there."""

    kind: str
    sid: str
    url: str
    why: str = ""


_PLACES = (
    ("address configuration", f"{CONVERSATIONS}/Configuration/Addresses", "address_configurations"),
    ("Conversations service", f"{CONVERSATIONS}/Services", "services"),
    ("Sync service", f"{SYNC}/Services", "services"),
    ("template", f"{CONTENT}/Content", "contents"),
    ("Functions service", f"{SERVERLESS}/Services", "services"),
)
_NOT_ALLOWED = (401, 403)


async def find_leftovers(caller: Caller) -> tuple[Leftover, ...]:
    """Return all that bears the name of a run. Raises UnansweredError where that cannot be read."""
    found = []
    for kind, url, key in _PLACES:
        if (await caller.ask("GET", url)).status in _NOT_ALLOWED:
            continue  # in a product that may not be used nothing of ours can stand
        rows = await caller.pages(url, key)
        ours = [row for row in rows if str(row.get("friendly_name") or "").startswith(PREFIX)]
        found += [Leftover(kind, str(row["sid"]), f"{url}/{row['sid']}") for row in ours]
    return tuple(found)


async def sweep(caller: Caller) -> tuple[Leftover, ...]:
    """Take away what bears the name of a run, and return what is still there.

    Conversations are deleted one by one before their service, because nobody knows whether pairs are freed
    with it.
    """
    try:
        found = await find_leftovers(caller)
    except UnansweredError as fault:
        return (Leftover("whatever was made", "", "", str(fault)),)
    left = [await _removed(caller, one) for one in found]
    return tuple(one for one in left if one is not None)


async def _removed(caller: Caller, one: Leftover) -> Leftover | None:
    try:
        if one.kind == "Conversations service":
            rows = await caller.pages(f"{one.url}/Conversations", "conversations")
            await _delete_all(caller, [f"{one.url}/Conversations/{row['sid']}" for row in rows])
        answer = await caller.ask("DELETE", one.url)
    except UnansweredError as fault:
        return Leftover(one.kind, one.sid, one.url, str(fault))
    if answer.is_done or answer.status == 404:
        return None
    return Leftover(one.kind, one.sid, one.url, f"refused with {answer.status}/{answer.code}")


async def _delete_all(caller: Caller, urls: Sequence[str]) -> None:
    for url in urls:
        await caller.ask("DELETE", url)
