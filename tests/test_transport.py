"""The one place that opens a socket carries bytes, follows nothing, and knows whether a request was sent."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from reconciler.transport import Network, TransportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from pathlib import Path

PASSWORD = "correct horse"
BASIC = "Basic " + base64.b64encode(f"AC1:{PASSWORD}".encode()).decode()
NUMBER = "+15550100301"
EVERY_BYTE = bytes(range(256))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy and no netrc of the machine plays a part."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


@asynccontextmanager
async def server(handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """Serve HTTP on a free loopback port; gives the url."""
    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def bare_server(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
) -> AsyncIterator[str]:
    """Serve whatever `handle` does with a connection; gives host and port."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(closing, "127.0.0.1", 0)
    async with listening:
        yield "127.0.0.1:{1}".format(*listening.sockets[0].getsockname())


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """Read one request, body included, and return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = [int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:")]
    await reader.readexactly(length[0] if length else 0)
    return head


def fault_of(call: Coroutine[Any, Any, Any]) -> TransportError:
    with pytest.raises(TransportError) as caught:
        asyncio.run(call)
    return caught.value


def test_bytes_go_out_and_come_in_unchanged() -> None:
    """Method, path, query, headers and body arrive as given, and so does the answer."""
    seen: dict[str, Any] = {}

    async def handle(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        seen.update(method=request.method, target=request.raw_path, body=body, headers=dict(request.headers))
        return web.Response(status=201, body=body[::-1], headers={"X-Told": "a"})

    async def play() -> tuple[int, Any, bytes]:
        async with server(handle) as url, Network() as network:
            headers = {"Authorization": BASIC, "Content-Type": "x/y"}
            target = f"{url}/v1/a%2Fb/%2E%2E/c%20d?x=1%2B2&y=%C3%BC"
            return await network.send("POST", target, headers, EVERY_BYTE, 5.0)

    status, headers, body = asyncio.run(play())

    assert (status, headers["X-Told"], body) == (201, "a", EVERY_BYTE[::-1])
    assert (seen["method"], seen["target"]) == ("POST", "/v1/a%2Fb/%2E%2E/c%20d?x=1%2B2&y=%C3%BC")
    assert seen["body"] == EVERY_BYTE
    assert (seen["headers"]["Authorization"], seen["headers"]["Content-Type"]) == (BASIC, "x/y")


def test_redirects_and_cookies_are_not_taken() -> None:
    """Credentials go where they were sent and nowhere else, and no call leaves a trace in the next."""
    seen: list[tuple[str, str | None]] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append((request.raw_path, request.headers.get("Cookie")))
        return web.Response(status=307, headers={"Location": "/elsewhere", "Set-Cookie": "a=b"})

    async def play() -> list[int]:
        async with server(handle) as url, Network() as network:
            here = url.replace("127.0.0.1", "localhost")  # cookies of bare addresses are dropped anyway
            return [(await network.send("GET", f"{here}/here", {}, b"", 5.0))[0] for _ in range(2)]

    assert asyncio.run(play()) == [307, 307]
    assert seen == [("/here", None), ("/here", None)]


def test_the_netrc_of_the_machine_plays_no_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials for all hosts, kept there for other programs, neither replace ours nor get in the way."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str | None] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response()

    async def play() -> None:
        async with server(handle) as url, Network() as network:
            await network.send("GET", url, {"Authorization": BASIC}, b"", 5.0)

    asyncio.run(play())

    assert seen == [BASIC]


def test_a_refused_connection_was_not_sent() -> None:
    """Nobody listens, so nothing can have happened."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:{1}/".format(*taken.getsockname())

        async def play() -> None:
            async with Network() as network:
                await network.send("POST", url, {}, b"x", 5.0)

        fault = fault_of(play())

    assert not fault.sent


def test_an_answer_that_does_not_come_was_sent() -> None:
    """After the time-out nobody can tell what became of the request."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        await request_of(reader)
        await reader.read()

    async def play() -> None:
        async with bare_server(silent) as place, Network() as network:
            await network.send("POST", f"http://{place}/", {}, b"x", 0.05)

    fault = fault_of(play())

    assert fault.sent
    assert str(fault).endswith("within 0.05 s")


def test_a_connection_that_is_never_made_was_not_sent() -> None:
    """A TLS handshake that nobody answers has let no request through."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        await reader.read()

    async def play() -> None:
        async with bare_server(silent) as place, Network() as network:
            await network.send("POST", f"https://{place}/", {}, b"x", 0.1)

    assert not fault_of(play()).sent


def test_a_broken_tls_handshake_was_not_sent() -> None:
    """The other side speaks no TLS."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def play() -> None:
        async with bare_server(plain) as place, Network() as network:
            await network.send("POST", f"https://{place}/", {}, b"x", 5.0)

    assert not fault_of(play()).sent


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["dropped", "cut short", "no http", "no gzip", "no chunk"],
)
def test_a_broken_answer_was_sent(answer: bytes) -> None:
    """Whatever is wrong with the answer, the request may have done its work."""

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(answer)
        await writer.drain()

    async def play() -> None:
        async with bare_server(broken) as place, Network() as network:
            await network.send("POST", f"http://{place}/", {}, b"x", 5.0)

    assert fault_of(play()).sent


@pytest.mark.parametrize(
    "url", ["http://", "http:///x", "nonsense", "ftp://127.0.0.1/", "http://u:p@127.0.0.1:1/"]
)
def test_a_url_that_cannot_be_asked_was_not_sent(url: str) -> None:
    """A mistyped endpoint is a fault of the transport too, not a traceback."""

    async def play() -> None:
        async with Network() as network:
            await network.send("GET", url, {"Authorization": BASIC}, b"", 5.0)

    assert not fault_of(play()).sent


def test_a_proxy_that_refuses_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy named by the environment is used, and its refusal is told without its credentials."""
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await request_of(reader))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def play() -> None:
        async with bare_server(proxy) as place, Network() as network:
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PASSWORD.replace(' ', '')}@{place}")
            await network.send(
                "POST", "https://conversations.twilio.com/", {"Authorization": BASIC}, b"", 5.0
            )

    fault = fault_of(play())

    assert not fault.sent
    assert [head.split(b"\r\n")[0] for head in heads] == [b"CONNECT conversations.twilio.com:443 HTTP/1.1"]
    assert PASSWORD.replace(" ", "") not in "".join(traceback.format_exception(fault))
    assert BASIC.encode() not in heads[0]


def repeats(method: str, *, kept: bool) -> int:
    """Return how often a request arrives whose connection, new or kept from a call before, is dropped."""
    arrived: list[bytes] = []

    async def dropping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            arrived.append((await request_of(reader)).split(b" ", 1)[0])
            if arrived[-1].decode() == method:
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()

    async def play() -> None:
        async with bare_server(dropping) as place, Network() as network:
            if kept:
                await network.send("HEAD", f"http://{place}/", {}, b"", 5.0)
            await network.send(method, f"http://{place}/", {}, b"x", 5.0)

    assert fault_of(play()).sent
    return arrived.count(method.encode())


@pytest.mark.parametrize("kept", [False, True])
def test_a_post_is_never_sent_twice(kept: bool) -> None:
    """A dropped connection, new or kept alive, is told and not made good: the write may have happened."""
    assert repeats("POST", kept=kept) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_aiohttp_repeats_what_is_idempotent_once(method: str) -> None:
    """By itself: that is why a DELETE that finds nothing is done, and why a PUT holds the whole row."""
    assert repeats(method, kept=True) == 2


def test_nothing_is_logged_and_no_text_holds_credentials(caplog: pytest.LogCaptureFixture) -> None:
    """Faults name a place and a sort of fault; never a header or a body."""

    async def dropping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        await request_of(reader)

    async def play() -> None:
        async with bare_server(dropping) as place, Network() as network:
            await network.send("POST", f"http://{place}/", {"Authorization": BASIC}, NUMBER.encode(), 5.0)

    logging.getLogger("aiohttp").setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        fault = fault_of(play())
    texts = "".join([repr(fault), *traceback.format_exception(fault), caplog.text])

    assert BASIC.partition(" ")[2] not in texts
    assert NUMBER not in texts
    assert [record for record in caplog.records if record.name.startswith(("aiohttp", "twilio"))] == []


def test_a_network_is_used_inside_its_block() -> None:
    """Outside there is no session to send with."""
    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(Network().send("GET", "http://127.0.0.1/", {}, b"", 1.0))
