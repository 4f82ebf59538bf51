"""Participants: chat users and people by SMS, and who may hold a pair. Nothing is sent to anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.asking import Form
    from reconciler.verifying.site import Seen, Site

_ADDRESS, _PROXY = "MessagingBinding.Address", "MessagingBinding.ProxyAddress"
_SOMEBODY = "+15550109998"


def _refusal_forms(proxy: str) -> dict[str, Form]:
    return {
        "nobody": {},
        "an empty identity": {"Identity": ""},
        "an identity that is too long": {"Identity": "x" * 257},
        "an identity like a sid": {"Identity": "US" + "0" * 32},
        "a reserved identity": {"Identity": "system"},
        "an identity and an address": {"Identity": "x", _ADDRESS: _SOMEBODY, _PROXY: proxy},
        "an address that is none": {_ADDRESS: "5550100301", _PROXY: proxy},
        "an empty address": {_ADDRESS: "", _PROXY: proxy},
        "an empty proxy": {_ADDRESS: _SOMEBODY, _PROXY: ""},
        "the proxy as its own address": {_ADDRESS: proxy, _PROXY: proxy},
        "two channels": {_ADDRESS: f"whatsapp:{_SOMEBODY}", _PROXY: proxy},
        "whatsapp without a proxy": {_ADDRESS: f"whatsapp:{_SOMEBODY}"},
        "attributes that are no JSON": {"Identity": "x", "Attributes": "{"},
        "attributes that are too long": {"Identity": "x", "Attributes": '{"a":"' + "x" * 5000 + '"}'},
        "a role that is not there": {"Identity": "x", "RoleSid": "RL" + "0" * 32},
    }


async def _refusals(site: Site) -> Seen:
    at = f"{await site.conversation()}/Participants"
    return {what: said(await site.post(at, form)) for what, form in _refusal_forms(site.proxy).items()}


async def _chat(site: Site) -> Seen:
    at, identity = f"{await site.conversation()}/Participants", site.name("somebody")
    made = await site.post(at, {"Identity": identity, "Attributes": '{"a":1}'})
    again = await site.post(at, {"Identity": identity})
    return {
        "made": body(made),
        "by identity": (await site.get(f"{at}/{identity}")).body == made.body,
        "made again": said(again),
        "message": again.row.get("message"),
        "read up to": body(await site.post(f"{at}/{identity}", {"LastReadMessageIndex": "3"})),
        "an identity added": said(await site.post(f"{at}/{identity}", {"Identity": site.name("other")})),
        "deleted": said(await site.delete(f"{at}/{identity}")),
        "deleted again": said(await site.delete(f"{at}/{identity}")),
    }


async def _sms(site: Site) -> Seen:
    at = await site.conversation()
    made = await site.person(at, site.number())
    one = f"{at}/Participants/{made.row.get('sid')}"
    return {
        "made": body(made),
        "its proxy again": said(await site.post(one, {_PROXY: site.proxy})),
        "an empty proxy": said(await site.post(one, {_PROXY: ""})),
        "another address": said(await site.post(one, {_ADDRESS: site.number(), "Attributes": "{}"})),
        "kept": body(await site.get(one), "body.messaging_binding.type"),
        "deleted": said(await site.delete(one)),
    }


async def _held(site: Site) -> Seen:
    first, second, address = await site.conversation(), await site.conversation(), site.number()
    await site.person(first, address)
    refused = await site.person(second, address)
    await site.must(first, {"State": "inactive"})
    return {
        "elsewhere": said(refused),
        "message": refused.row.get("message"),
        "while inactive": said(await site.person(second, address)),
    }


async def _own(site: Site) -> Seen:
    at, address = await site.conversation(), site.number()
    await site.person(at, address)
    return {"said": said(await site.person(at, address))}


async def _of_another_service(site: Site) -> Seen:
    here, there, address = await site.conversation(), await site.conversation(service="other"), site.number()
    await site.person(here, address)
    return {"said": said(await site.person(there, address))}


async def _memberships(site: Site) -> Seen:
    service, at = await site.service(), await site.conversation()
    address, identity = site.number(), site.name("member")
    await site.must(f"{at}/Participants", {"Identity": identity})
    await site.person(at, address)
    await site.must(at, {"State": "closed"})
    where = f"{service}/ParticipantConversations"
    both = await site.get(f"{where}?Identity={identity}&Address=%2B{address[1:]}")
    by_address = await site.get(f"{where}?Address=%2B{address[1:]}")
    return {
        "by identity, when closed": body(await site.get(f"{where}?Identity={identity}")),
        "by address, when closed": [
            row.get("participant_messaging_binding") for row in by_address.row.get("conversations", ())
        ],
        "by both": said(both),
        "by neither": said(await site.get(where)),
    }


PROBES = (
    Probe("participants/refusals", "who is refused, and with which code", _refusals),
    Probe("participants/chat", "a chat user in a conversation", _chat),
    Probe("participants/sms", "somebody by SMS in a conversation, and what is fixed", _sms),
    Probe("participants/pair held", "a pair that another open conversation holds", _held),
    Probe("participants/own pair", "a pair that this very conversation has", _own, ("own_pair_code",)),
    Probe(
        "participants/pair of another service",
        "whether pairs are the account's or a service's",
        _of_another_service,
        ("pair_scope",),
        "f",
    ),
    Probe("participants/memberships", "in which conversations somebody is", _memberships),
)
