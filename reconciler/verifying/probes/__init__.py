"""All questions there are, in the order in which they are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.probes import (
    conversations,
    documents,
    functions,
    limits,
    lists,
    messages,
    participants,
    people,
    releases,
    settings,
    templates,
    webhooks,
)
from reconciler.verifying.site import Probe, Seen, Site

if TYPE_CHECKING:
    from collections.abc import Sequence


async def _of_all(_: Site) -> Seen:
    return {}


STATUSES = Probe(
    "statuses/of refusals",
    "the HTTP status of each error code that was met",
    _of_all,
    settles=("status_seed",),
    facts="a, b",
)
"""Not carried out: it is read off all that the others meet."""

PROBES: tuple[Probe, ...] = (
    *conversations.PROBES,
    *participants.PROBES,
    *webhooks.PROBES,
    *messages.PROBES,
    *lists.PROBES,
    *people.PROBES,
    *settings.PROBES,
    *documents.PROBES,
    *templates.PROBES,
    *functions.PROBES,
    *releases.PROBES,
    *limits.PROBES,
)


def chosen(*, thorough: bool) -> Sequence[Probe]:
    """Return the probes that are carried out; the costly ones only where that is asked for."""
    return tuple(probe for probe in PROBES if thorough or not probe.costly)
