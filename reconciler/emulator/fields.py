"""Rules of single fields: turns a form's text into a checked value or Twilio's refusal. Pure.

Sources: limits and messages of the error pages, the OpenAPI descriptions of the parameters, and for
``FriendlyName`` and ``UniqueName`` observed behaviour.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import ApiError
from .wire import date_seconds

if TYPE_CHECKING:
    from .wire import Form

CONVERSATION_ATTRIBUTES_BYTES = 16 * 1024
SMALL_ATTRIBUTES_BYTES = 4 * 1024
NAME_CHARS = 256
_DURATION = re.compile(
    r"P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", re.ASCII
)
_UNIT_S = (7 * 86_400, 86_400, 3_600, 60, 1)


def text(form: Form, name: str, too_long: int, limit: int = NAME_CHARS) -> str | None:
    """Return a text of at most ``limit`` characters; ``too_long`` is the code for more."""
    value = form.get(name)
    if value is not None and len(value) > limit:
        raise ApiError(too_long)
    return value


def strict_json(value: str) -> Any:
    """Return the value of a JSON text. Raises ValueError for anything RFC 8259 does not allow."""
    try:
        return json.loads(value, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def sound_json(value: str) -> Any:
    """Return the value of a JSON text whose texts can be sent on. Raises ValueError for half characters."""
    found = strict_json(value)
    json.dumps(found, ensure_ascii=False).encode()
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def attributes(value: str | None, limit_bytes: int, echo: str) -> str | None:
    """Return the text to keep: as sent, unless a switch normalises. Refuses 50304 and 50303."""
    if value is None or value == "{}":
        return value
    if len(value.encode("utf-8", "replace")) > limit_bytes:
        raise ApiError(50303)
    try:
        parsed = strict_json(value)
    except ValueError as error:
        raise ApiError(50304) from error
    if echo == "verbatim":
        return value
    return json.dumps(parsed, separators=(",", ":"), sort_keys=echo == "sorted", ensure_ascii=False)


def duration_s(value: str) -> float:
    """Return the seconds of an ISO 8601 duration in weeks, days and times of day.

    Years and months have no fixed length and are refused (inferred). Raises ValueError.
    """
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is no duration")
    return sum(float(count or 0) * unit for count, unit in zip(found.groups(), _UNIT_S, strict=True))


def timer_s(value: str, minimum_s: float, not_iso: int, too_short: int) -> float | None:
    """Return a timer's seconds; ``PT0S`` is None: no timer (documented, error pages 50375–50380)."""
    try:
        seconds = duration_s(value)
    except ValueError as error:
        raise ApiError(not_iso) from error
    if seconds == 0:
        return None
    if not minimum_s <= seconds < 10**10:
        raise ApiError(too_short if seconds < minimum_s else not_iso)
    return seconds


def inactive_timer_s(value: str) -> float | None:
    """Return ``Timers.Inactive``: at least 1 minute."""
    return timer_s(value, 60, 50379, 50375)


def closed_timer_s(value: str) -> float | None:
    """Return ``Timers.Closed``: at least 10 minutes."""
    return timer_s(value, 600, 50380, 50376)


def dates(form: Form) -> dict[str, int]:
    """Return the dates a caller sets itself (an import may): 50308 and 50309 when they are none."""
    found: dict[str, int] = {}
    for name, key, code in (("DateCreated", "date_created", 50308), ("DateUpdated", "date_updated", 50309)):
        value = date(form, name, code)
        if value is not None:
            found[key] = value
    return found


def date(form: Form, name: str, code: int) -> int | None:
    """Return the seconds of a date, or of a date and time; ``code`` refuses any other text."""
    value = form.get(name)
    if value is None:
        return None
    try:
        return date_seconds(value)
    except (ValueError, OverflowError) as error:
        raise ApiError(code, f"{name} is not a valid ISO 8601 date") from error


def sid(form: Form, name: str, prefix: str, code: int) -> str | None:
    """Return a SID of this prefix; ``code`` refuses any other text."""
    value = form.get(name)
    if value is not None and not is_sid(value, prefix):
        raise ApiError(code)
    return value


def is_sid(value: str, prefix: str) -> bool:
    """Tell whether a text is two letters and 32 hexadecimal digits."""
    return re.fullmatch(prefix + "[0-9a-fA-F]{32}", value) is not None


def identity(value: str) -> str:
    """Return a checked identity (50204, 50207, 50206, 50203)."""
    if not value:
        raise ApiError(50204)
    if len(value) > NAME_CHARS:
        raise ApiError(50207)
    if is_sid(value, "US"):
        raise ApiError(50206)
    if value.lower() == "system":
        raise ApiError(50203)
    return value


def whole_number(value: str, code: int) -> int:
    """Return a number of 0 or more, or refuse with ``code``."""
    if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise ApiError(code)
    return int(value)


def flag(form: Form, name: str) -> bool | None:
    """Return a boolean parameter, in any letter case."""
    value = form.get(name)
    if value is None:
        return None
    if value.lower() not in ("true", "false"):
        raise ApiError(20001, f"{name} must be true or false")
    return value.lower() == "true"


def web_url(value: str, code: int) -> str:
    """Return an absolute http or https URL, or refuse with ``code``."""
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise ApiError(code) from error
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ApiError(code)
    return value


def http_method(value: str) -> str:
    """Return GET or POST, given in any letter case, or refuse with 50055."""
    if value.upper() not in ("GET", "POST"):
        raise ApiError(50055)
    return value.upper()
