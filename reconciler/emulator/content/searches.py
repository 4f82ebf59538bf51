"""Searches: turns the filters of Content v2 into lists of contents.

Source: OpenAPI of ``content.v2`` (names and texts by regular expression, language, type, channel eligibility
as ``channel:status``, dates of creation inclusive, order by date of update or by name). Several values of one
filter are alternatives, several filters hold together, and regular expressions may fit anywhere in a text
(inferred).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.ordered import Ordered, Selection
from reconciler.emulator.pages import listed, page

from . import approvals, placeholders
from .contents import MAX_PAGE, show, show_approved
from .patterns import Pattern, PatternError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.emulator.call import Asked, Reply

    from .rows import Content

    Test = Callable[[Content], bool]

R = TypeVar("R")
_ORDERS = ("asc", "desc")
_KEYS: dict[str, Callable[[Content], Any]] = {
    "SortByDate": lambda row: row.date_updated,
    "SortByContentName": lambda row: row.friendly_name,
}


def listing(call: Asked) -> Reply:
    """GET ``/v2/Content``."""
    return page(call, "contents", _found(call), show, maximum=MAX_PAGE)


def with_approvals(call: Asked) -> Reply:
    """GET ``/v2/ContentAndApprovals``."""
    return page(call, "contents", _found(call), show_approved, maximum=MAX_PAGE)


def _found(call: Asked) -> Selection[Content]:
    tests = [*_dates(call), *_words(call), *_eligible(call), *_texts(call)]  # texts cost most
    rows = listed(call, call.store.index.content.contents)
    index, descending = _sorted(call, rows.index, descending=rows.descending)
    return Selection(index, keep=lambda row: all(test(row) for test in tests), descending=descending)


def _sorted(call: Asked, rows: Ordered[Content], *, descending: bool) -> tuple[Ordered[Content], bool]:
    """Return the rows in the order asked for; of two orders the one by date comes first (inferred)."""
    for name, key in _KEYS.items():
        way = call.query.get(name)
        if way is None:
            continue
        if way.lower() not in _ORDERS:
            raise ApiError(20001, f"{name} must be asc or desc")
        return _numbered(sorted(rows, key=lambda row: (key(row), row.seq))), way.lower() == "desc"
    return rows, descending


def _numbered(rows: Iterable[Content]) -> Ordered[Content]:
    found: Ordered[Content] = Ordered()
    for at, row in enumerate(rows):
        found.add(at, row)
    return found


def _texts(call: Asked) -> Iterable[Test]:
    if name := _pattern(call, "ContentName"):
        yield lambda row: name(row.friendly_name)
    if text := _pattern(call, "Content"):
        yield lambda row: any(text(one) for one in placeholders.texts(row.types))


def _pattern(call: Asked, name: str) -> Callable[[str], bool] | None:
    value = call.query.get(name)
    if not value:
        return None
    pattern = _understood(name, lambda: Pattern(value))
    return lambda text: _understood(name, lambda: pattern.fits(text))


def _understood(name: str, deed: Callable[[], R]) -> R:
    try:
        return deed()
    except PatternError as error:
        raise ApiError(20001, f"{name} is no pattern that can be searched for: {error}") from error


def _dates(call: Asked) -> Iterable[Test]:
    after, before = (fields.date(call.query, f"DateCreated{end}", 20001) for end in ("After", "Before"))
    if after is not None:
        yield lambda row: row.date_created >= after
    if before is not None:
        yield lambda row: row.date_created <= before


def _words(call: Asked) -> Iterable[Test]:
    if languages := set(call.query.all("Language")):
        yield lambda row: row.language in languages
    if types := set(call.query.all("ContentType")):
        yield lambda row: not types.isdisjoint(row.types)


def _eligible(call: Asked) -> Iterable[Test]:
    wanted = call.query.all("ChannelEligibility")
    for one in wanted:
        channel, colon, status = one.partition(":")
        if channel != "whatsapp" or not colon or status not in ("unsubmitted", *approvals.STATUSES):
            raise ApiError(20001, "ChannelEligibility is whatsapp: and a status")
    if wanted:
        yield lambda row: f"whatsapp:{approvals.shown(call.store, row)['status']}" in wanted
