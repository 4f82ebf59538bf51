"""The in-process doors: turn a client's call into ``handle``, as if a server stood between.

``InProcess`` is for clients that speak HTTP in coroutines, ``ask`` for scripts and tests that want an answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from .handle import handle
from .wire import FORM_TYPE, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .store import Account, Store


class InProcess:
    """An asynchronous way into a world without a socket."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,  # noqa: ARG002 - the signature of every door; nothing here waits
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of the answer to one request."""
        await asyncio.sleep(0)  # a call over a network lets others run; so does this one
        response = handle(self._store, request_to(method, url, headers, body))
        return response.status, dict(response.headers), response.body


def request_to(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Return the request that a client sends for an absolute URL."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lower = {name.lower(): value for name, value in headers.items()}
    return Request(method.upper(), target, lower, body, parts.scheme, parts.netloc)


def authorization(account: Account) -> str:
    """Return the Authorization header of an account's own credentials."""
    return "Basic " + base64.b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()


def ask(
    store: Store,
    method: str,
    url: str,
    form: Mapping[str, str | Sequence[str]] | None = None,
) -> tuple[int, Any]:
    """Return status and parsed body of one call with the account's credentials.

    ``url`` is absolute, or begins with ``/`` and is taken below ``https://conversations.twilio.com/v1``.
    """
    absolute = f"https://conversations.twilio.com/v1{url}" if url.startswith("/") else url
    headers = {"Authorization": authorization(store.account), "Content-Type": FORM_TYPE}
    body = urlencode(form or {}, doseq=True).encode()
    response = handle(store, request_to(method, absolute, headers, body))
    return response.status, json.loads(response.body) if response.body else None
