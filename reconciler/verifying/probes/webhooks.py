"""Scoped webhooks: nobody is called, because calls by REST call none and nothing else happens here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.asking import Form
    from reconciler.verifying.site import Seen, Site

_URL, _METHOD, _FLOW = "Configuration.Url", "Configuration.Method", "Configuration.FlowSid"
_FILTERS, _TRIGGERS = "Configuration.Filters", "Configuration.Triggers"
_SOMEWHERE = "https://example.com/reconciler-verify"
_HOOK: Form = {"Target": "webhook", _URL: _SOMEWHERE, _FILTERS: ["onMessageAdded", "onConversationUpdated"]}
_TRIGGER: Form = {"Target": "trigger", _URL: _SOMEWHERE, _TRIGGERS: ["help", "stop"]}
_REFUSALS: dict[str, Form] = {
    "no target": {_URL: _SOMEWHERE},
    "an unknown target": {**_HOOK, "Target": "pigeon"},
    "no url": {"Target": "webhook", _FILTERS: "onMessageAdded"},
    "a url that is none": {**_HOOK, _URL: "somewhere"},
    "a url that is too long": {**_HOOK, _URL: f"{_SOMEWHERE}?{'x' * 512}"},
    "no filters": {"Target": "webhook", _URL: _SOMEWHERE},
    "an unknown filter": {**_HOOK, _FILTERS: "onNothing"},
    "a pre-event as filter": {**_HOOK, _FILTERS: "onMessageAdd"},
    "an unknown method": {**_HOOK, _METHOD: "PUT"},
    "no triggers": {"Target": "trigger", _URL: _SOMEWHERE},
    "six triggers": {**_TRIGGER, _TRIGGERS: list("abcdef")},
    "a trigger that is too long": {**_TRIGGER, _TRIGGERS: "x" * 249},
    "a flow that is none": {"Target": "studio", _FLOW: "FW1"},
}


async def _new(site: Site) -> Seen:
    at = f"{await site.conversation()}/Webhooks"
    made = await site.post(at, _HOOK)
    one = f"{at}/{made.row.get('sid')}"
    return {
        "webhook": body(made, "configuration.method"),
        "studio": body(await site.post(at, {"Target": "studio", _FLOW: "FW" + "0" * 32})),
        "after a message": body(
            await site.post(at, {**_HOOK, "Configuration.ReplayAfter": "0"}), "configuration.method"
        ),
        "filters replaced": body(
            await site.post(one, {_FILTERS: ["onParticipantAdded", "onMessageAdded"]}), "configuration.method"
        ),
        "another target": (await site.post(one, {"Target": "studio", _URL: _SOMEWHERE})).row.get("target"),
        "deleted": said(await site.delete(one)),
    }


async def _refusals(site: Site) -> Seen:
    seen = {}
    for what, form in _REFUSALS.items():
        at = f"{await site.conversation()}/Webhooks"  # of its own: one that is accepted takes no place
        seen[what] = said(await site.post(at, form))
    return seen


async def _trigger(site: Site) -> Seen:
    made = await site.post(f"{await site.conversation()}/Webhooks", _TRIGGER)
    return body(made, "configuration.method")


async def _method(site: Site) -> Seen:
    at = f"{await site.conversation()}/Webhooks"
    seen = {}
    for method in ("GET", "get", "POST", "Post"):
        row = await site.must(at, {**_HOOK, _METHOD: method})
        seen[f"sent {method}"] = row["configuration"].get("method")
    row = await site.must(at, _HOOK)
    updated = await site.must(f"{at}/{row['sid']}", {_METHOD: "get"})
    return {
        **seen,
        "none sent": row["configuration"].get("method"),
        "updated": updated["configuration"].get("method"),
    }


async def _sixth(site: Site) -> Seen:
    at = f"{await site.conversation()}/Webhooks"
    for n in range(5):
        await site.must(at, {**_HOOK, _URL: f"{_SOMEWHERE}/{n}"})
    listed = await site.get(at)
    return {
        "sixth": said(await site.post(at, _HOOK)),
        "page size": listed.row["meta"]["page_size"],
        "listed": len(listed.row["webhooks"]),
    }


PROBES = (
    Probe("webhooks/new", "webhooks of a conversation: what they show, what is fixed", _new),
    Probe("webhooks/refusals", "which parameters are refused, and with which code", _refusals),
    Probe("webhooks/trigger", "under which key a trigger shows its keywords", _trigger, ("trigger_echo",)),
    Probe("webhooks/method", "the letter case of a method when read", _method, ("method_echo",), "c"),
    Probe("webhooks/sixth", "a sixth webhook, and a page of five", _sixth, facts="a"),
)
