"""The front door: turns the first bytes of a connection into plain HTTP, a tunnel to Twilio, or a refusal.

A client that was told of a proxy asks it for a tunnel: ``CONNECT conversations.twilio.com:443``. Here every
tunnel ends in this very process, behind TLS of the emulator's own authority, and what comes out of it is
served like any other call. Only Twilio's hosts get one. Nothing in here opens a connection.
"""

from __future__ import annotations

import asyncio
import re
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from reconciler.emulator.errors import AuthorityError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

DOMAINS = ("twilio.com", "twil.io")
_ASK = b"CONNECT "
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(r"CONNECT (\S+) HTTP/1\.[01]\s*")
_TWILIOS = re.compile(
    rf"((?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,6}}(?:{'|'.join(map(re.escape, DOMAINS))})):443",
    re.IGNORECASE,
)
_HEAD_BYTES = 16_384
_ACCEPTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
NO_FORWARDING = "This is an emulator of Twilio: it forwards nothing."


@dataclass(frozen=True, slots=True)
class Hall:
    """What is behind the front door: where connections lead, and those that `server` does not see.

    `speak` makes who speaks HTTP on one: plain for '', else inside a tunnel to that host. `tls` is the TLS of
    a host, or raises AuthorityError. Whoever takes longer than `timeout_s` to begin is cut off.
    """

    speak: Callable[[str], asyncio.Protocol]
    tls: Callable[[str], ssl.SSLContext]
    timeout_s: float = 30.0
    waiting: set[Entrance] = field(default_factory=set)
    tunnels: weakref.WeakSet[asyncio.Transport] = field(default_factory=weakref.WeakSet)

    def entrance(self) -> Entrance:
        """Return what a new connection meets."""
        return Entrance(self)

    def dismiss(self) -> None:
        """Cut off whoever waits."""
        for entrance in tuple(self.waiting):
            entrance.abort()

    def abort(self) -> None:
        """Cut every tunnel, also where TLS still waits for the other side to say good-bye."""
        for transport in tuple(self.tunnels):
            transport.abort()


def misdirected(target: str, host: str, inside: str) -> tuple[int, str] | None:
    """Return status and text of the refusal of a request that is not for whom its connection leads to.

    `target` and `host` are the request's own words; `inside` is the host of the tunnel it came by, or ''.
    """
    if not target.startswith(("/", "*")):  # what is asked of a proxy without a tunnel
        return 403, f"{NO_FORWARDING} It answers CONNECT for https, of Twilio's hosts alone."
    if inside and host.lower() not in (inside, f"{inside}:443"):
        return 421, f"This tunnel leads to {inside}, and to no other host."
    return None


class Entrance(asyncio.Protocol):
    """One connection until it is known who speaks on it."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._loop = asyncio.get_running_loop()
        self._seen = bytearray()
        self._entering: asyncio.Task[None] | None = None
        self._is_refused = False
        self._is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._timer = self._loop.call_later(self._hall.timeout_s, self.abort)
        self._hall.waiting.add(self)

    def data_received(self, data: bytes) -> None:
        """Look at what has come so far; what comes out of a tunnel is kept for who will speak there."""
        if self._is_refused:
            return
        self._seen += data
        if self._entering:
            return
        if not self._seen.startswith(_ASK[: len(self._seen)]):
            self._hand_over(self._transport, "")
        elif end := _END_OF_HEAD.search(self._seen):
            self._decide(self._seen[: end.start()].decode("latin-1"), is_early=end.end() < len(self._seen))
        elif len(self._seen) > _HEAD_BYTES:
            self._refuse("431 Request Header Fields Too Large", "The head of a CONNECT is too long.")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface's
        """End, whatever was the reason."""
        self._is_lost = True
        self._leave()

    def abort(self) -> None:
        """Cut the connection."""
        if self._entering:
            self._entering.cancel()
        self._transport.abort()
        self._leave()

    def _leave(self) -> None:
        self._timer.cancel()
        self._hall.waiting.discard(self)

    def _decide(self, head: str, *, is_early: bool) -> None:
        line = _REQUEST_LINE.fullmatch(head.split("\n", 1)[0])
        host = _TWILIOS.fullmatch(line[1]) if line else None
        if line is None:
            self._refuse("400 Bad Request", "This is no CONNECT of HTTP/1.")
        elif host is None:
            says = "It tunnels to *.twilio.com:443 and *.twil.io:443 only."
            self._refuse("403 Not Twilio, and nothing is forwarded", f"{NO_FORWARDING} {says}")
        elif is_early:
            self._refuse("400 Bad Request", "What is for the tunnel was sent before there was one.")
        else:
            self._accept(host[1].lower())

    def _accept(self, host: str) -> None:
        try:
            context = self._hall.tls(host)
        except AuthorityError as fault:
            self._refuse("503 Service Unavailable", str(fault))
            return
        self._transport.pause_reading()  # what comes next is for TLS
        self._transport.write(_ACCEPTED)
        self._seen.clear()
        self._entering = self._loop.create_task(self._enter(context, host))

    async def _enter(self, context: ssl.SSLContext, host: str) -> None:
        # TLS hands on what it reads at once, maybe before this task goes on: hence to us, who keep it.
        try:
            inner = await self._loop.start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=self._hall.timeout_s
            )
        except OSError:  # it does not trust us, which it says itself, asks for another name, or is no TLS
            self.abort()
            return
        if inner is None or inner.is_closing() or self._is_lost:
            self.abort()
            return
        self._hall.tunnels.add(self._transport)
        self._hand_over(inner, host)

    def _hand_over(self, transport: asyncio.Transport, host: str) -> None:
        self._leave()
        speaker = self._hall.speak(host)
        transport.set_protocol(speaker)
        speaker.connection_made(transport)
        if self._seen:
            speaker.data_received(bytes(self._seen))

    def _refuse(self, status: str, text: str) -> None:
        """Say no, and let the other side close: what it still sends must not cost it the answer."""
        self._is_refused = True
        body = f"{text}\n".encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}"
        self._transport.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
        self._transport.write_eof()
