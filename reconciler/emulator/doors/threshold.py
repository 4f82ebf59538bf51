"""The head of a request on the socket → why it is not answered, before any of its body is read.

The port is open to every page that a browser on this machine shows, and the emulator's credentials are
known to all. So a page of another origin is refused, and so is a name that is not this machine's or Twilio's:
a page may have its own name resolve to 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from reconciler.emulator.control.routes import PREFIX

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_OURS = re.compile(
    r"(?:127\.0\.0\.1|localhost|\[::1\]|(?:[a-z0-9-]+\.)+(?:twilio\.com|twil\.io))(?::\d+)?", re.IGNORECASE
)
_SINGLE = ("Host", "Origin", "Authorization")


def refusal(headers: CIMultiDictProxy[str], path: str, host: str) -> tuple[int, str] | None:
    """Return status and text where a request is not answered; `path` and `host` are its own words."""
    if any(len(headers.getall(name, ())) > 1 for name in _SINGLE):
        return HTTPStatus.BAD_REQUEST, f"Each of {', '.join(_SINGLE)} comes once."
    if not _OURS.fullmatch(host):
        return HTTPStatus.FORBIDDEN, "This port answers to 127.0.0.1, localhost and Twilio's names only."
    if headers.get("Origin", f"http://{host}").lower() != f"http://{host}".lower():
        return HTTPStatus.FORBIDDEN, "Pages of another origin are not answered."
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin") and not _is_link(headers, path):
        return HTTPStatus.FORBIDDEN, "Pages of another site are not answered."
    if path.startswith(PREFIX) and "X-Twilio-Signature" in headers:
        return HTTPStatus.FORBIDDEN, "Webhooks are no way to the emulator's own paths."
    if headers.get("Content-Encoding", "identity") != "identity":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send bodies as they are, without Content-Encoding."
    return None


def _is_link(headers: CIMultiDictProxy[str], path: str) -> bool:
    """Tell whether somebody follows a link to the page; what it shows is out of reach of where they were."""
    return path.partition("?")[0] == "/" and headers.get("Sec-Fetch-Mode") == "navigate"
