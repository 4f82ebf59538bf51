"""One HTTP answer → a row, or Twilio's refusal as ours; whether it says absence, and how long to wait.

What answers may be a proxy, or worse: nothing of an answer is trusted to be what Twilio writes.
"""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.diagnostics import ApiError

if TYPE_CHECKING:
    from twilio.http.response import Response

    from reconciler.step import Row

NOT_FOUND = 20404
NOT_TWILIO = "Is this Twilio, or a proxy in between?"
_SID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What can be a segment of a path and a part of a file's name. Twilio's are stricter."""


def row_of(method: str, url: str, text: str) -> Row:
    """Return what an answer holds. Raises ApiError where that is no JSON, or nothing that Twilio writes."""
    try:
        row = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        summary = f"{method} {shown(url)}: the answer is no JSON"
        raise ApiError(summary, NOT_TWILIO, ambiguous=method != "GET") from None
    return checked_row(method, url, row) if isinstance(row, dict) else {"value": row}


def checked_row(method: str, url: str, row: Any) -> Row:
    """Return a row if it is one. Raises ApiError where it is not, or what names it could lead elsewhere."""
    sid = row.get("sid") if isinstance(row, dict) else ()
    if sid is not None and not (isinstance(sid, str) and _SID.fullmatch(sid)):
        summary = f"{method} {shown(url)}: the answer is not what Twilio writes"
        raise ApiError(summary, NOT_TWILIO, ambiguous=method != "GET")
    return dict(row)


# --- refusals ----------------------------------------------------------------------------------------------

_ADVICE = {
    20003: "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET).",
    20008: "Test credentials do not reach Conversations: use live ones, or --local.",
    70051: "This API key lacks a permission; use a standard key or the auth token.",
    50416: "Another open conversation holds this address and proxy: close it or choose another sender.",
    50353: "Another conversation has this unique_name; closed ones keep theirs until they are deleted.",
    50361: "A conversation holds five webhooks at most; others may have added some.",
}


_TROUBLE = "Twilio has trouble answering: try again later, or look at status.twilio.com."


def translate(method: str, url: str, answer: Response) -> ApiError:
    """Return Twilio's refusal as ours. A write answered by 5xx is ambiguous."""
    told = _error_body(answer.text)
    code = told.get("code") if isinstance(told.get("code"), int) else 0
    message = str(told.get("message") or f"HTTP {answer.status_code}")
    number = f" (Twilio error {code})" if code else ""
    return ApiError(
        f"{method} {shown(url)}: {message}{number}",
        _ADVICE.get(
            int(code or 0), str(told.get("more_info") or (_TROUBLE if answer.status_code >= 500 else ""))
        ),
        code=int(code or 0),
        status=answer.status_code,
        ambiguous=method != "GET" and answer.status_code >= 500,
    )


def _error_body(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def shown(url: str) -> str:
    """Return what of a url a message needs: the path behind the version, without the query."""
    path = urlsplit(url).path
    return re.sub(r"^(/[a-z-]+\.twilio\.com)?/v\d+", "", path) or "/"


def is_absence(refusal: ApiError) -> bool:
    """Whether Twilio says that there is no such thing; a 404 without a code is somebody else's."""
    return refusal.code == NOT_FOUND or (refusal.status == 404 and refusal.code != 0)


def retry_after_s(answer: Response) -> float:
    """Return how long the server asks to wait, 0 where it does not; a date counts from the answer's."""
    headers = {name.lower(): str(value).strip() for name, value in (answer.headers or {}).items()}
    asked = headers.get("retry-after", "")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", asked):
        return float(asked)
    try:
        until, now = (parsedate_to_datetime(text) for text in (asked, headers.get("date", "")))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0
