"""Logs: turns calls on ``…/Environments/{…}/Logs`` into none, because no function runs here.

Source: OpenAPI of ``serverless.v1.service.environment.log``, whose filters are checked as they would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.ordered import Ordered
from reconciler.emulator.pages import listed, page

from .environments import addressed

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply


def listing(call: Asked) -> Reply:
    """GET the collection: a page of nothing."""
    addressed(call)
    fields.sid(call.query, "FunctionSid", "ZH", 20001)
    for name in ("StartDate", "EndDate"):
        fields.date(call.query, name, 20001)
    nothing: Ordered[Any] = Ordered()
    return page(call, "logs", listed(call, nothing), lambda _, row: row, maximum=1000)


def fetch(call: Asked) -> Reply:
    """GET by SID: there is none."""
    addressed(call)
    raise call.not_found()
