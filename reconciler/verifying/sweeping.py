"""An account → what runs of this command have left in it, and then nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.verifying.asking import UnansweredError
from reconciler.verifying.places import PLACES
from reconciler.verifying.seeing import OURS, PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.verifying.asking import Caller


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that bears the name of a run: what it is, its sid and url; why it is still there."""

    kind: str
    sid: str
    url: str
    why: str = ""
    name: str = ""


async def find_leftovers(caller: Caller, run: str = "") -> tuple[Leftover, ...]:
    """Return all that bears the name of a run, or of this one. Raises UnansweredError where nobody can tell.

    In products that are shut nothing was written, and nothing is looked for.
    """
    found = []
    for place in PLACES:
        if caller.is_shut(place.url):
            continue
        rows = await caller.pages(place.url, place.key)
        named = [(row["sid"], str(row.get("friendly_name") or "")) for row in rows]
        found += [
            Leftover(place.kind, sid, f"{place.url}/{sid}", name=name)
            for sid, name in named
            if OURS.fullmatch(name) and (not run or name.startswith(f"{PREFIX}{run}-"))
        ]
    return tuple(found)


async def sweep(caller: Caller, run: str = "") -> tuple[Leftover, ...]:
    """Take away what bears the name of a run, or of this one, and return what is still there.

    Conversations are deleted one by one before their service, because nobody knows whether pairs are freed
    with it.
    """
    try:
        found = await find_leftovers(caller, run)
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
