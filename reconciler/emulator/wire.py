"""The edge of HTTP: bytes into ``Request`` and ``Form``, payloads and refusals into ``Response``.

Nothing here knows a resource. Source: OpenAPI (form bodies with dotted and repeated names, JSON answers, 204
on delete) and captured responses (error body, headers, whole-second dates).
"""

from __future__ import annotations

import base64
import binascii
import functools
import http
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from .errors import CODES, ApiError, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .switches import Switches

FORM_TYPE = "application/x-www-form-urlencoded"
_HEADERS = {
    "Content-Type": "application/json;charset=utf-8",
    "Twilio-Concurrent-Requests": "1",
    "Twilio-Request-Duration": "0.001",
    "X-API-Domain": "conversations.twilio.com",
    "X-Home-Region": "us1",
    "X-Powered-By": "AT-5000",
    "X-Shenanigans": "none",
    "Strict-Transport-Security": "max-age=31536000",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, If-Match, Idempotency-Key",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "ETag",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it arrived: ``target`` is the raw path and query, ``headers`` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"
    host: str = "localhost"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, complete but for what the transport adds (length, date, connection)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Form:
    """Decoded parameters of a query or a body: names in Twilio's spelling, values in order."""

    __slots__ = ("_values",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    @classmethod
    def parsed(cls, text: str) -> Form:
        """Return the parameters of an urlencoded text; undecodable bytes become U+FFFD."""
        return cls(parse_qsl(text, keep_blank_values=True, errors="replace") if text else ())

    def get(self, name: str) -> str | None:
        """Return the first value, or None when the name is absent (an empty value is '')."""
        found = self._values.get(name)
        return found[0] if found else None

    def all(self, name: str) -> list[str]:
        """Return every value of a repeated name."""
        return list(self._values.get(name, ()))

    def has_any(self, names: Iterable[str]) -> bool:
        """Tell whether one of the names is present."""
        return any(name in self._values for name in names)

    def pairs(self) -> list[tuple[str, str]]:
        """Return everything as it was, repeated names repeated."""
        return [(name, value) for name, values in self._values.items() for value in values]

    def __contains__(self, name: object) -> bool:
        return name in self._values


def form_of(request: Request) -> Form:
    """Return the body's parameters; a body of another type than a form carries none."""
    if request.method != "POST" or not request.body:
        return Form()
    kind = request.headers.get("content-type", FORM_TYPE)
    if not kind.lower().startswith(FORM_TYPE):
        return Form()
    return Form.parsed(request.body.decode("utf-8", "replace"))


def credentials_of(request: Request) -> tuple[str, str] | None:
    """Return the user name and password of HTTP Basic, or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon else None


def json_response(
    status: int, payload: Any, call_number: int, extra: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with Twilio's headers; no payload is an empty body (204)."""
    headers = {**_HEADERS, "Twilio-Request-Id": f"RQ{call_number:032x}", **(extra or {})}
    body = b"" if payload is None else json.dumps(payload, separators=(",", ":")).encode()
    return Response(status, headers, body)


def error_body(status: int, code: int | None, message: str | None = None) -> dict[str, Any]:
    """Return Twilio's error body; without a code, as some 5xx are (observed), it has no page to point at."""
    if code is None:
        return {"message": message or http.HTTPStatus(status).phrase, "status": status}
    known = CODES.get(code)
    return {
        "code": code,
        "message": message or (known.text if known else f"Error {code}"),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def error_response(
    error: ApiError, switches: Switches, call_number: int, headers: Mapping[str, str] | None = None
) -> Response:
    """Turn a refusal into Twilio's error body ``{code, message, more_info, status}``: only here."""
    status = status_of(error.code, switches)
    payload = error_body(status, error.code, error.message)
    answer = json_response(status, payload, call_number, headers)
    extra: dict[str, str] = {}
    if error.code == 20003:
        extra["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    if CODES[error.code].status == 429 and switches.retry_after_s is not None:
        extra["Retry-After"] = str(switches.retry_after_s)
    return Response(status, {**answer.headers, **extra}, answer.body)


@functools.lru_cache(maxsize=4096)
def date_text(at_s: int) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SSZ``: whole seconds, the only form Twilio's SDKs parse."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def date_seconds(text: str) -> int:
    """Return the seconds of an ISO 8601 date or date and time (UTC unless it says otherwise).

    Raises ValueError when it is neither.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
