"""The CONNECT door: clients of Twilio that know of no emulator reach it, and nothing else, by proxy."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from reconciler.emulator import ACCOUNT_SID, Clock, Effect, Rule, Store
from reconciler.emulator.doors.authority import Authority, authority_folder
from reconciler.emulator.doors.environment import variables
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.doors.server import running
from reconciler.emulator.doors.tunnel import Hall
from reconciler.emulator.wire import FORM_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOST = "conversations.twilio.com"
PATIENCE_S = 10.0
Address = tuple[str, int]


@pytest.fixture
def store() -> Store:
    return Store(clock=Clock.frozen())


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note whomever this process connects to or looks up, however it is done."""
    found: list[Any] = []

    def noting(deed: Callable[..., Any], at: int) -> Callable[..., Any]:
        def noted(*words: Any, **names: Any) -> Any:
            found.append(words[at])
            return deed(*words, **names)

        return noted

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, noting(getattr(socket.socket, name), 1))
    monkeypatch.setattr(socket, "getaddrinfo", noting(socket.getaddrinfo, 0))
    return found


@pytest.fixture
def emulator(store: Store, reached: list[Any]) -> Iterator[Address]:
    """Serve a world; that nothing else is ever connected to is seen to at the end."""
    with running(store) as url:
        address = urlsplit(url).hostname or "", urlsplit(url).port or 0
        yield address
    assert {one for one in reached if one != address[0]} <= {address}


@pytest.fixture
def authority() -> Authority:
    return Authority(authority_folder(os.environ, Path.home()))


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    """Return the TLS of a client that trusts our authority alone, and is as strict as can be."""
    authority.ensure()
    context = ssl.create_default_context(cafile=authority.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.fixture
def sdk(emulator: Address, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Return the stock SDK as anybody makes it: all that leads it here is its environment."""
    authority.ensure()
    url = f"http://{emulator[0]}:{emulator[1]}"
    changes = variables("python", url, authority.certificate, authority.bundle, {})
    for name in changes.taken:
        monkeypatch.delenv(name, raising=False)
    for name, value in changes.given.items():
        monkeypatch.setenv(name, value)
    client = Client()
    yield client
    client.http_client.session.close()


def connected(emulator: Address) -> socket.socket:
    return socket.create_connection(emulator, timeout=PATIENCE_S)


def all_of(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def told(emulator: Address, sent: bytes) -> bytes:
    """Return all that is answered to some bytes, after which nothing comes."""
    with connected(emulator) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return all_of(connection)


def serves(emulator: Address, store: Store) -> bool:
    """Whether a plain request is answered."""
    with connected(emulator) as connection:
        connection.sendall(request(store))
        return answer(connection)[0] == 200


def head(target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


def asked(emulator: Address, target: str) -> socket.socket:
    """Return a connection on which a tunnel was granted."""
    connection = connected(emulator)
    connection.sendall(head(target))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        more = connection.recv(1)
        assert more, answer
        answer += more
    assert answer.startswith(b"HTTP/1.1 200 ")
    return connection


@contextmanager
def tunnel(
    emulator: Address, trusting: ssl.SSLContext, target: str = HOST, name: str | None = None
) -> Iterator[ssl.SSLSocket]:
    """Give TLS inside a tunnel to a host; `name` is what TLS asks for, where that is another one."""
    with (
        asked(emulator, f"{target}:443") as raw,
        trusting.wrap_socket(raw, server_hostname=name or target) as inner,
    ):
        yield inner


def request(store: Store, path: str = "/v1/Conversations", host: str = HOST, **form: str) -> bytes:
    """Return a request as it is written: a GET, or a POST of a form."""
    body = urlencode(form)
    lines = [
        f"{'POST' if form else 'GET'} {path} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: {authorization(store.account)}",
        *([f"Content-Type: {FORM_TYPE}", f"Content-Length: {len(body)}"] if form else []),
    ]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def answer(connection: socket.socket) -> tuple[int, Any]:
    """Read one answer, and leave what comes after it."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    text = response.read()
    is_json = "json" in (response.headers["Content-Type"] or "")
    return response.status, json.loads(text) if is_json else text.decode()


# --- the stock SDK -----------------------------------------------------------------------------------------


def test_the_stock_sdk_works_unmodified(sdk: Client, store: Store) -> None:
    """Create, read, update, list and delete, with nothing but variables; urls are Twilio's own."""
    made = sdk.conversations.v1.conversations.create(unique_name="a/b", attributes='{"ü": 1}')
    at = sdk.conversations.v1.conversations(made.sid)
    person = at.participants.create(
        messaging_binding_address="+15550100301", messaging_binding_proxy_address="+15550100200"
    )
    at.update(friendly_name="A")

    assert made.account_sid == ACCOUNT_SID
    assert made.url == f"https://{HOST}/v1/Conversations/{made.sid}"
    assert made.links["participants"] == f"{made.url}/Participants"
    assert [row.sid for row in at.participants.list()] == [person.sid]
    assert sdk.conversations.v1.conversations("a%2Fb").fetch().friendly_name == "A"
    assert at.delete()
    assert store.calls == 6


def test_the_stock_sdk_pages_unmodified(sdk: Client) -> None:
    """It follows next_page_url, which names Twilio, back to us."""
    names = [f"n{n}" for n in range(31)]
    for name in names:
        sdk.conversations.v1.conversations.create(unique_name=name)
    found = list(sdk.conversations.v1.conversations.stream(page_size=10))
    first = sdk.request("GET", f"https://{HOST}/v1/Conversations?PageSize=10")

    assert [row.unique_name for row in found] == names
    assert json.loads(first.text)["meta"]["next_page_url"].startswith(f"https://{HOST}/v1/Conversations?")


def test_the_stock_sdk_sees_twilios_errors(sdk: Client) -> None:
    """A product that is not emulated is told by its name."""
    with pytest.raises(TwilioRestException) as caught:
        sdk.api.v2010.accounts(ACCOUNT_SID).messages.create(to="+15550100301", from_="+15550100200", body="x")

    assert (caught.value.status, caught.value.code) == (501, 20501)
    assert "api.twilio.com is not emulated" in str(caught.value)


# --- whom a tunnel leads to --------------------------------------------------------------------------------

STRANGERS = [
    "evil.com:443",
    "twilio.com.evil.com:443",
    "eviltwilio.com:443",
    "twilio.com:443",
    "twil.io:443",
    "api.twilio.com:80",
    "api.twilio.com:8443",
    "api.twilio.com",
    "api.twilio.com:",
    "api.twilio.com:443:443",
    "api.twilio.com.:443",
    ".twilio.com:443",
    "a..twilio.com:443",
    "-a.twilio.com:443",
    "a_b.twilio.com:443",
    "user@api.twilio.com:443",
    "evil.com/.twilio.com:443",
    "https://api.twilio.com:443",
    "127.0.0.1:443",
    "127.0.0.1:8010",
    "localhost:443",
    "[::1]:443",
    "0x7f000001:443",
    "*.twilio.com:443",
    f"{'a.' * 9}twilio.com:443",
    f"{'a' * 64}.twilio.com:443",
    "api.twilio.com\N{FULLWIDTH FULL STOP}evil.com:443",
]


@pytest.mark.parametrize("target", STRANGERS)
def test_any_other_host_is_refused(emulator: Address, target: str) -> None:
    """The refusal says why, to those who read it and to those who see the first line alone."""
    with connected(emulator) as connection:
        connection.sendall(head(target))
        said = all_of(connection)

    assert said.startswith(b"HTTP/1.1 403 Not Twilio, and nothing is forwarded\r\n")
    assert b"*.twilio.com:443" in said
    assert b"evil" not in said


@pytest.mark.parametrize(
    "target",
    [
        HOST,
        "API.Twilio.COM",
        "conversations.ashburn.us1.twilio.com",
        "courier-1234-dev.twil.io",
        "a.b.twil.io",
    ],
)
def test_twilios_hosts_get_a_tunnel(emulator: Address, trusting: ssl.SSLContext, target: str) -> None:
    """Whatever their case; their certificate is good for them."""
    with tunnel(emulator, trusting, target) as inner:
        assert inner.version() == "TLSv1.3"


def test_what_is_not_emulated_says_so(emulator: Address, store: Store, trusting: ssl.SSLContext) -> None:
    """A function's host is no Conversations, with or without credentials."""
    with tunnel(emulator, trusting, "courier-1234.twil.io") as inner:
        inner.sendall(request(store, host="courier-1234.twil.io"))
        assert answer(inner)[1]["message"].startswith("courier-1234.twil.io is not emulated")
        inner.sendall(b"GET /optin HTTP/1.1\r\nHost: courier-1234.twil.io\r\n\r\n")
        assert answer(inner)[0] == 501


@pytest.mark.parametrize("name", ["sync.twilio.com", "evil.com"])
def test_tls_for_another_host_than_the_tunnels_is_refused(
    emulator: Address, trusting: ssl.SSLContext, name: str
) -> None:
    """There is no TLS with it, so nothing can be asked."""
    with pytest.raises((ssl.SSLError, ConnectionError)), tunnel(emulator, trusting, HOST, name):
        pass


def test_tls_that_names_no_host_is_refused(emulator: Address, trusting: ssl.SSLContext) -> None:
    """Every client of Twilio names it."""
    trusting.check_hostname = False
    with asked(emulator, f"{HOST}:443") as raw, pytest.raises((ssl.SSLError, ConnectionError)):
        trusting.wrap_socket(raw)


@pytest.mark.parametrize("host", ["sync.twilio.com", "evil.com", "127.0.0.1", f"{HOST}:80", ""])
def test_a_request_for_another_host_than_the_tunnels_is_refused(
    emulator: Address, store: Store, trusting: ssl.SSLContext, host: str
) -> None:
    """421, and the tunnel goes on."""
    with tunnel(emulator, trusting) as inner:
        inner.sendall(request(store, host=host))
        assert answer(inner) == (421, f"This tunnel leads to {HOST}, and to no other host.")
        inner.sendall(request(store, host=f"{HOST}:443"))
        status, page = answer(inner)

    assert status == 200
    assert page["meta"]["url"].startswith(f"https://{HOST}/v1/Conversations?")
    assert store.calls == 1


def test_admin_paths_do_not_answer_in_a_tunnel(
    emulator: Address, store: Store, trusting: ssl.SSLContext
) -> None:
    """They are this machine's, not Twilio's."""
    with tunnel(emulator, trusting) as inner:
        inner.sendall(request(store, "/_emulator/health"))
        assert answer(inner)[0] == 403


@pytest.mark.parametrize(
    "line", ["GET http://evil.com/", f"GET http://{HOST}/v1/Conversations", f"CONNECT {HOST}:443"]
)
def test_there_is_no_other_proxy(
    emulator: Address, store: Store, trusting: ssl.SSLContext, line: str
) -> None:
    """What is asked for without a tunnel, behind another request, or inside a tunnel, is refused."""
    wanted = f"{line} HTTP/1.1\r\nHost: evil.com\r\n\r\n".encode()
    with connected(emulator) as connection:
        connection.sendall(request(store))
        assert answer(connection)[0] == 200
        connection.sendall(wanted)
        status, text = answer(connection)
        assert (status, "forwards nothing" in text) == (403, True)
    with tunnel(emulator, trusting) as inner:
        inner.sendall(wanted)
        assert answer(inner)[0] == 403
    assert store.calls == 1


# --- how a tunnel begins -----------------------------------------------------------------------------------


def test_http2_is_not_offered(emulator: Address, trusting: ssl.SSLContext) -> None:
    """Who can speak both speaks HTTP/1.1; who insists on the other is told nothing of the kind."""
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    with tunnel(emulator, trusting) as inner:
        assert inner.selected_alpn_protocol() == "http/1.1"
    trusting.set_alpn_protocols(["h2"])
    with tunnel(emulator, trusting) as inner:
        assert inner.selected_alpn_protocol() is None


def test_old_tls_is_refused(emulator: Address, trusting: ssl.SSLContext) -> None:
    """1.2 is the least, as at Twilio."""
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    with tunnel(emulator, trusting) as inner:
        assert inner.version() == "TLSv1.2"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT \r\n\r\n", 400),
        (b"CONNECT a b c\r\n\r\n", 400),
        (b"CONNECT api.twilio.com:443 HTTP/2\r\n\r\n", 400),
        (b"CONNECT api.twilio.com:443\r\n\r\n", 400),
        (b"CONNECT \x00\xff\xfe HTTP/1.1\r\n\r\n", 403),
        (b"CONNECT api.twilio.com:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT api.twilio.com:443 HTTP/1.1\r\nX: " + b"x" * 900_000, 431),
        (b"CONNEKT api.twilio.com:443 HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
def test_what_is_no_proper_connect_is_refused(emulator: Address, sent: bytes, status: int) -> None:
    """TLS to the port itself among it."""
    with connected(emulator) as connection:
        connection.sendall(sent)
        assert int(all_of(connection).split()[1]) == status


@pytest.mark.parametrize("sent", [b"", b"C", b"CONNECT", b"CONNECT api.twilio.com:443 HTTP/1.1\r\n"])
def test_who_goes_away_halfway_is_forgotten(emulator: Address, store: Store, sent: bytes) -> None:
    """And the next one is served."""
    assert told(emulator, sent) == b""
    assert serves(emulator, store)


def test_who_goes_away_inside_tls_is_forgotten(emulator: Address, store: Store) -> None:
    """In the middle of the handshake, or with garbage instead of one."""
    for sent in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
        with asked(emulator, f"{HOST}:443") as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            all_of(connection)
    assert serves(emulator, store)


def test_a_client_that_does_not_trust_us_is_not_served(emulator: Address, store: Store) -> None:
    """Its own TLS tells it why; no trust store of this machine knows our authority."""
    with pytest.raises(ssl.SSLCertVerificationError), tunnel(emulator, ssl.create_default_context()):
        pass
    assert store.calls == 0


def test_a_connect_may_come_byte_by_byte(emulator: Address, store: Store, trusting: ssl.SSLContext) -> None:
    """As slowly as it likes, within its time."""
    with connected(emulator) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head(f"{HOST}:443"):
            raw.sendall(bytes([byte]))
        assert raw.recv(4096) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        with trusting.wrap_socket(raw, server_hostname=HOST) as inner:
            inner.sendall(request(store))
            assert answer(inner)[0] == 200


class Pipe(asyncio.Transport):
    """A transport that leads nowhere: what is written, whether it was closed, who listens."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close

    def is_closing(self) -> bool:
        return self.closed

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class Speaker(asyncio.Protocol):
    """Whoever gets a plain connection, and what it hears."""

    def __init__(self) -> None:
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data


async def outcome(pieces: list[bytes]) -> tuple[bytes, bool, bytes]:
    """Return what a connection that brings these pieces is told, whether it is closed, and what goes on."""
    speaker, pipe = Speaker(), Pipe()
    hall = Hall(lambda _: speaker, lambda _: pytest.fail("no tunnel is asked for"))
    entrance = hall.entrance()
    entrance.connection_made(pipe)
    assert hall.waiting == {entrance}
    for piece in pieces:
        (speaker if pipe.protocol is speaker else entrance).data_received(piece)
    (speaker if pipe.protocol is speaker else entrance).connection_lost(None)
    entrance.abort()
    assert hall.waiting == set()
    return pipe.written, pipe.closed, speaker.heard


@pytest.mark.parametrize("seed", range(30))
def test_it_does_not_matter_how_the_first_bytes_are_cut(seed: int) -> None:
    """Law: what is refused, and what is handed on whole, depends on the bytes alone."""
    draw = random.Random(seed)
    noise = draw.randbytes(draw.randrange(40))
    begin = draw.choice(
        [b"", b"CON", b"CONNECT", b"CONNECT ", b"GET / HTTP/1.1\r\n\r\n", head("evil.com:443")]
    )
    sent = begin + noise
    whole = asyncio.run(outcome([sent]))
    for _ in range(10):
        places = sorted(draw.randrange(len(sent) + 1) for _ in range(draw.randrange(6)))
        pieces = [sent[a:b] for a, b in zip([0, *places], [*places, len(sent)], strict=True)]
        assert asyncio.run(outcome([piece for piece in pieces if piece])) == whole

    assert whole[2] in (b"", sent)
    if not begin.startswith(b"CONNECT "):
        assert whole[0] == b""


async def cut_off(sent: bytes) -> bytes:
    """Return what is told to who sends some bytes of a CONNECT and then nothing, at a door in a hurry."""

    def refuse(_: str) -> Any:
        pytest.fail("nobody was let in")

    authority = Authority(authority_folder(os.environ, Path.home()))
    hall = Hall(refuse, authority.context, timeout_s=0.01)
    listener = await asyncio.get_running_loop().create_server(hall.entrance, "127.0.0.1", 0)
    async with listener:
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        writer.write(sent)
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = await reader.read()
        except ConnectionResetError:
            said = b""
        writer.close()
    assert hall.waiting == set()
    return said


@pytest.mark.parametrize("sent", [b"", b"CONN", b"CONNECT api.twilio.com:443 HTTP/1.1\r\nX: "])
def test_who_never_asks_is_cut_off(sent: bytes) -> None:
    """A connection on which nothing becomes clear does not stand for ever."""
    assert asyncio.run(cut_off(sent)) == b""


def test_who_never_begins_tls_is_cut_off() -> None:
    """Nor does a tunnel that nobody enters."""
    assert asyncio.run(cut_off(head(f"{HOST}:443"))) in (b"", b"HTTP/1.1 200 Connection established\r\n\r\n")


def test_without_a_place_for_certificates_a_tunnel_is_refused(
    emulator: Address, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal names the place; plain HTTP goes on."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with connected(emulator) as connection:
        connection.sendall(head(f"{HOST}:443"))
        said = all_of(connection).decode()

    assert said.startswith("HTTP/1.1 503 ")
    assert f"{tmp_path / 'file' / 'reconciler' / 'emulator-ca'} cannot be used" in said
    assert serves(emulator, store)


# --- inside a tunnel ---------------------------------------------------------------------------------------


def test_many_requests_in_one_tunnel(emulator: Address, store: Store, trusting: ssl.SSLContext) -> None:
    """One after the other, and all at once: answers come in order."""
    names = [f"n{n}" for n in range(40)]
    with tunnel(emulator, trusting) as inner:
        for name in names[:5]:
            inner.sendall(request(store, UniqueName=name))
            assert answer(inner)[0] == 201
        inner.sendall(b"".join(request(store, UniqueName=name) for name in names[5:]))
        with inner.makefile("rb") as file:
            found = [answer_in(file) for _ in names[5:]]

    assert [one["unique_name"] for one in found] == names[5:]
    assert store.calls == len(names)


def answer_in(file: Any) -> Any:
    """Read one answer from a file that goes on."""
    length = 0
    while (line := file.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return json.loads(file.read(length))


def test_a_request_may_come_with_the_end_of_the_handshake(
    emulator: Address, store: Store, trusting: ssl.SSLContext
) -> None:
    """In one segment with it: what is faster than the handing over is not lost."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = trusting.wrap_bio(coming, going, server_hostname=HOST)
    with asked(emulator, f"{HOST}:443") as raw:
        while True:
            try:
                inner.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(going.read())
                coming.write(raw.recv(65536))
        inner.write(request(store, UniqueName="early"))
        inner.write(request(store, UniqueName="early too"))
        raw.sendall(going.read())
        heard = b""
        while heard.count(b'"unique_name":"early') < 2:
            coming.write(raw.recv(65536))
            while coming.pending:
                try:
                    heard += inner.read(65536)
                except ssl.SSLWantReadError:
                    break

    assert heard.count(b"HTTP/1.1 201 ") == 2


def test_big_bodies_both_ways(emulator: Address, store: Store, trusting: ssl.SSLContext) -> None:
    """Nearly a megabyte in, more than that out."""
    body = "x" * 900_000
    attributes = json.dumps({"text": "y" * 15_000})
    with tunnel(emulator, trusting) as inner:
        inner.sendall(request(store, UniqueName=body))
        assert answer(inner)[1]["code"] == 50004  # too long a name, read to its end
        inner.sendall(b"".join(request(store, Attributes=attributes) for _ in range(80)))
        with inner.makefile("rb") as file:
            assert {answer_in(file)["attributes"] for _ in range(80)} == {attributes}
        inner.sendall(request(store, "/v1/Conversations?PageSize=100"))
        status, page = answer(inner)

    assert status == 200
    assert [row["attributes"] for row in page["conversations"]] == [attributes] * 80


def test_many_tunnels_at_once(emulator: Address, store: Store, trusting: ssl.SSLContext) -> None:
    """Each has its own answers; strangers among them disturb nobody."""

    def one(number: int) -> str:
        if number % 5 == 0:
            told(emulator, head("evil.com:443")[: number % 30])
        with tunnel(emulator, trusting) as inner:
            inner.sendall(request(store, UniqueName=f"n{number}"))
            return str(answer(inner)[1]["unique_name"])

    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(one, range(96)))

    assert found == [f"n{number}" for number in range(96)]
    assert store.calls == 96


def test_faults_reach_into_tunnels(emulator: Address, store: Store, trusting: ssl.SSLContext) -> None:
    """A call that is cut is cut there, too."""
    store.faults.add(Rule(Effect("drop_after_commit")))
    with tunnel(emulator, trusting) as inner:
        inner.sendall(request(store, UniqueName="gone"))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
            answer(inner)

    assert store.writes == 1


def test_a_server_stops_with_tunnels_open(store: Store, trusting: ssl.SSLContext) -> None:
    """In every stage of one."""
    with running(store) as url:
        address = urlsplit(url).hostname or "", urlsplit(url).port or 0
        opened = [connected(address), connected(address), asked(address, f"{HOST}:443")]
        opened[1].sendall(b"CONNECT ")
        opened.append(trusting.wrap_socket(asked(address, f"{HOST}:443"), server_hostname=HOST))
        opened[-1].sendall(request(store))
        answer(opened[-1])
    for connection in opened:
        with connection, pytest.raises((ConnectionError, ssl.SSLError, AssertionError)):
            assert connection.recv(1) != b""


def test_a_renewed_authority_is_used_at_once(
    emulator: Address, store: Store, authority: Authority, trusting: ssl.SSLContext
) -> None:
    """A server that has run for long goes with what is in the folder."""
    with tunnel(emulator, trusting) as inner:
        inner.sendall(request(store))
        assert answer(inner)[0] == 200
    (authority.folder / "ca.pem").unlink()
    authority.ensure()
    now = ssl.create_default_context(cafile=authority.certificate)
    with tunnel(emulator, now) as inner:
        assert inner.version() == "TLSv1.3"
        ends = ssl.cert_time_to_seconds(str(inner.getpeercert()["notAfter"]))  # type: ignore[index]

    assert 29 < (ends - datetime.now(UTC).timestamp()) / 86_400 <= 30
    with pytest.raises(ssl.SSLCertVerificationError), tunnel(emulator, trusting):
        pass
