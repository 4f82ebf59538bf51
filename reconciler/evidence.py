"""A Plan → what must be known beyond it before it is carried out: who holds what it wants to take.

Twilio lets one open participant hold a pair. Asking while planning turns a refusal halfway through an apply
into a line of the plan that names the holder. Only reads, one for each distinct party, and a limited number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.diff import freed_sids, gained_claims
from reconciler.kinds.base import instance_path
from reconciler.model import Action
from reconciler.observed import together
from reconciler.safety import Transcript

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.gateway import Gateway
    from reconciler.kinds.base import Claim, Holder, Inquiry, Kind
    from reconciler.model import Address, Change, Graph, Owner, Plan

MOST_READS = 100


async def held_elsewhere(
    gateway: Gateway, plan: Plan, observed: Graph, kinds: tuple[Kind, ...], most_reads: int = MOST_READS
) -> dict[Address, Diagnostic]:
    """Return, for each address that wants what another live row keeps, an error that names the holder.

    Where more parties are new than `most_reads`, Twilio's own refusal has to do; `unasked` counts them.
    """
    by_name = {kind.name: kind for kind in kinds}
    questions = _questions(plan, observed, by_name)
    asked = sorted({query for _, _, query in questions})[:most_reads]
    answers = await together(_ask(gateway, plan, by_name, query) for query in asked)
    holders: dict[Claim, Holder] = {claim: holder for answer in answers for claim, holder in answer.items()}
    freed = freed_sids(plan)
    problems: dict[Address, Diagnostic] = {}
    for change, claims, _ in questions:
        for claim in claims:
            holder = holders.get(claim)
            if holder is not None and not freed & {holder.sid, holder.parent_sid}:
                problems[change.address] = _held(change, holder, plan.target.owner)
    return problems


def unasked(plan: Plan, observed: Graph, kinds: tuple[Kind, ...], most_reads: int) -> int:
    """Return how many new parties were not asked about, because there are more than `most_reads`."""
    questions = _questions(plan, observed, {kind.name: kind for kind in kinds})
    return max(0, len({query for _, _, query in questions}) - most_reads)


async def transcripts(gateway: Gateway, plan: Plan, kinds: tuple[Kind, ...]) -> dict[Address, Transcript]:
    """Return what each deletion of a conversation would lose: one read for each."""
    by_name = {kind.name: kind for kind in kinds}
    going = [
        change
        for change in plan.changes
        if change.action is Action.DELETE and by_name[change.address.kind].transcript and change.live
    ]
    found = await together(
        _transcript(gateway, plan, by_name[change.address.kind], change) for change in going
    )
    return {change.address: one for change, one in zip(going, found, strict=True)}


async def _transcript(gateway: Gateway, plan: Plan, kind: Kind, change: Change) -> Transcript:
    """Ask for the last message only: its index says how many there were."""
    segments = (*instance_path(kind, change, plan.target), kind.transcript)
    path = tuple(segment for segment in segments if isinstance(segment, str))
    page = await gateway.get(kind.host, path, {"PageSize": "1", "Order": "desc"})
    rows = page.get(kind.transcript.lower()) or []
    if not rows:
        return Transcript(0, "")
    return Transcript(int(rows[0].get("index") or 0) + 1, str(rows[0].get("date_created") or ""))


def _questions(
    plan: Plan, observed: Graph, kinds: Mapping[str, Kind]
) -> list[tuple[Change, frozenset[Claim], tuple[str, str, str]]]:
    """Return (change, what it newly wants to hold, whom to ask about) for all that can be asked."""
    found = []
    for change in plan.changes:
        inquiry = kinds[change.address.kind].inquiry
        claims = gained_claims(change, observed, kinds)
        query = inquiry.query(change.fields) if inquiry and claims else None
        if query is not None:
            found.append((change, claims, (change.address.kind, *query)))
    return found


async def _ask(
    gateway: Gateway, plan: Plan, kinds: Mapping[str, Kind], query: tuple[str, str, str]
) -> dict[Claim, Holder]:
    name, parameter, value = query
    kind = kinds[name]
    inquiry: Inquiry | None = kind.inquiry
    assert inquiry is not None  # noqa: S101 - it made the query
    path = tuple(plan.target.service_sid if part == "{service}" else part for part in inquiry.path)
    rows = await gateway.list(kind.host, path, inquiry.list_key, 50, {parameter: value})
    return {claim: holder for row in rows for claim, holder in inquiry.holders(row)}


def _held(change: Change, holder: Holder, us: Owner) -> Diagnostic:
    """Say who holds what a change wants, by name, and how to come to terms with that."""
    wanting = "/".join(change.address.steps[-1])
    where = f"conversation {holder.name!r}" if holder.name else f"conversation {holder.parent_sid}"
    whose = f"of stack {holder.owner}" if holder.owner else "not marked by any stack"
    sids = f"{holder.sid} in {holder.parent_sid}" if holder.name else holder.sid
    renamed = _if_renamed(change.address.parent, holder, us)
    free = f"{'Or close' if renamed else 'Close'} or change {where}, or choose another sender."
    return diagnostics.error(
        f"what {wanting} wants is held in {where}, {holder.state}, {whose} ({sids})",
        f"{renamed}{free} Until then {wanting} is left as it is.",
        address=change.address,
        place=change.place,
    )


def _if_renamed(parent: Address | None, holder: Holder, us: Owner) -> str:
    """Return how to say that the stack had another name: where another one has the same party, same key."""
    theirs = holder.owner
    is_twin = theirs and theirs.stack != us.stack and theirs.environment == us.environment
    if not (parent and theirs and is_twin and parent.key == holder.key):
        return ""
    return (
        f"If the stack was renamed: moved: {{stack/{theirs.stack}: stack/{us.stack}}}\n"
        f"To take over this one alone: adopted: {{{parent}: {{from: {theirs.stack}}}}}\n"
    )
