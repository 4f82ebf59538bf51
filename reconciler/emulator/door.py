"""The in-process door: turns a client's coroutine call into ``handle``, as if a server stood between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .handle import handle
from .wire import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .store import Store


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
