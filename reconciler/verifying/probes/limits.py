"""Limits that take many rows to meet (facts, a): asked only where somebody wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.seeing import said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.site import Seen, Site

_PEOPLE, _MEMBERS = 100, 50
_GROUP = 10


async def _people(site: Site) -> Seen:
    at = f"{await site.conversation()}/Participants"
    for n in range(_PEOPLE):
        await site.must(at, {"Identity": site.name(f"of-many-{n}")})
    return {f"number {_PEOPLE + 1}": said(await site.post(at, {"Identity": site.name("one-too-many")}))}


async def _members(site: Site) -> Seen:
    at = await site.conversation()
    refused = [n for n in range(_MEMBERS) if not (await site.person(at, site.number())).is_done]
    return {"refused": len(refused), f"number {_MEMBERS + 1}": said(await site.person(at, site.number()))}


async def _group(site: Site) -> Seen:
    at = f"{await site.conversation()}/Participants"
    await site.must(at, {"MessagingBinding.ProjectedAddress": site.proxy})
    for _ in range(_GROUP - 1):
        await site.must(at, {"MessagingBinding.Address": site.number()})
    answer = await site.post(at, {"MessagingBinding.Address": site.number()})
    return {f"number {_GROUP + 1}": said(answer)}


PROBES = (
    Probe(
        "limits/participants",
        "one chat user more than a conversation takes",
        _people,
        facts="a",
        costly=f"takes {_PEOPLE} participants",
    ),
    Probe(
        "limits/by SMS",
        "one person more than a conversation takes outside chat",
        _members,
        facts="a",
        costly=f"takes {_MEMBERS} participants with addresses",
    ),
    Probe(
        "limits/group",
        "one address more than a group takes",
        _group,
        facts="a",
        costly=f"takes a group MMS of {_GROUP} addresses",
    ),
)
