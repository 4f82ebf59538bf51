"""Messages as they are stored, in conversations in which nobody can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.asking import Form
    from reconciler.verifying.site import Seen, Site

_REFUSALS: dict[str, Form] = {
    "nothing to say": {},
    "an empty body": {"Body": ""},
    "a media sid that is none": {"MediaSid": "ME1"},
    "a content sid that is none": {"ContentSid": "HX1"},
    "variables without content": {"Body": "x", "ContentVariables": "{}"},
    "attributes that are no JSON": {"Body": "x", "Attributes": "{"},
    "an author that is too long": {"Body": "x", "Author": "x" * 257},
}


async def _new(site: Site) -> Seen:
    at = await site.conversation()
    identity = site.name("author")
    await site.must(f"{at}/Participants", {"Identity": identity})
    ours = await site.post(f"{at}/Messages", {"Body": "from nobody"})
    theirs = await site.post(f"{at}/Messages", {"Body": "from somebody", "Author": identity})
    one = f"{at}/Messages/{ours.row.get('sid')}"
    return {
        "by the system": body(ours),
        "by somebody": body(theirs),
        "updated": body(await site.post(one, {"Body": "other words"})),
        "receipts": (await site.get(f"{one}/Receipts")).row.get("delivery_receipts"),
        "deleted": said(await site.delete(one)),
        "the next index": (await site.must(f"{at}/Messages", {"Body": "third"}))["index"],
    }


async def _refusals(site: Site) -> Seen:
    at = f"{await site.conversation()}/Messages"
    return {what: said(await site.post(at, form)) for what, form in _REFUSALS.items()}


async def _order(site: Site) -> Seen:
    at = f"{await site.conversation()}/Messages"
    for n in range(3):
        await site.must(at, {"Body": str(n)})
    seen = {}
    for order in ("", "?Order=asc", "?Order=desc"):
        seen[order or "none given"] = [row["body"] for row in (await site.get(at + order)).row["messages"]]
    token = await site.get(f"{at}?PageToken=-1&PageSize=2")
    return {**seen, "a token below zero": said(token), "no order": said(await site.get(f"{at}?Order=best"))}


async def _wakes(site: Site) -> Seen:
    at = await site.conversation({"State": "inactive"})
    await site.must(f"{at}/Messages", {"Body": "good morning"})
    return {"state": (await site.get(at)).row["state"]}


PROBES = (
    Probe("messages/new", "a message that is stored, and its index", _new),
    Probe("messages/refusals", "which parameters are refused, and with which code", _refusals),
    Probe("messages/order", "the order of messages", _order),
    Probe("messages/waking", "whether a message wakes an inactive conversation", _wakes),
)
