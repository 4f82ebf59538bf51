"""Who gets past the socket: programs of this machine and the page, no page of anybody else's."""

from __future__ import annotations

import base64
import gzip
import http.client
import itertools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Clock, Store, ask
from reconciler.emulator.doors.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BASIC = "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
FORM = "application/x-www-form-urlencoded"
PATHS = (
    ("POST", "/v1/Conversations"),
    ("GET", "/v1/Conversations"),
    ("POST", "/content.twilio.com/v1/Content"),
    ("POST", "/serverless-upload.twilio.com/v1/Services/ZS1/Functions/ZH1/Versions"),
    ("POST", "/_emulator/reset"),
    ("GET", "/_emulator/page"),
    ("PUT", "/_emulator/state"),
)
STRANGERS: dict[str, Mapping[str, str]] = {
    "rebound name": {"Host": "evil.example:8010"},
    "name that ends like ours": {"Host": "127.0.0.1.evil.example"},
    "name that ends like Twilio's": {"Host": "eviltwilio.com"},
    "page elsewhere": {"Origin": "https://evil.example"},
    "page on another port": {"Origin": "http://127.0.0.1:1"},
    "sandboxed page": {"Origin": "null"},
    "form of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    "picture of another site": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
}


@pytest.fixture
def store() -> Store:
    return Store(clock=Clock.frozen())


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with running(store) as found:
        yield found


def asked(
    url: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b"FriendlyName=x"
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        sent = {"Authorization": BASIC, "Content-Type": FORM, **headers}
        connection.request(method, path, None if method == "GET" else body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("who", "way"), list(itertools.product(STRANGERS, PATHS)))
def test_no_page_of_anybody_elses_reads_or_writes(
    who: str, way: tuple[str, str], store: Store, url: str
) -> None:
    """Whatever it asks for, with the credentials that everybody knows: refused, and nothing has changed."""
    before = dict(store.index.rows), store.calls

    assert asked(url, *way, STRANGERS[who])[0] == 403
    assert (dict(store.index.rows), store.calls) == before


@pytest.mark.parametrize("host", ["127.0.0.1:8010", "localhost", "[::1]:8010", "conversations.twilio.com"])
def test_programs_of_this_machine_are_answered(host: str, url: str) -> None:
    assert asked(url, "POST", "/v1/Conversations", {"Host": host})[0] == 201


def test_the_page_may_call_and_be_linked_to(url: str) -> None:
    own = {"Origin": url, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert asked(url, "POST", "/v1/Conversations", own)[0] == 201
    assert asked(url, "POST", "/_emulator/reset", own)[0] == 200
    assert asked(url, "GET", "/", link)[0] == 200
    assert asked(url, "GET", "/", {**link, "Sec-Fetch-Mode": "no-cors"})[0] == 403


def test_a_webhook_does_not_reach_the_emulators_own_paths(store: Store, url: str) -> None:
    """Its url is anybody's to choose: that of a conversation, for example."""
    sid = ask(store, "POST", "/Conversations", {"UniqueName": "stays"})[1]["sid"]
    hook = {
        "Target": "webhook",
        "Configuration.Url": f"{url}/_emulator/reset",
        "Configuration.Filters": "onMessageAdded",
    }
    assert ask(store, "POST", f"/Conversations/{sid}/Webhooks", hook)[0] == 201
    known = {"X-Twilio-Webhook-Enabled": "true"}
    assert asked(url, "POST", f"/v1/Conversations/{sid}/Messages", known, b"Body=hi")[0] == 201
    asked(url, "GET", "/_emulator/wait?event=onMessageAdded&since=0", {})
    for _ in range(500):
        delivery = next(iter(store.deliveries))
        if delivery.state not in ("waiting", "under_way"):
            break
        asked(url, "GET", "/_emulator/health", {})

    assert delivery.state == "answered"
    assert delivery.answer is not None
    assert delivery.answer.status == 403
    assert ask(store, "GET", "/Conversations/stays")[0] == 200


def test_bodies_come_as_they_are(url: str) -> None:
    """A small one may not become a large one in here."""
    small = gzip.compress(b"x" * 10_000_000)

    assert asked(url, "POST", "/v1/Conversations", {"Content-Encoding": "gzip"}, small)[0] == 415


def test_an_upload_without_credentials_is_not_read(url: str) -> None:
    wrong = {"Authorization": "Basic " + base64.b64encode(b"AC1:no").decode()}

    status, answer = asked(url, *PATHS[3], wrong, b"x" * 3_000_000)

    assert status == 401
    assert b"20003" in answer


def test_what_is_said_twice_is_refused(url: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.putrequest("GET", "/_emulator/page")
    for origin in ("https://evil.example", url):
        connection.putheader("Origin", origin)
    connection.endheaders()

    assert connection.getresponse().status == 400
    connection.close()
