"""Conversations: what a new one looks like, what is refused, what closing and clearing does, timers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.asking import Form
    from reconciler.verifying.site import Seen, Site

_ATTRIBUTES = '{"b": 1,  "a": [1, 2]}'
_WAIT_S = 1.2
"""Dates have whole seconds."""
_POLLS_S = 0.5
_REFUSALS: dict[str, Form] = {
    "attributes that are no JSON": {"Attributes": "{"},
    "attributes that are too long": {"Attributes": json.dumps({"a": "x" * 17_000})},
    "a friendly name that is too long": {"FriendlyName": "x" * 257},
    "a unique name that is too long": {"UniqueName": "x" * 257},
    "a unique name like a sid": {"UniqueName": "CH" + "0" * 32},
    "created closed": {"State": "closed"},
    "an empty state": {"State": ""},
    "an unknown state": {"State": "asleep"},
    "an inactive timer under a minute": {"State": "active", "Timers.Inactive": "PT59S"},
    "a closed timer under ten minutes": {"State": "active", "Timers.Closed": "PT9M"},
    "an inactive timer that is no duration": {"State": "active", "Timers.Inactive": "1 hour"},
    "a closed timer that is no duration": {"State": "active", "Timers.Closed": "1 hour"},
    "a messaging service that is none": {"MessagingServiceSid": "MG1"},
    "an empty messaging service": {"MessagingServiceSid": ""},
    "a date of creation that is none": {"DateCreated": "yesterday"},
}


async def _new(site: Site) -> Seen:
    at = f"{await site.service()}/Conversations"
    name = site.name("new")
    named = {"UniqueName": name, "FriendlyName": "New", "Attributes": '{"a":1}', "State": "active"}
    made = await site.post(at, named)
    return {
        "bare": body(await site.post(at)),
        "named": body(made),
        "by its name": (await site.get(f"{at}/{name}")).body == made.body,
    }


async def _refusals(site: Site) -> Seen:
    at = f"{await site.service()}/Conversations"
    return {what: said(await site.post(at, form)) for what, form in _REFUSALS.items()}


async def _taken(site: Site) -> Seen:
    at, form = f"{await site.service()}/Conversations", {"UniqueName": site.name("taken")}
    await site.must(at, form)
    other = await site.conversation()
    again, renamed = await site.post(at, form), await site.post(other, form)
    return {"made": said(again), "message": again.row.get("message"), "renamed": said(renamed)}


async def _unknown(site: Site) -> Seen:
    service = await site.service()
    found = await site.conversation()
    gone = f"{service}/Conversations/CH{'0' * 32}"
    return {
        "a conversation": body(await site.get(gone)),
        "its participants": body(await site.get(f"{gone}/Participants")),
        "a participant": body(await site.get(f"{found}/Participants/MB{'0' * 32}")),
        "a webhook": body(await site.delete(f"{found}/Webhooks/WH{'0' * 32}")),
        "a service": said(await site.get(f"{service[:-32]}{'0' * 32}")),
    }


async def _deleted(site: Site) -> Seen:
    at = await site.conversation()
    return {
        "deleted": said(await site.delete(at)),
        "deleted again": said(await site.delete(at)),
        "read": said(await site.get(at)),
        "updated": said(await site.post(at, {"FriendlyName": "x"})),
    }


async def _closing(site: Site) -> Seen:
    at = await site.conversation({"UniqueName": site.name("closing"), "FriendlyName": "Before"})
    form = {"State": "closed", "UniqueName": site.name("closed"), "FriendlyName": "After"}
    answer = await site.post(at, form)
    row = (await site.get(at)).row
    return {"said": said(answer), **{name: row[name] for name in ("state", "unique_name", "friendly_name")}}


async def _closed(site: Site) -> Seen:
    name = site.name("shut")
    at = await site.conversation({"UniqueName": name})
    service = await site.service()
    closed = await site.post(at, {"State": "closed"})
    return {
        "closed": said(closed),
        "updated": said(await site.post(at, {"FriendlyName": "x"})),
        "opened": said(await site.post(at, {"State": "active"})),
        "closed again": said(await site.post(at, {"State": "closed"})),
        "a participant": said(await site.post(f"{at}/Participants", {"Identity": site.name("late")})),
        "a message": said(await site.post(f"{at}/Messages", {"Body": "late"})),
        "read": said(await site.get(at)),
        "its name": said(await site.post(f"{service}/Conversations", {"UniqueName": name})),
        "deleted": said(await site.delete(at)),
    }


async def _closed_children(site: Site) -> Seen:
    at = await site.conversation()
    hook = {
        "Target": "webhook",
        "Configuration.Url": "https://example.com/",
        "Configuration.Filters": "onMessageAdded",
    }
    children = {
        "Participants": await site.must(f"{at}/Participants", {"Identity": site.name("shut-in")}),
        "Webhooks": await site.must(f"{at}/Webhooks", hook),
        "Messages": await site.must(f"{at}/Messages", {"Body": "stored, sent to nobody"}),
    }
    await site.must(at, {"State": "closed"})
    return {kind: said(await site.delete(f"{at}/{kind}/{row['sid']}")) for kind, row in children.items()}


async def _empty_unique_name(site: Site) -> Seen:
    at = await site.conversation({"UniqueName": site.name("clearing")})
    return {
        "said": said(await site.post(at, {"UniqueName": ""})),
        "name": (await site.get(at)).row["unique_name"],
    }


async def _empty_friendly_name(site: Site) -> Seen:
    at = await site.conversation({"FriendlyName": "Kept"})
    answer = await site.post(at, {"FriendlyName": ""})
    return {"said": said(answer), "name": (await site.get(at)).row["friendly_name"]}


async def _attributes(site: Site) -> Seen:
    at = await site.conversation({"Attributes": _ATTRIBUTES})
    created = (await site.get(at)).row["attributes"]
    updated = (await site.post(at, {"Attributes": '{"z":1,"y": "\\u00e9"}'})).row.get("attributes")
    reset = (await site.post(at, {"Attributes": "{}"})).row.get("attributes")
    return {"created": created, "updated": updated, "reset": reset}


async def _empty_update(site: Site) -> Seen:
    at = await site.conversation()
    person = await site.must(f"{at}/Participants", {"Identity": site.name("unchanged")})
    return {
        "of a conversation": said(await site.post(at)),
        "with an unknown parameter": said(await site.post(at, {"Unknown": "x"})),
        "of a participant": said(await site.post(f"{at}/Participants/{person['sid']}")),
    }


async def _timers(site: Site) -> Seen:
    form = {"State": "active", "Timers.Inactive": "PT1H", "Timers.Closed": "P2D"}
    at = await site.conversation(form)
    return {
        "created": sorted((await site.get(at)).row["timers"]),
        "one removed": sorted((await site.must(at, {"Timers.Inactive": "PT0S"}))["timers"]),
        "days and hours": said(await site.post(at, {"Timers.Closed": "P1DT2H"})),
        "weeks": said(await site.post(at, {"Timers.Closed": "P1W"})),
        "months": said(await site.post(at, {"Timers.Closed": "P1M"})),
    }


async def _timers_without_state(site: Site) -> Seen:
    at = f"{await site.service()}/Conversations"
    return {"said": said(await site.post(at, {"Timers.Closed": "P1D"}))}


async def _state_and_timers(site: Site) -> Seen:
    at = await site.conversation({"State": "active", "Timers.Inactive": "PT1H", "Timers.Closed": "P2D"})
    before = (await site.get(at)).row["timers"]
    seen: dict[str, Any] = {}
    for what, state in (("still active", "active"), ("made inactive", "inactive"), ("woken", "active")):
        await site.sleep(_WAIT_S)
        after = (await site.must(at, {"State": state}))["timers"]
        seen[what] = sorted(name for name in after if after[name] != before.get(name))
        before = after
    return seen


async def _together(site: Site) -> Seen:
    service = await site.service()
    people = [json.dumps({"identity": site.name(f"together-{n}")}) for n in range(3)]
    made = await site.post(f"{service}/ConversationWithParticipants", {"Participant": people})
    seen = body(made, "links")
    if not made.is_done:
        return seen
    at, waited_s = f"{service}/Conversations/{made.row['sid']}", 0.0
    while (await site.get(at)).row.get("state") == "initializing" and waited_s < 10:
        await site.sleep(_POLLS_S)
        waited_s += _POLLS_S
    members = (await site.get(f"{at}/Participants")).row["participants"]
    when = "at once" if not waited_s else f"within {3 if waited_s <= 3 else 10} s"
    return {**seen, "attached": len(members), "when": when}


async def _together_refusals(site: Site) -> Seen:
    at = f"{await site.service()}/ConversationWithParticipants"
    one = json.dumps({"identity": site.name("twin")})
    forms: dict[str, list[str]] = {
        "no JSON": ["{"],
        "no object": ["[]"],
        "nobody": ["{}"],
        "one person twice": [one, one],
        "eleven people": [json.dumps({"identity": site.name(f"many-{n}")}) for n in range(11)],
        "an address that is none": [json.dumps({"messaging_binding": {"address": "5550100301"}})],
    }
    return {what: said(await site.post(at, {"Participant": people})) for what, people in forms.items()}


PROBES = (
    Probe("conversations/new", "what a new conversation shows", _new),
    Probe("conversations/refusals", "which parameters are refused, and with which code", _refusals),
    Probe("conversations/name taken", "a unique name that another one has", _taken),
    Probe("conversations/unknown", "the words about what is not there", _unknown),
    Probe("conversations/deleted", "a delete, and what comes after it", _deleted),
    Probe(
        "conversations/closing update",
        "State=closed with other fields in one update",
        _closing,
        ("closing_update",),
    ),
    Probe("conversations/closed", "what a closed conversation takes", _closed, facts="b"),
    Probe(
        "conversations/closed children",
        "whether what is in a closed conversation can be deleted",
        _closed_children,
        ("closed_children_deletable",),
        "k",
    ),
    Probe(
        "conversations/empty unique name",
        "UniqueName= in an update",
        _empty_unique_name,
        ("empty_unique_name",),
        "j",
    ),
    Probe("conversations/empty friendly name", "FriendlyName= in an update", _empty_friendly_name),
    Probe(
        "conversations/attributes",
        "how the text of attributes comes back",
        _attributes,
        ("attributes_echo",),
        "d",
    ),
    Probe(
        "conversations/empty update", "an update that changes nothing", _empty_update, ("empty_update_code",)
    ),
    Probe("conversations/timers", "which durations timers take, and how they show", _timers),
    Probe(
        "conversations/timers without state",
        "timers in a create that says no state",
        _timers_without_state,
        ("timers_need_state",),
    ),
    Probe(
        "conversations/state and timers",
        "which timers an update of the state starts again",
        _state_and_timers,
        ("state_update_resets_timers",),
        "h",
    ),
    Probe(
        "conversations/together",
        "a conversation made with participants: how soon they are in it",
        _together,
        ("attach_delay_s",),
    ),
    Probe(
        "conversations/together refused", "participants that no conversation is made with", _together_refusals
    ),
)
