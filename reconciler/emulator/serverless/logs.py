"""Logs: turns calls on ``…/Environments/{…}/Logs`` into none, because no function runs here.

Source: OpenAPI of ``serverless.v1.service.environment.log``, whose filters are checked as they would be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.ordered import Ordered
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_seconds

from .environments import addressed

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply


def listing(call: Asked) -> Reply:
    """GET the collection: a page of nothing."""
    addressed(call)
    fields.sid(call.query, "FunctionSid", "ZH", 20001)
    for name in ("StartDate", "EndDate"):
        _check_date(call, name)
    nothing: Ordered[Any] = Ordered()
    return page(call, "logs", listed(call, nothing), lambda _, row: row, maximum=1000)


def fetch(call: Asked) -> Reply:
    """GET by SID: there is none."""
    addressed(call)
    raise call.not_found()


def _check_date(call: Asked, name: str) -> None:
    value = call.query.get(name)
    if value is None:
        return
    try:
        date_seconds(value)
    except (ValueError, OverflowError) as error:
        raise ApiError(20001, f"{name} is not a date") from error
