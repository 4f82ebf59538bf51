"""Deployed domains: turns a request to ``….twil.io`` into an asset, or into why there is none.

Documented: whoever asks gets what is public; what is protected needs a valid ``X-Twilio-Signature`` (403);
what is private is reached by functions alone. Functions are deployed here and not run: a loud 501.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

from reconciler.emulator.callbacks.signatures import signature
from reconciler.emulator.errors import ApiError
from reconciler.emulator.wire import Response, error_response, form_of

from .builds import versions_of
from .rows import Build

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

    from .rows import Version


def is_site(host: str) -> bool:
    """Tell whether a host is where functions and assets are served."""
    return host.endswith(".twil.io")


def served(store: Store, request: Request, host: str, number: int) -> Response:
    """Answer a request to a domain; nobody needs credentials there."""
    try:
        return _asset(request, _found(store, request, host))
    except ApiError as error:
        return error_response(error, store.switches, number, {"X-API-Domain": host})


def _found(store: Store, request: Request, host: str) -> Version:
    """Return what stands at the path and may be seen by who asks."""
    environment = store.index.serverless.domain.get(host)
    if environment is None:
        raise ApiError(20501, f"{host} is not emulated: no environment of this world has that domain")
    path = request.target.partition("?")[0]
    build = store.index.rows.get(environment.build_sid or "")
    versions = versions_of(store, build) if isinstance(build, Build) else []
    found = next((one for one in versions if one.path == path), None)
    if found is None or found.visibility == "private":
        raise ApiError(20404, f"Nothing that can be asked for is deployed at {path} of {host}")
    if found.visibility == "protected" and not _is_signed(store, request):
        raise ApiError(20403, f"{path} is protected: it needs a valid X-Twilio-Signature")
    if found.type == "function":
        raise ApiError(20501, f"{path} is a function, and functions are deployed here, but not run")
    return found


def _is_signed(store: Store, request: Request) -> bool:
    url = f"{request.scheme}://{request.host}{request.target}"
    given = request.headers.get("x-twilio-signature", "")
    if not (url + given).isascii():  # as no signed call of Twilio's is
        return False
    wanted = signature(store.account.auth_token, url, dict(form_of(request).pairs()))
    return hmac.compare_digest(wanted, given)


def _asset(request: Request, row: Version) -> Response:
    if request.method not in ("GET", "HEAD"):
        raise ApiError(20004)
    body = b"" if request.method == "HEAD" else base64.b64decode(row.content)
    return Response(200, {"Content-Type": row.content_type}, body)
