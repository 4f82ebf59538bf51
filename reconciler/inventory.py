"""A service as one stack sees it: what is ours, other stacks', nobody's; and where one party stands.

Only reads. What is said of it stands in `render/listing.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.kinds import KINDS
from reconciler.kinds import mark as marks
from reconciler.model import Address, Graph, Owner, Resource, Secret, Target
from reconciler.observed import found_row, resolve_service, together
from reconciler.pairing import is_owner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.gateway import Gateway
    from reconciler.kinds.base import Kind
    from reconciler.model import Fields, Mark, Path
    from reconciler.stack import Stack
    from reconciler.step import Row


class Standing(StrEnum):
    """Whose a live resource is, as this stack sees it."""

    OWNED = "owned"
    FOREIGN = "foreign"
    UNOWNED = "unowned"


@dataclass(frozen=True, slots=True)
class Entry:
    """One live resource: whose it is, its address where it is ours, and its `row` (sid, state, fields).

    `resembles` is the address of ours whose name it has, or whose mark was copied into it, although it is not
    ours.
    """

    row: Resource
    standing: Standing
    owner: Owner | None = None
    address: Address | None = None
    resembles: Address | None = None

    @property
    def sid(self) -> str:
        """Its sid."""
        return self.row.live.sid if self.row.live else ""

    @property
    def state(self) -> str:
        """Its state, in Twilio's word."""
        return self.row.live.state if self.row.live else ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is in a service."""

    target: Target
    entries: tuple[Entry, ...]

    @property
    def counts(self) -> Mapping[Standing, int]:
        """How many there are of each standing."""
        found = Counter(entry.standing for entry in self.entries)
        return {standing: found[standing] for standing in Standing}


@dataclass(frozen=True, slots=True)
class Presence:
    """A party in one conversation: under which form of its number, and through which proxy."""

    entry: Entry
    number: str
    proxy: str
    sid: str
    address: Address | None = None
    """What the specs call it, where they do."""


@dataclass(frozen=True, slots=True)
class Party:
    """All conversations that one number stands in; `left_out` is how many closed ones are not listed."""

    target: Target
    number: str
    presences: tuple[Presence, ...]
    left_out: int = 0


async def take_inventory(
    stack: Stack, gateway: Gateway, *, closed: bool = False, kinds: tuple[Kind, ...] = KINDS
) -> Inventory:
    """Read what is in the stack's service, `closed` ones too if asked for, and say whose it is."""
    target = await _target(stack, gateway)
    entries: list[Entry] = []
    for kind in listed_kinds(kinds):
        states = (*kind.open_states, *(["closed"] if closed else []))
        path = path_of(kind, target)
        pages = await together(
            gateway.list(kind.host, path, kind.list_key, kind.page_size, {"State": state}) for state in states
        )
        rows = {str(row.get("sid")): row for page in pages for row in page}
        entries += [entry_of(kind, row, stack, target) for row in rows.values()]
    return Inventory(target, tuple(sorted(entries, key=_order)))


def listed_kinds(kinds: tuple[Kind, ...]) -> list[Kind]:
    """Return the kinds whose resources come and go by themselves, so that one wants to know what is there."""
    return [kind for kind in kinds if kind.parent is None and kind.open_states and not kind.singleton]


def _order(entry: Entry) -> tuple[int, list[str]]:
    names = (entry.owner, entry.address, entry.row.fields.get(("unique_name",)), entry.sid)
    return [*Standing].index(entry.standing), [str(name or "") for name in names]


async def _target(stack: Stack, gateway: Gateway) -> Target:
    sid = await resolve_service(gateway, stack.service)
    return Target(stack.owner, sid, stack.service, gateway.account_sid)


def path_of(kind: Kind, target: Target) -> tuple[str, ...]:
    """Return the path of a collection in the service of `target`."""
    return tuple(target.service_sid if part == "{service}" else part for part in kind.collection)


def entry_of(kind: Kind, row: Row, stack: Stack, target: Target) -> Entry:
    """Return whose a live row is: told by its mark, which counts only under a name that fits it."""
    found = found_row(kind, row)
    mark, sid = found.live.mark, found.live.sid
    fits = mark is not None and (mark.newer or kind.fits(mark, found.fields, sid))
    ours = mark is not None and is_owner(mark.owner, target.owner, stack.transitions)
    marked = stack.transitions.address_now(Address.of(kind.name, mark.key)) if mark and ours else None
    standing = Standing.UNOWNED if not fits else Standing.OWNED if ours else Standing.FOREIGN
    address = marked if standing is Standing.OWNED else None
    known = address or _of_name(kind, found.fields, stack.desired) or marked
    fields = concealed(found.fields, mark, stack.desired.resources.get(known) if known else None)
    here = Resource(address or Address.of(kind.name, sid), fields, live=found.live)
    return Entry(here, standing, mark.owner if mark and fits else None, address, None if address else known)


def _of_name(kind: Kind, fields: Fields, desired: Graph) -> Address | None:
    name = kind.natural_key(fields)
    of_kind = (r for a, r in desired.resources.items() if a.kind == kind.name and name is not None)
    return next((r.address for r in of_kind if kind.natural_key(r.fields) == name), None)


def concealed(fields: Fields, mark: Mark | None, wanted: Resource | None) -> Fields:
    """Return live fields with a Secret wherever the specs, or our own record of it, call it sensitive."""
    recorded = mark.fields if mark else {}
    whole = recorded.get(marks.WHOLE) == marks.SET_SECRET

    def is_secret(path: Path) -> bool:
        said = wanted.fields.get(path) if wanted else None
        return isinstance(said, Secret) or recorded.get(marks.dotted(path)) == marks.SET_SECRET

    return {path: Secret(value) if whole or is_secret(path) else value for path, value in fields.items()}


async def find_party(
    stack: Stack, gateway: Gateway, number: str, *, closed: bool = False, kinds: tuple[Kind, ...] = KINDS
) -> Party:
    """Read which conversations a number stands in, as a phone and on WhatsApp."""
    target = await _target(stack, gateway)
    plain = number.rpartition(":")[2]
    forms = sorted({number, plain, f"whatsapp:{plain}"})
    presences: list[Presence] = []
    for kind in kinds:
        if kind.inquiry is not None and kind.parent is not None:
            path = tuple(target.service_sid if part == "{service}" else part for part in kind.inquiry.path)
            key, host = kind.inquiry.list_key, kind.host
            answers = await together(gateway.list(host, path, key, 50, {"Address": form}) for form in forms)
            presences += [_presence(kind, row, stack, target) for answer in answers for row in answer]
    listed = [one for one in presences if closed or one.entry.state != "closed"]
    listed.sort(key=lambda one: (_order(one.entry), one.number, one.proxy))
    return Party(target, number, tuple(listed), len(presences) - len(listed))


def _presence(kind: Kind, row: Row, stack: Stack, target: Target) -> Presence:
    """Read a row of ParticipantConversations, which tells of the conversation under longer names."""
    assert kind.parent is not None  # noqa: S101 - what is asked about stands in something
    binding = row.get("participant_messaging_binding") or {}
    above = {name.removeprefix("conversation_"): value for name, value in row.items()}
    entry = entry_of(kind.parent, above, stack, target)
    number, proxy = str(binding.get("address") or ""), str(binding.get("proxy_address") or "")
    inside = (r for a, r in stack.desired.resources.items() if a.parent == entry.address and entry.address)
    pair = {(name,): value for name, value in (("address", number), ("proxy", proxy)) if value}
    here = next((r.address for r in inside if pair.items() <= r.fields.items()), None)
    return Presence(entry, number, proxy, str(row.get("participant_sid") or ""), here)
