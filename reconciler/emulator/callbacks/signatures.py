"""What proves that a call is Twilio's: turns a call's URL and parameters into ``X-Twilio-Signature``. Pure.

Documented (security of webhooks): HMAC-SHA1 with the account's auth token over the URL as it is called,
followed by every parameter of the form, name and value, in the order of the names. With GET the parameters
are in the URL and nothing follows it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, urldefrag, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = "%/:?#[]@!$&'()*+,;=~"


def signature(token: str, url: str, parameters: Mapping[str, str]) -> str:
    """Return the signature of a call of this URL with these parameters in its form."""
    text = url + "".join(f"{name}{parameters[name]}" for name in sorted(parameters))
    # SHA-1 is what Twilio signs with.
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def called_url(url: str, method: str, parameters: Mapping[str, str]) -> str:
    """Return a URL as it goes over the wire, which is what a receiver can check: GET carries parameters."""
    bare = quote(urldefrag(url).url, safe=_KEPT)
    parts = urlsplit(bare)
    bare = bare if parts.path else parts._replace(path="/").geturl()
    if method != "GET" or not parameters:
        return bare
    return f"{bare}{'&' if parts.query else '?'}{urlencode(parameters)}"
