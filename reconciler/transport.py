"""A request → an answer over the network: the one place that opens a socket.

The SDK's own asynchronous client drops its time-out and proxy, mis-encodes JSON and multipart, and logs
phone numbers; this one takes and gives bytes and logs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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
    """The real thing, over aiohttp; proxies are taken from the environment (``HTTPS_PROXY``)."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Network:
        import aiohttp

        self._session = aiohttp.ClientSession(
            trust_env=True, auto_decompress=True, cookie_jar=aiohttp.DummyCookieJar()
        )
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
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as answer:
                return answer.status, dict(answer.headers), await answer.read()
        except aiohttp.ClientConnectorError as fault:
            raise TransportError(f"cannot connect to {fault.host}:{fault.port}", sent=False) from fault
        except TimeoutError as fault:
            raise TransportError(f"no answer within {timeout_s:g} s", sent=True) from fault
        except aiohttp.ClientError as fault:
            raise TransportError(f"the connection broke: {type(fault).__name__}", sent=True) from fault
