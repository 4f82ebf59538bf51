"""Lists: their order, their pages, and what becomes of pages when rows go meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.site import Seen, Site

_ROWS = 6


async def _several(site: Site, service: str) -> tuple[str, list[str]]:
    """Return the URL of a list of conversations, and their sids in the order in which they were made."""
    at = f"{await site.service(service)}/Conversations"
    return at, [(await site.must(at))["sid"] for _ in range(_ROWS)]


def _sids(page: dict[str, Any]) -> list[str]:
    return [row["sid"] for row in page["conversations"]]


async def _order(site: Site) -> Seen:
    at, made = await _several(site, "order")
    orders = {"created": made, "created, newest first": made[::-1], "by sid": sorted(made)}
    listed = _sids((await site.get(at)).row)
    return {"order": next((name for name, order in orders.items() if order == listed), "none of these")}


async def _pages(site: Site) -> Seen:
    at, made = await _several(site, "pages")
    first = (await site.get(f"{at}?PageSize=4")).row
    second = (await site.get(first["meta"]["next_page_url"])).row
    return {
        "first": first["meta"],
        "second": second["meta"],
        "rows": [len(first["conversations"]), len(second["conversations"])],
        "all of them": sorted(_sids(first) + _sids(second)) == sorted(made),
        "nothing there": body(await site.get(f"{at}?State=closed")),
        "active ones": len((await site.get(f"{at}?State=active")).row["conversations"]),
        "an unknown state": said(await site.get(f"{at}?State=asleep")),
        "a token that is none": said(await site.get(f"{at}?PageToken=nonsense")),
        "a date that is none": said(await site.get(f"{at}?StartDate=yesterday")),
    }


async def _drift(site: Site) -> Seen:
    at, _ = await _several(site, "drift")
    listed = _sids((await site.get(at)).row)
    first = (await site.get(f"{at}?PageSize=2")).row
    await site.delete(f"{at}/{_sids(first)[0]}")
    following = _sids((await site.get(first["meta"]["next_page_url"])).row)
    return {"after two rows, one of them gone, comes number": listed.index(following[0]) + 1}


async def _size(site: Site) -> Seen:
    at = f"{await site.service('order')}/Conversations"
    large = await site.get(f"{at}?PageSize=101")
    return {
        "101": said(large),
        "taken as": large.row["meta"]["page_size"] if large.is_done else None,
        "100": said(await site.get(f"{at}?PageSize=100")),
        "0": said(await site.get(f"{at}?PageSize=0")),
        "none given": (await site.get(at)).row["meta"]["page_size"],
    }


PROBES = (
    Probe("lists/order", "the order of a list that has none documented", _order, ("list_order",)),
    Probe("lists/pages", "pages, their neighbours and filters", _pages),
    Probe("lists/drift", "whether rows shift when others go while listing", _drift, ("page_drift",)),
    Probe("lists/page size", "PageSize above the maximum", _size, ("page_size_above_max",), "e"),
)
