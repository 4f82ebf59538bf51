"""Services, what is configured of them and of the account.

Nothing that the account has is changed; one thing is made that is the account's and no service's: an address
configuration, which makes no conversations and is deleted at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.asking import CONVERSATIONS
from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import CannotAskError, Probe

if TYPE_CHECKING:
    from reconciler.verifying.site import Seen, Site

_SOMEWHERE = "https://example.com/reconciler-verify"
_HEADERS = ("content-type", "twilio-request-id", "twilio-request-duration", "x-api-domain", "x-home-region")


async def _account(site: Site) -> Seen:
    return {
        what: sorted((await site.get(f"{CONVERSATIONS}/{what}")).row)
        for what in ("Configuration", "Configuration/Webhooks")
    }


async def _headers(site: Site) -> Seen:
    answer = await site.get(f"{CONVERSATIONS}/Configuration")
    return {name: name in answer.headers for name in _HEADERS}


async def _service(site: Site) -> Seen:
    at = f"{CONVERSATIONS}/Services"
    made = await site.post(at, {"FriendlyName": site.name("settings")})
    one = f"{at}/{made.row.get('sid')}"
    return {
        "made": body(made),
        "without a name": said(await site.post(at)),
        "configuration": body(await site.get(f"{one}/Configuration")),
        "webhooks": body(await site.get(f"{one}/Configuration/Webhooks")),
        "notifications": body(await site.get(f"{one}/Configuration/Notifications")),
        "reachability": body(await site.post(f"{one}/Configuration", {"ReachabilityEnabled": "true"})),
        "deleted": said(await site.delete(one)),
        "deleted again": said(await site.delete(one)),
    }


async def _webhooks(site: Site) -> Seen:
    at = f"{await site.service('settings-2')}/Configuration/Webhooks"
    return {
        "set": body(
            await site.post(
                at,
                {"PostWebhookUrl": _SOMEWHERE, "Filters": ["onUserUpdated", "onMessageAdd"], "Method": "get"},
            )
        ),
        "a url that is none": said(await site.post(at, {"PostWebhookUrl": "somewhere"})),
        "a pre-event url that is none": said(await site.post(at, {"PreWebhookUrl": "somewhere"})),
        "an unknown method": said(await site.post(at, {"Method": "PUT"})),
        "url removed": body(await site.post(at, {"PostWebhookUrl": ""})),
    }


async def _unknown_filter(site: Site) -> Seen:
    at = f"{await site.service('settings-2')}/Configuration/Webhooks"
    answer = await site.post(at, {"Filters": ["onNothing"]})
    return {"said": said(answer), "kept": "onNothing" in ((await site.get(at)).row.get("filters") or ())}


async def _address(site: Site) -> Seen:
    at = f"{CONVERSATIONS}/Configuration/Addresses"
    form = {
        "Type": "sms",
        "Address": site.proxy,
        "FriendlyName": site.name("address"),
        "AutoCreation.Enabled": "false",
    }
    made = await site.post(at, form)
    if not made.is_done:
        told = f"an address configuration was refused with {made.status}/{made.code}"
        raise CannotAskError(f"{told}: name a number of the account that has none yet with --proxy")
    taken = await site.post(at, form)
    removed = await site.delete(f"{at}/{made.row['sid']}")
    return {"made": body(made), "made again": said(taken), "deleted": said(removed)}


PROBES = (
    Probe("settings/account", "what an account's configuration shows", _account),
    Probe("settings/headers", "the headers of an answer", _headers),
    Probe("settings/service", "a service, and what is configured of it", _service),
    Probe("settings/service webhooks", "the webhooks of a service", _webhooks),
    Probe(
        "settings/unknown filter",
        "a filter of a service's webhooks that is no event",
        _unknown_filter,
        ("unknown_webhook_filter",),
    ),
    Probe(
        "settings/address configuration",
        "a second configuration of one address",
        _address,
        ("address_taken_code",),
    ),
)
