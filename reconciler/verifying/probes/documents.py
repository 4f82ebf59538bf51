"""Sync: a service of this run's own, and documents that others build leases on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.seeing import body, said
from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from reconciler.verifying.asking import Form
    from reconciler.verifying.site import Seen, Site

_DATA = '{"a":1}'
_EXPIRED_S = 2.5
_REFUSALS: dict[str, Form] = {
    "an empty name": {"UniqueName": ""},
    "a name like a sid": {"UniqueName": "ET" + "0" * 32},
    "data that is no JSON": {"Data": "{"},
    "data that is no object": {"Data": "[1]"},
    "data that is too long": {"Data": '{"a":"' + "x" * 16_384 + '"}'},
    "a ttl below zero": {"Ttl": "-1"},
    "a ttl over a year": {"Ttl": "31536001"},
}


async def _documents(site: Site) -> Seen:
    at = f"{await site.sync()}/Documents"
    name = site.name("document")
    made = await site.post(at, {"UniqueName": name, "Data": _DATA})
    return {
        "service": body(await site.get(await site.sync())),
        "made": body(made),
        "its tag is its revision": made.headers.get("etag", "").strip('"') == made.row.get("revision"),
        "by name": (await site.get(f"{at}/{name}")).body == made.body,
        "made again": said(await site.post(at, {"UniqueName": name})),
        "without data": body(await site.post(at)),
        "an empty update": said(await site.post(f"{at}/{name}")),
        "unknown": said(await site.get(f"{at}/{site.name('unknown')}")),
    }


async def _refusals(site: Site) -> Seen:
    at = f"{await site.sync()}/Documents"
    return {what: said(await site.post(at, form)) for what, form in _REFUSALS.items()}


async def _conditions(site: Site) -> Seen:
    at = f"{await site.sync()}/Documents"
    one = f"{at}/{(await site.must(at, {'UniqueName': site.name('conditional')}))['sid']}"
    first = (await site.get(one)).row["revision"]
    updated = await site.post(one, {"Data": _DATA}, {"If-Match": first})
    return {
        "first": first,
        "of this revision": said(updated),
        "then": updated.row.get("revision"),
        "of the one before": said(await site.post(one, {"Data": _DATA}, {"If-Match": first})),
        "of no revision": said(await site.post(one, {"Data": _DATA}, {"If-Match": "no revision"})),
        "quoted": said(
            await site.post(one, {"Data": _DATA}, {"If-Match": f'"{updated.row.get("revision")}"'})
        ),
        "without a condition": said(await site.post(one, {"Data": _DATA})),
        "deleted under the one before": said(await site.delete(one, {"If-Match": first})),
    }


async def _expiry(site: Site) -> Seen:
    at, form = f"{await site.sync()}/Documents", {"UniqueName": site.name("expiring"), "Ttl": "1"}
    await site.must(at, form)
    await site.sleep(_EXPIRED_S)
    seen = {"read after it expired": said(await site.get(f"{at}/{form['UniqueName']}"))}
    waited_s, answer = 0.0, await site.post(at, form)
    while not answer.is_done and waited_s < 12:
        await site.sleep(1.0)
        waited_s += 1.0
        answer = await site.post(at, form)
    when = "at once" if not waited_s else "within 12 s" if answer.is_done else "not within 12 s"
    return {**seen, "its name is free": when}


async def _names(site: Site) -> Seen:
    at = f"{await site.sync()}/Documents"
    longest = {n: site.name("x" * n)[:n] for n in (256, 300, 320, 321)}
    return {f"{n} characters": said(await site.post(at, {"UniqueName": name})) for n, name in longest.items()}


PROBES = (
    Probe("documents/new", "a Sync document: what it shows", _documents),
    Probe("documents/refusals", "which parameters are refused, and with which code", _refusals),
    Probe("documents/conditions", "If-Match and revisions", _conditions),
    Probe(
        "documents/expiry",
        "whether an expired document can be read, and how long its name stays taken",
        _expiry,
        ("document_linger_s", "expired_document"),
    ),
    Probe("documents/names", "the longest unique name of a document", _names, ("sync_name_chars",)),
)
