"""Participants: the spec of one ↔ Twilio's Participant resource.

Source: OpenAPI conversations v1, …/Conversations/{ConversationSid}/Participants. Address and proxy can
never be updated (error 50441, even for the value already there), so a change of them replaces the row.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from reconciler.kinds import conversation
from reconciler.kinds.attributes import ATTRIBUTES, flatten, live_attributes, live_mark
from reconciler.kinds.base import (
    CannotDeclareError,
    Claim,
    Declared,
    Finding,
    Holder,
    Inquiry,
    Kind,
    MarkHome,
    Site,
    named_form,
)
from reconciler.kinds.fields import NONE, Name, Object, Spec
from reconciler.model import Lookup, Pool

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from reconciler.model import Address, Fields, Path, Resource, Value
    from reconciler.step import Row

NAMES: dict[Path, str] = {
    ("identity",): "Identity",
    ("address",): "MessagingBinding.Address",
    ("proxy",): "MessagingBinding.ProxyAddress",
    ("projected",): "MessagingBinding.ProjectedAddress",
    (ATTRIBUTES,): "Attributes",
    ("role",): "RoleSid",
}

_ROLE_SID = re.compile(r"RL[0-9a-f]{32}")


class ParticipantSpec(Spec):
    """One participant as written: a phone (`address` and `via`), a chat user (`identity`) or a group MMS leg.

    `via` names one of the stack's senders, and the sender decides the channel.
    """

    address: Name = NONE
    """The party's own number, in full (`+15550100301`)."""
    via: Name = NONE
    """The sender that the party sees; it decides the channel. A change replaces the participant."""
    identity: Name = NONE
    """A chat user, instead of a phone."""
    projected: Name = NONE
    """Our number in a group MMS: a sender's name or a number. The members have an `address` alone."""
    role: Name = NONE
    """The name or sid of a conversation role; left out, the service's default. Twilio cannot clear it."""
    attributes: Object = NONE
    """JSON data, kept leaf by leaf as a conversation's."""


def declare(spec: ParticipantSpec, site: Site) -> Declared:
    """Return what a participant's spec asks for, addresses with the channel prefix of their sender."""
    if spec.via is not None and spec.address is None:
        detail = (
            "A chat user is reached without one: take via out, or give an address instead of the identity."
        )
        raise CannotDeclareError(
            "via", "via is the sender behind an address, and there is no address", detail
        )
    fields: dict[Path, Value] = {}
    if spec.identity is not None:
        fields[("identity",)] = spec.identity
    if spec.projected is not None:
        fields[("projected",)] = _own_number(spec.projected, site)
    if spec.address is not None:
        fields |= _binding(spec, site)
    if spec.role is not None:
        fields[("role",)] = spec.role if _ROLE_SID.fullmatch(spec.role) else Lookup("Roles", spec.role)
    return Declared(fields | flatten(spec.attributes or {}, (ATTRIBUTES,)))


def _binding(spec: ParticipantSpec, site: Site) -> dict[Path, Value]:
    if spec.via is None:
        return {("address",): spec.address}
    sender = site.senders.get(spec.via)
    if sender is None:
        raise CannotDeclareError("via", f"no sender is called {spec.via!r}", _known_senders(site))
    channel, colon, _ = sender[0].rpartition(":") if sender else ("", "", "")
    written, _, number = spec.address.rpartition(":")
    if sender and written in _CHANNELS and written != channel:
        detail = (
            f"Write {number or 'the number'} alone, or name a sender on {written}: via decides the channel."
        )
        summary = f"this address is on {written}, and sender {spec.via!r} on {channel or 'sms'}"
        raise CannotDeclareError("address", summary, detail)
    given = number if written == channel else spec.address
    proxy: Value = sender[0] if len(sender) == 1 else Pool(sender)
    return {("address",): f"{channel}{colon}{given}", ("proxy",): proxy}


def _own_number(projected: str, site: Site) -> Value:
    sender = site.senders.get(projected, (projected,))
    return sender[0] if sender else Pool(())


def _known_senders(site: Site) -> str:
    names = ", ".join(sorted(site.senders))
    return f"Known senders: {names}." if names else "The stack has no `senders:` yet."


def natural_key(fields: Fields) -> Hashable | None:
    """Return the identity, else the pair, else the projected number: what Twilio tells them apart by."""
    for name in ("identity", "address", "projected"):
        value = fields.get((name,))
        if value:
            return (name, value, fields.get(("proxy",)))
    return None


def from_live(row: Row) -> Fields:
    """Return a live participant in our words."""
    held = row.get("messaging_binding")
    binding = held if isinstance(held, dict) else {}
    found = {
        ("identity",): row.get("identity"),
        ("address",): binding.get("address"),
        ("proxy",): binding.get("proxy_address"),
        ("projected",): binding.get("projected_address"),
        ("role",): row.get("role_sid"),
    }
    return {path: value for path, value in found.items() if value} | live_attributes(row)


def claims(address: Address, fields: Fields) -> frozenset[Claim]:
    """Return what no second open participant may hold: the pair account-wide, the identity in here."""
    held: set[Claim] = set()
    if isinstance(fields.get(("proxy",)), str):
        held.add(("pair", str(fields[("address",)]), str(fields[("proxy",)])))
    for name in ("identity", "projected"):
        if fields.get((name,)):
            held.add((name, str(address.parent), str(fields[(name,)])))
    return frozenset(held)


_E164 = re.compile(r"\+[1-9]\d{6,14}")
_CHANNELS = ("whatsapp", "rcs", "messenger")
_NON_CHAT = 50
_GROUP_LEAST, _GROUP_MOST = 3, 10


def check(resources: Sequence[Resource], site: Site) -> Iterator[Finding]:
    """Yield what Twilio would refuse about the participants of one conversation, and what would unmask it."""
    for resource in resources:
        yield from _check_form(resource)
        yield from _check_numbers(resource, site)
    phones = [resource for resource in resources if ("address",) in resource.fields]
    if len(phones) > _NON_CHAT:
        summary = f"{len(phones)} participants have an address; Twilio allows {_NON_CHAT} in a conversation"
        yield Finding(phones[_NON_CHAT].address, ("address",), summary)
    yield from _check_group(resources)


def _check_form(resource: Resource) -> Iterator[Finding]:
    """Exactly one way to be reached (errors 50204, 50211, 50407)."""
    has = {name for name in ("identity", "address", "projected") if (name,) in resource.fields}
    where = resource.address
    if not has:
        detail = "Give address and via (a phone), identity (a chat user), or projected (a group MMS number)."
        yield Finding(where, (), "this participant cannot be reached", detail)
    if has >= {"identity", "address"}:
        detail = "A chat user has an identity, a phone has an address: make two participants."
        yield Finding(where, ("identity",), "identity and address exclude each other", detail)
    if has >= {"address", "projected"}:
        detail = "The group's own number is a participant of its own, with projected only."
        yield Finding(where, ("projected",), "address and projected exclude each other", detail)
    identity = str(resource.fields.get(("identity",), ""))
    if len(identity) > 256:
        yield Finding(where, ("identity",), f"identity has {len(identity)} characters", "256 are allowed.")
    if identity == "system" or re.fullmatch("US[0-9a-f]{32}", identity):
        yield Finding(where, ("identity",), f"{identity!r} is reserved", "Choose another identity.")


def _check_numbers(resource: Resource, site: Site) -> Iterator[Finding]:
    """Addresses are well formed, differ from their proxy, and are not our own (the mask would be off)."""
    own = {number_of(number): name for name, sender in site.senders.items() for number in sender}
    for name in ("address", "proxy", "projected"):
        value = resource.fields.get((name,))
        if isinstance(value, str) and value and not is_address(value):
            detail = "Write +, country code and number, digits only."
            yield Finding(resource.address, (name,), f"{value!r} is no phone number", detail)
    address = resource.fields.get(("address",))
    if isinstance(address, str) and number_of(address) in own:
        name = own[number_of(address)]
        detail = "A party has a number of its own; senders are what parties see instead."
        yield Finding(resource.address, ("address",), f"this is our own sender {name!r}", detail)


def _check_group(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Group MMS: our number projected, everybody else an address alone, all in +1 (errors 50434 to 50436)."""
    projected = [resource for resource in resources if ("projected",) in resource.fields]
    alone = [r for r in resources if ("address",) in r.fields and ("proxy",) not in r.fields]
    if alone and not projected:
        detail = "Name one of the stack's senders: via: <sender>. (Without via it is a group MMS member.)"
        yield from (Finding(r.address, ("address",), "via is missing", detail) for r in alone)
    if not projected:
        return
    members = [*projected, *alone]
    if not _GROUP_LEAST <= len(members) <= _GROUP_MOST:
        summary = f"a group MMS has {_GROUP_LEAST} to {_GROUP_MOST} numbers, this one {len(members)}"
        yield Finding(projected[0].address, ("projected",), summary)
    for resource in members:
        number = resource.fields.get(("address",)) or resource.fields.get(("projected",))
        if isinstance(number, str) and not number.startswith("+1"):
            path = ("address",) if ("address",) in resource.fields else ("projected",)
            yield Finding(
                resource.address, path, "group MMS is for +1 numbers only", "Use a masked pair: via."
            )


def number_of(address: str) -> str:
    """Return an address without its channel."""
    return address.rpartition(":")[2]


def is_address(text: str) -> bool:
    """Whether `text` is an E.164 number, or one with the prefix of a channel."""
    channel, colon, number = text.rpartition(":")
    if channel == "messenger":
        return bool(number)
    return (not colon or channel in _CHANNELS) and bool(_E164.fullmatch(number))


def party(fields: Fields) -> str:
    """Return the party's number without its channel."""
    return number_of(str(fields.get(("address",), "")))


def query(fields: Fields) -> tuple[str, str] | None:
    """Return how to ask in which conversations a party stands."""
    address = fields.get(("address",))
    return ("Address", address) if isinstance(address, str) and ("proxy",) in fields else None


def holders(row: Row) -> Iterator[tuple[Claim, Holder]]:
    """Yield the pair that a row of ParticipantConversations holds; a closed conversation holds none."""
    binding = row.get("participant_messaging_binding") or {}
    address, proxy = binding.get("address"), binding.get("proxy_address")
    if not (address and proxy) or row.get("conversation_state") == "closed":
        return
    mark = live_mark({ATTRIBUTES: row.get("conversation_attributes")})
    yield (
        ("pair", str(address), str(proxy)),
        Holder(
            sid=str(row.get("participant_sid")),
            parent_sid=str(row.get("conversation_sid")),
            name=str(row.get("conversation_unique_name") or row.get("conversation_friendly_name") or ""),
            state=str(row.get("conversation_state")),
            owner=mark.owner if mark and mark.owner.stack else None,
            key=mark.key if mark else "",
        ),
    )


INQUIRY = Inquiry(
    path=("v1", "Services", "{service}", "ParticipantConversations"),
    list_key="conversations",
    query=query,
    holders=holders,
)


KIND = Kind(
    name="participant",
    plural="participants",
    parent=conversation.KIND,
    host="conversations",
    collection=("Participants",),
    list_key="participants",
    page_size=100,
    spec=ParticipantSpec,
    declare=declare,
    natural_key=natural_key,
    to_form=partial(named_form, NAMES),
    from_live=from_live,
    create_only=frozenset({"identity", "address", "proxy", "projected"}),
    clear={"attributes": "{}"},
    mark=MarkHome.ATTRIBUTES,
    unique=True,
    capacity=1000,
    stays_when_closed=True,
    claims=claims,
    inquiry=INQUIRY,
    party=party,
    check=check,
    attributes_limit_bytes=4 * 1024,
)
