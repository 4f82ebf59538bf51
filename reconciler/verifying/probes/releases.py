"""How soon what was held is free (facts, g): pairs and unique names, after what frees them.

Asked again at once a few times, because a lag may count calls, then every half second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.site import Probe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reconciler.verifying.asking import Answer
    from reconciler.verifying.site import Seen, Site

_AT_ONCE = 3
_PAUSE_S = 0.5
_SPANS_S = (1, 3, 10, 30)
_PAIR_LAGS = ("pair_release_lag_s", "pair_release_lag_calls")
_NAME_LAGS = ("name_release_lag_s", "name_release_lag_calls")


async def _freed(site: Site, ask: Callable[[], Awaitable[Answer]]) -> Seen:
    """Return how soon `ask` is granted, and with what it was refused before."""
    refusals: set[str] = set()
    for asked in range(_AT_ONCE):
        if (answer := await ask()).is_done:
            return {"free": "at once" if not asked else "when asked again", "refused with": sorted(refusals)}
        refusals.add(str(answer.code))
    waited_s = 0.0
    while waited_s < _SPANS_S[-1]:
        await site.sleep(_PAUSE_S)
        waited_s += _PAUSE_S
        if (await ask()).is_done:
            span_s = next(span_s for span_s in _SPANS_S if waited_s <= span_s)
            return {"free": f"within {span_s} s", "refused with": sorted(refusals)}
    return {"free": f"not within {_SPANS_S[-1]} s", "refused with": sorted(refusals)}


async def _pair(site: Site, release: Callable[[str, str], Awaitable[object]]) -> Seen:
    """Return how soon another conversation may have the pair that `release` has freed."""
    first, second, address = await site.conversation(), await site.conversation(), site.number()
    person = (await site.person(first, address)).row
    await release(first, f"{first}/Participants/{person['sid']}")
    return await _freed(site, lambda: site.person(second, address))


async def _pair_left(site: Site) -> Seen:
    return await _pair(site, lambda _, person: site.delete(person))


async def _pair_closed(site: Site) -> Seen:
    return await _pair(site, lambda conversation, _: site.post(conversation, {"State": "closed"}))


async def _pair_deleted(site: Site) -> Seen:
    return await _pair(site, lambda conversation, _: site.delete(conversation))


async def _name_deleted(site: Site) -> Seen:
    form = {"UniqueName": site.name("freed")}
    at = await site.conversation(form)
    await site.delete(at)
    return await _freed(site, lambda: site.post(at.rpartition("/")[0], form))


async def _name_changed(site: Site) -> Seen:
    form = {"UniqueName": site.name("left")}
    at = await site.conversation(form)
    await site.must(at, {"UniqueName": site.name("left-for-this")})
    return await _freed(site, lambda: site.post(at.rpartition("/")[0], form))


PROBES = (
    Probe("releases/pair left", "a pair whose participant was deleted", _pair_left, _PAIR_LAGS, "g"),
    Probe("releases/pair closed", "a pair whose conversation was closed", _pair_closed, _PAIR_LAGS, "g"),
    Probe("releases/pair deleted", "a pair whose conversation was deleted", _pair_deleted, _PAIR_LAGS, "g"),
    Probe("releases/name deleted", "a name whose conversation was deleted", _name_deleted, _NAME_LAGS, "g"),
    Probe("releases/name changed", "a name that was given up for another", _name_changed, _NAME_LAGS, "g"),
)
