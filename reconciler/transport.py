"""A request → an answer over the network: the one place that opens a socket.

The SDK's own asynchronous client drops its time-out and proxy, mis-encodes JSON and multipart, and logs
phone numbers; this one takes and gives bytes and logs nothing.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp


class TransportError(Exception):
    """No answer came. `sent` is false where the request certainly never reached the other side."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


class Transport(Protocol):
    """Anything that carries one HTTP call: a socket, or an emulator in this process."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return (status, headers, body). Raises TransportError when no answer came."""
        ...


class Network:
    """The real thing, over aiohttp; proxies are those of the environment (``HTTPS_PROXY``), if `proxied`."""

    def __init__(self, *, proxied: bool = True) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._proxied = proxied

    async def __aenter__(self) -> Network:
        import aiohttp

        # Not `trust_env`: with it an entry in ~/.netrc, even `default`, collides with our credentials.
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one call and read its whole answer. Redirects are not followed."""
        import aiohttp
        from yarl import URL

        if self._session is None:
            raise RuntimeError("Network is used inside `async with`")
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                proxy=proxy_for(url) if self._proxied else None,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=timeout_s / 2),
                allow_redirects=False,
            ) as answer:
                return answer.status, dict(answer.headers), await answer.read()
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            before = (
                aiohttp.ClientConnectorError,  # TLS included
                aiohttp.ConnectionTimeoutError,
                aiohttp.ClientHttpProxyError,
                aiohttp.NonHttpUrlClientError,
                ValueError,  # no url at all
            )
            raise TransportError(_told(fault, url, timeout_s), sent=not isinstance(fault, before)) from None


def _told(fault: Exception, url: str, timeout_s: float) -> str:
    """Return what happened in a few words; never the fault's own, which may hold what was sent."""
    place = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(fault, TimeoutError):
        return f"no answer from {place} within {timeout_s:g} s"
    cause = getattr(fault, "os_error", None)
    if isinstance(cause, socket.gaierror):
        return f"the name {place} cannot be resolved"
    if isinstance(cause, OSError) and isinstance(cause.errno, int) and cause.errno > 0:
        return f"cannot connect to {place}: {os.strerror(cause.errno).lower()}"
    return f"no answer from {place}: {type(fault).__name__}"


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a url, None where it names none."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return proxy if proxy and parts.hostname and not proxy_bypass(parts.hostname) else None
