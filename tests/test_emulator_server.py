"""The emulator over a real socket, used by clients that know nothing of it."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import http.client
import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Clock, InProcess, Store, Switches, ask, serve
from reconciler.emulator.control.routes import control
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.doors.server import running
from reconciler.emulator.settings import switches_of
from reconciler.emulator.wire import Request

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def store() -> Store:
    return Store(clock=Clock.frozen())


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with running(store) as url:
        yield url


@pytest.fixture
def client(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the stock SDK, told nothing but where to go."""
    for name in ("TWILIO_REGION", "TWILIO_EDGE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.conversations.base_url = url
    yield client
    client.http_client.session.close()


def test_the_stock_sdk_works(client: Any) -> None:
    """Create, read, update, list and delete through twilio-python."""
    made = client.conversations.v1.conversations.create(unique_name="a/b", attributes='{"a": 1}')
    at = client.conversations.v1.conversations(made.sid)
    person = at.participants.create(
        messaging_binding_address="+15550100301", messaging_binding_proxy_address="+15550100200"
    )
    hook = at.webhooks.create(
        target="webhook",
        configuration_url="https://example.com",
        configuration_filters=["onMessageAdded", "onParticipantAdded"],
    )
    message = at.messages.create(body="hi", author="+15550100301")
    at.update(friendly_name="A", state="inactive")

    assert client.conversations.v1.conversations("a%2Fb").fetch().friendly_name == "A"
    assert made.date_created.year == 2026
    assert person.messaging_binding["type"] == "sms"
    assert hook.configuration["filters"] == ["onMessageAdded", "onParticipantAdded"]
    assert (message.index, message.participant_sid) == (0, person.sid)
    assert [row.sid for row in at.webhooks.list()] == [hook.sid]
    assert at.webhooks(hook.sid).delete()
    assert at.delete()


def test_the_stock_sdk_sees_twilios_errors(client: Any) -> None:
    """Status, code and message arrive where the SDK looks for them."""
    client.conversations.v1.conversations.create(unique_name="x")
    with pytest.raises(TwilioRestException) as caught:
        client.conversations.v1.conversations.create(unique_name="x")

    assert (caught.value.status, caught.value.code) == (409, 50353)


@pytest.mark.parametrize("limit", [None, 25])
def test_the_stock_sdk_pages(client: Any, limit: int | None) -> None:
    """list() and stream() follow next_page_url to our own host."""
    names = [f"n{n}" for n in range(31)]
    for name in names:
        client.conversations.v1.conversations.create(unique_name=name)
    found = client.conversations.v1.conversations.stream(page_size=10, limit=limit)

    assert [row.unique_name for row in found] == names[:limit]


def test_both_doors_are_the_same_room(store: Store, url: str) -> None:
    """In process and over a socket the same call has the same answer."""
    headers = {"Authorization": authorization(store.account), "Host": urlsplit(url).netloc}
    path = "/v1/Conversations?PageSize=1"
    status, _, body = asyncio.run(InProcess(store).send("GET", url + path, headers, b"", 1))

    assert get(url, path, headers) == (status, json.loads(body))


def get(url: str, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or "null")
    finally:
        connection.close()


def test_in_process_calls_take_turns(store: Store) -> None:
    """A call lets others run, and many at once are all answered."""
    order: list[str] = []

    async def call(name: str) -> int:
        order.append(f"{name} starts")
        headers = {"authorization": authorization(store.account)}
        status, _, _ = await InProcess(store).send(
            "GET", "https://conversations.twilio.com/v1/Roles", headers, b"", 1
        )
        order.append(f"{name} ends")
        return status

    async def both() -> list[int]:
        return list(await asyncio.gather(call("a"), call("b")))

    assert asyncio.run(both()) == [200, 200]
    assert order == ["a starts", "b starts", "a ends", "b ends"]


def test_admin_paths(store: Store, url: str) -> None:
    """Health, info and reset; other names are 404."""
    asyncio.run(
        InProcess(store).send(
            "POST", f"{url}/v1/Conversations", {"Authorization": authorization(store.account)}, b"", 1
        )
    )

    assert get(url, "/_emulator/health")[1]["status"] == "ok"
    assert get(url, "/_emulator/info")[1]["operations"]["conversations"]["all"] == 103
    assert get(url, "/_emulator/reset")[0] == 405
    assert get(url, "/_emulator/reset", method="POST")[0] == 200
    assert get(url, "/_emulator/nothing")[0] == 404
    assert len(store.index.conversations) == 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"])
def test_admin_paths_answer_this_machine_only(url: str, host: str) -> None:
    """A name that merely resolves to 127.0.0.1 is refused (DNS rebinding)."""
    assert get(url, "/_emulator/reset", {"Host": host}, "POST")[0] == 403


def test_credentials_are_asked_for_over_the_socket(url: str) -> None:
    """No header, no answer."""
    assert get(url, "/v1/Conversations")[1]["code"] == 20003


def test_the_server_listens_on_loopback_only(store: Store) -> None:
    """Bound to 127.0.0.1; a taken port is an OSError."""

    async def run() -> tuple[str, bool]:
        server = await serve(store, 0)
        try:
            with pytest.raises(OSError, match=str(server.port)):
                await serve(store, server.port)
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as peer:
                return server.url, peer.getpeername()[0] == "127.0.0.1"
        finally:
            await server.close()

    url, loopback = asyncio.run(run())
    assert url.startswith("http://127.0.0.1:")
    assert loopback


def test_importing_the_emulator_is_cheap() -> None:
    """aiohttp, twilio and the rest of reconciler come only with the server, or never."""
    code = (
        "import sys, reconciler.emulator\n"
        "print([n for n in sys.modules if n.partition('.')[0] in ('aiohttp', 'twilio', 'pydantic')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"


def test_an_oversized_body_is_refused(store: Store, url: str) -> None:
    """A megabyte and more is 413 and harms nothing."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    token = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    try:
        connection.request(
            "POST", "/v1/Conversations", b"a=" + b"x" * 2_000_000, {"Authorization": f"Basic {token}"}
        )
        assert connection.getresponse().status == 413
    finally:
        connection.close()
    assert len(store.index.conversations) == 0


# --- what nobody knows of Twilio ---------------------------------------------------------------------------


def said(store: Store, method: str = "GET", body: Any = None) -> tuple[int, Any]:
    """Ask for the switches, or settle some."""
    content = b"" if body is None else json.dumps(body).encode()
    response = control(store, Request(method, "/_emulator/switches", {}, content, host="127.0.0.1:8010"))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("variant", Switches.variants())
def test_every_answer_can_be_given_as_text_and_as_json(variant: str) -> None:
    """At the start as `--switch` has it; while it runs, unless rows are filed by it; and it can be read."""
    name, _, text = variant.partition("=")
    wanted = Switches.variants()[variant]
    answers = {name: text} if text else {}
    assert switches_of(answers) == wanted
    assert switches_of({name: getattr(wanted, name)} if text else {}) == wanted
    store = Store(clock=Clock.frozen())
    status, told = said(store, "PUT", {name: getattr(wanted, name)} if text else {})
    if name in ("list_order", "pair_scope"):
        assert (status, store.switches) == (409, Switches())
        assert f"--switch {variant}" in told["message"]
    else:
        assert (status, store.switches) == (200, wanted)
        assert told == said(store)[1]
        assert {one: at["answer"] for one, at in told.items()} == dataclasses.asdict(wanted)


def test_other_answers_hold_at_once_and_survive_a_reset() -> None:
    """They are the process's."""
    store = Store(clock=Clock.frozen())
    for _ in range(2):
        assert said(store, "PUT", {"name_release_lag_s": 3.5, "unread_before_reading": 4})[0] == 200
        assert ask(store, "POST", "/Conversations", {"UniqueName": "order"})[0] == 201
        ask(store, "DELETE", "/Conversations/order")
        assert ask(store, "POST", "/Conversations", {"UniqueName": "order"})[1]["code"] == 50391
        store.advance(3.5)
        assert ask(store, "POST", "/Conversations", {"UniqueName": "order"})[0] == 201
        store.reset()
    assert store.switches == Switches(name_release_lag_s=3.5, unread_before_reading=4)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"atach_delay_s": 5}, "atach_delay_s: is not known here; there are status_seed"),
        ({"attach_delay_s": -1}, "attach_delay_s: is not a number of 0 or more"),
        ({"attach_delay_s": "5"}, "attach_delay_s: is not a number"),
        ({"own_pair_code": 50438}, "own_pair_code: is none of 50416, 50437"),
        ({"own_pair_code": True}, "own_pair_code: is not a whole number"),
        ({"page_drift": 1}, "page_drift: is not true or false"),
        ({"method_echo": "up", "page_drift": True}, "method_echo: is none of as_sent, upper, lower"),
        ([], "the body: is not an object"),
    ],
)
def test_what_is_no_answer_changes_nothing(body: Any, why: str) -> None:
    """And says what would be one."""
    store = Store(clock=Clock.frozen())
    status, told = said(store, "PUT", body)

    assert (status, store.switches) == (400, Switches())
    assert told["message"].startswith(why)
