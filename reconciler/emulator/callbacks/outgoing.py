"""The way out: turns a call into an answer over a socket to this machine, and to no other unless it may.

It follows no redirect, keeps no cookie, asks no proxy of the environment. Where a connection leads is checked
when it is made: of names only ``localhost`` is known, and nothing is looked up. Whoever lets calls leave this
machine gets the system's names and every address.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from .deliveries import ANSWER_BYTES, Answer, Unanswered, is_loopback

if TYPE_CHECKING:
    from .deliveries import Deliveries, Sent

_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class _Here(AbstractResolver):
    """Names of this machine: ``localhost`` alone."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises OSError for every other name."""
        if not is_loopback(host):
            raise OSError(errno.EACCES, f"{host} is not this machine")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
            for kind, address in _LOOPBACK
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _socket_here(info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, address = info
    if not is_loopback(str(address[0])):
        raise OSError(errno.EACCES, f"{address[0]} is not this machine")
    return socket.socket(family=family, type=kind, proto=protocol)


class Outside:
    """Makes calls over sockets; ``close`` it in the end."""

    def __init__(self, deliveries: Deliveries) -> None:
        allowed = deliveries.allow_external
        connector = aiohttp.TCPConnector(
            limit=0,
            force_close=True,  # one connection a call: none that a receiver is about to close is used again
            resolver=None if allowed else _Here(),
            socket_factory=None if allowed else _socket_here,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # whoever asks has a limit
            trust_env=False,
        )

    async def send(self, sent: Sent) -> Answer:
        """Make one call. Raises Unanswered."""
        try:
            async with self._session.request(
                sent.method,
                URL(sent.url, encoded=True),  # as it was signed
                headers=sent.headers,
                data=sent.body or None,
                allow_redirects=False,
            ) as response:
                body = await _first(response.content)
                return Answer(response.status, dict(response.headers), body)
        except aiohttp.ClientConnectorError as error:
            why = error.os_error.strerror or error.os_error
            raise Unanswered(f"no connection to {error.host}:{error.port}: {why}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unanswered(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Let go of what is open."""
        await self._session.close()


async def _first(content: aiohttp.StreamReader) -> bytes:
    found = bytearray()
    while len(found) < ANSWER_BYTES and (chunk := await content.read(ANSWER_BYTES - len(found))):
        found += chunk
    return bytes(found)
