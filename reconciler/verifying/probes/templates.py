"""Templates of the Content API, in messages that reach nobody. None is submitted for approval."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.verifying.asking import CONTENT, Raw
from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from typing import Any

    from reconciler.verifying.site import Seen, Site

_TYPES = {"twilio/text": {"body": "Hello {{1}}"}}


def _template(site: Site, hint: str, **more: Any) -> Raw:
    form = {"friendly_name": site.name(hint), "language": "en", "variables": {"1": "Ada"}, "types": _TYPES}
    return Raw("application/json", json.dumps({**form, **more}).encode())


async def _new(site: Site) -> Seen:
    at = f"{CONTENT}/Content"
    made = await site.post(at, _template(site, "template"))
    one = f"{at}/{made.row.get('sid')}"
    return {
        "made": body(made),
        "without a language": said(await site.post(at, _template(site, "mute", language=None))),
        "without types": said(await site.post(at, _template(site, "empty", types={}))),
        "approval": body(await site.get(f"{one}/ApprovalRequests")),
        "deleted": said(await site.delete(one)),
        "deleted again": said(await site.delete(one)),
    }


async def _told(site: Site) -> Seen:
    made = await site.must(f"{CONTENT}/Content", _template(site, "told"))
    at = f"{await site.conversation()}/Messages"
    variables = json.dumps({"1": "Grace"})
    sent = await site.post(at, {"ContentSid": made["sid"], "ContentVariables": variables})
    return body(sent)


async def _unknown(site: Site) -> Seen:
    at = f"{await site.conversation()}/Messages"
    return {"said": said(await site.post(at, {"ContentSid": "HX" + "0" * 32}))}


PROBES = (
    Probe("templates/new", "a template: what it shows, what is refused", _new),
    Probe("templates/in a message", "the body of a message by ContentSid", _told, ("template_body",)),
    Probe("templates/unknown", "a ContentSid that names nothing", _unknown, ("unknown_content_code",)),
)
