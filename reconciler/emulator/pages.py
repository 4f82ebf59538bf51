"""Lists, a page at a time: turns a selection of rows into Twilio's page body with absolute URLs of our own.

Sources: OpenAPI (``meta`` and page sizes of each list), observed page tokens (``PT`` and base64url of a JSON
object that begins with ``{"or``; numbers for messages, error page 19038).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from .call import Asked
from .errors import ApiError
from .ordered import Ordered, Selection, window

if TYPE_CHECKING:
    from collections.abc import Callable

    from .call import Reply

R = TypeVar("R")
A = TypeVar("A", bound=Asked)
_PAGING = ("PageSize", "Page", "PageToken")


def listed(call: Asked, rows: Ordered[R] | None) -> Selection[R]:
    """Return all rows in the order of lists that have none documented; no list is an empty one."""
    return Selection(rows or Ordered(), descending=call.store.switches.list_order == "created_desc")


def page(
    call: A,
    key: str,
    what: Selection[R],
    show: Callable[[A, R], dict[str, Any]],
    *,
    default: int = 50,
    maximum: int = 100,
    numeric_token: bool = False,
) -> Reply:
    """Return 200 and one page under ``key``, with the URLs of its neighbours."""
    size = _size(call, default, maximum)
    number = _number(call)
    start = _start(call, numeric_token=numeric_token)
    found = window(what, start, size, by_count=call.store.switches.page_drift)

    def url(page_number: int, place: int | None) -> str:
        token = None if place is None else str(place) if numeric_token else _token(place)
        return _url(call, size, page_number, token)

    meta = {
        "page": number,
        "page_size": size,
        "first_page_url": url(0, None),
        "previous_page_url": None if found.previous is None else url(max(number - 1, 0), found.previous),
        "url": url(number, start),
        "next_page_url": None if found.next is None else url(number + 1, found.next),
        "key": key,
    }
    return 200, {"meta": meta, key: [show(call, row) for row in found.rows]}


def _size(call: Asked, default: int, maximum: int) -> int:
    value = call.query.get("PageSize")
    if value is None:
        return default
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or int(value) == 0:
        raise ApiError(20001, "PageSize must be a number of 1 or more")
    size = int(value)
    if size > maximum and call.store.switches.page_size_above_max == "refuse":
        raise ApiError(20001, f"PageSize must be at most {maximum}")
    return min(size, maximum)


def _number(call: Asked) -> int:
    value = call.query.get("Page") or "0"
    if not re.fullmatch(r"\d{1,9}", value, re.ASCII):
        raise ApiError(20001, "Page must be a number")
    return int(value)


def _start(call: Asked, *, numeric_token: bool) -> int | None:
    token = call.query.get("PageToken")
    if not token:
        return None
    if not numeric_token:
        return _place(token)
    if not re.fullmatch(r"-?\d{1,18}", token, re.ASCII):
        raise ApiError(20001, "PageToken is not a number")
    if int(token) < 0:
        raise ApiError(19038)
    return int(token)


def _token(place: int) -> str:
    text = json.dumps({"order": "asc", "from": place}, separators=(",", ":"))
    return "PT" + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _place(token: str) -> int:
    try:
        padded = token.removeprefix("PT") + "=" * (-(len(token) - 2) % 4)
        place = json.loads(base64.urlsafe_b64decode(padded))["from"]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise ApiError(20001, "PageToken is not one of ours") from error
    if not isinstance(place, int) or place < 0:
        raise ApiError(20001, "PageToken is not one of ours")
    return place


def _url(call: Asked, size: int, number: int, token: str | None) -> str:
    asked = [pair for pair in call.query.pairs() if pair[0] not in _PAGING]
    asked += [("PageSize", str(size)), ("Page", str(number))]
    if token is not None:
        asked.append(("PageToken", token))
    return f"{call.root}{call.path}?{urlencode(asked, quote_via=quote)}"
