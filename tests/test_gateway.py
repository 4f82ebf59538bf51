"""The gateway waits, repeats and refuses as it says, over scripted transports in virtual time."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import traceback
from email import message_from_bytes
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import (
    ACCOUNT,
    CREDENTIALS,
    PASSWORD,
    Answer,
    Scripted,
    Sent,
    answer,
    gateway_over,
    refusal,
    run,
)

from reconciler.bodies import encode
from reconciler.diagnostics import ApiError
from reconciler.gateway import (
    ATTEMPTS,
    ATTEMPTS_TO_CONNECT,
    TIMEOUT_S,
    Credentials,
    WriteWhilePlanningError,
)
from reconciler.step import Form, JsonBody, Multipart, Part
from reconciler.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.gateway import Gateway
    from reconciler.step import Body

HOST = "conversations"
BASE = "https://conversations.twilio.com"
ROWS = ("v1", "Conversations")
NAME = Form((("FriendlyName", "x"),))
OK = answer(200, {"sid": "CH1"})


async def write(gateway: Gateway, method: str = "POST", body: Body | None = NAME, family: str = "f") -> Any:
    with gateway.allow_writes():
        return await gateway.write(method, HOST, (*ROWS, "CH1"), body, family)


def refused(call: Any) -> ApiError:
    """Return the ApiError that a call ends with."""
    with pytest.raises(ApiError) as caught:
        run(call)
    return caught.value


def moments(transport: Scripted) -> list[float]:
    return [round(call.at_s, 6) for call in transport.sent]


# --- planning only reads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_while_planning_raises_and_sends_nothing(method: str) -> None:
    """The gateway starts read-only, and is read-only again after the block that may write."""
    transport = Scripted(lambda _: OK)
    gateway = gateway_over(transport)

    async def twice() -> None:
        with pytest.raises(WriteWhilePlanningError):
            await gateway.write(method, HOST, ROWS, NAME, "f")
        with gateway.allow_writes():
            pass
        with pytest.raises(WriteWhilePlanningError):
            await gateway.write(method, HOST, ROWS, NAME, "f")

    run(twice())

    assert transport.sent == []
    assert gateway.calls == {}


# --- pages -------------------------------------------------------------------------------------------------


def page(rows: Sequence[str], following: object = None) -> Answer:
    listed = [{"sid": sid} for sid in rows]
    return answer(200, {"conversations": listed, "meta": {"next_page_url": following}})


def listed(transport: Scripted, **options: Any) -> list[str]:
    gateway = gateway_over(transport, **options)
    return [row["sid"] for row in run(gateway.list(HOST, ROWS, "conversations", 2))]


def test_pages_are_followed_to_the_end() -> None:
    """A list asks for its page size, then for whatever Twilio says comes next."""
    following = f"{BASE}/v1/Conversations?PageSize=2&PageToken=PTx%3D"
    transport = Scripted([page(["CH1", "CH2"], following), page(["CH3"])])

    assert listed(transport) == ["CH1", "CH2", "CH3"]
    assert [call.url for call in transport.sent] == [f"{BASE}/v1/Conversations?PageSize=2", following]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(0, 12), st.integers(1, 4), st.lists(st.integers(-2, 2), min_size=16, max_size=16))
def test_rows_of_shifting_pages_come_once_each(total: int, size: int, shifts: list[int]) -> None:
    """However much pages overlap because rows come or go meanwhile, no row is given twice."""
    sids = [f"CH{n}" for n in range(total)]
    starts = iter(shifts)

    def script(call: Sent) -> Answer:
        at = int(dict(parse_qsl(urlsplit(call.url).query)).get("PageToken", 0))
        start = max(0, at + min(0, next(starts, 0)))
        more = at + size < total
        return page(
            sids[start : at + size], f"{BASE}/v1/Conversations?PageToken={at + size}" if more else None
        )

    found = listed(Scripted(script))

    assert found == sids


def test_rows_without_a_sid_are_all_kept() -> None:
    """What has no sid cannot be told apart, so none is dropped."""
    rows = [{"address": "+1"}, {"address": "+2"}]
    transport = Scripted([answer(200, {"conversations": rows, "meta": {}})])

    assert run(gateway_over(transport).list(HOST, ROWS, "conversations", 2)) == rows


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/Conversations?Page=1",
        "https://conversations.twilio.com.evil.example/v1/Conversations",
        "http://conversations.twilio.com/v1/Conversations",
        "ftp://conversations.twilio.com/v1/Conversations",
        "https://user@conversations.twilio.com/v1/Conversations",
        "https://:secret@conversations.twilio.com/v1/Conversations",
        "https://conversations.twilio.com@evil.example/v1/Conversations",
        "https://conversations.twilio.com:444/v1/Conversations",
        "//evil.example/v1/Conversations",
        "//conversations.twilio.com/v1/Conversations",
        "/v1/Conversations?Page=1",
        "https://conversations.twilio.com\\@evil.example/v1",
        "https://conversations.twilio.com\\.evil.example/v1",
        "https://conversations.twilio.com/\\evil.example/v1",
        "https://conversations.twilio.com\t.evil.example/v1",
        "https://conversations.twilio.com/v1?x=1 HTTP/1.1\r\nHost: evil.example",
        "https://conversations.twilio.com/v1/../../2010-04-01/Accounts.json",
        "https://conversations.twilio.com/v1/%2e%2E/Accounts.json",
        "https://conversations.twilio.com",
        "https://[::1/v1",
        "https://chat.twilio.com/v1/Conversations",
        "javascript:alert(1)",
        {"not": "a url"},
        7,
    ],
)
def test_a_page_elsewhere_is_refused(url: object) -> None:
    """Nothing, and so no credentials, goes where a page's own origin is not."""
    transport = Scripted([page(["CH1"], url), page(["CH2"])])
    gateway = gateway_over(transport)
    refusal_ = refused(gateway.list(HOST, ROWS, "conversations", 2))

    assert len(transport.sent) == 1
    assert "leads to another place" in str(refusal_)
    assert "secret" not in str(refusal_)


@pytest.mark.parametrize(
    ("following", "is_followed"),
    [
        ("http://127.0.0.1:5/conversations.twilio.com/v1/Conversations?Page=1", True),
        ("http://127.0.0.1:5/other/v1/Conversations?Page=1", False),
        ("http://127.0.0.1:6/conversations.twilio.com/v1/Conversations?Page=1", False),
        ("https://conversations.twilio.com/v1/Conversations?Page=1", False),
    ],
)
def test_pages_of_an_endpoint_stay_there(following: str, is_followed: bool) -> None:
    """With an endpoint, paging follows the endpoint's urls only; not even Twilio's."""
    transport = Scripted([page(["CH1"], following), page(["CH2"])])
    gateway = gateway_over(transport, endpoint="http://127.0.0.1:5/")
    call = gateway.list(HOST, ROWS, "conversations", 2)
    if is_followed:
        run(call)
    else:
        refused(call)

    assert len(transport.sent) == 1 + is_followed


def test_pages_that_lead_in_a_circle_end() -> None:
    """A page that points back to an earlier one does not keep a plan busy for ever."""
    transport = Scripted(lambda _: page(["CH1"], f"{BASE}/v1/Conversations?Page=1"))
    gateway = gateway_over(transport)
    circle = refused(gateway.list(HOST, ROWS, "conversations", 2))

    assert "circle" in str(circle)
    assert len(transport.sent) == 2


@pytest.mark.parametrize("body", [{}, [], {"participants": []}, {"conversations": None}, b""])
def test_an_answer_that_is_no_page_is_not_an_empty_list(body: object) -> None:
    """Rows that were not told are not rows that are not there: a plan on that ground would double them."""
    gateway = gateway_over(Scripted([answer(200, body)]))

    assert "holds no conversations" in str(refused(gateway.list(HOST, ROWS, "conversations", 2)))


# --- too many requests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.25"}, 0.25),
        ({"retry_after": "Wed, 01 Jul 2026 10:00:09 GMT", "date": "Wed, 01 Jul 2026 10:00:00 GMT"}, 9.0),
    ],
)
def test_a_429_is_repeated_when_it_says(method: str, headers: dict[str, str], pause_s: float) -> None:
    """A 429 was not processed, so read and write wait for as long as Retry-After says and are sent again."""
    transport = Scripted([refusal(429, 20429, **headers), OK])
    gateway = gateway_over(transport)
    call = gateway.get(HOST, (*ROWS, "CH1")) if method == "GET" else write(gateway, method)

    assert run(call) == {"sid": "CH1"}
    assert moments(transport) == [0.0, pause_s]
    assert gateway.calls == {method: 2}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry_after": "soon"},
        {"retry_after": "-5"},
        {"retry_after": "nan"},
        {"retry_after": "Wed, 01 Jul 2026 10:00:09 GMT"},
        {"retry_after": "Wed, 01 Jul 2026 10:00:09 GMT", "date": "Wed, 01 Jul 2026 11:00:00 GMT"},
    ],
)
def test_a_429_that_names_no_time_is_repeated_after_growing_pauses(headers: dict[str, str]) -> None:
    """Without a usable Retry-After the pauses double, with jitter, and the last refusal is told."""
    transport = Scripted(lambda _: refusal(429, 20429, **headers))
    gateway = gateway_over(transport)
    told = refused(write(gateway))
    at = moments(transport)
    pauses = [later - earlier for earlier, later in pairwise(at)]

    assert len(at) == ATTEMPTS
    assert all(0.25 * 2**n <= pause <= 0.5 * 2**n for n, pause in enumerate(pauses))
    assert (told.code, told.status, told.ambiguous) == (20429, 429, False)


def test_a_retry_after_of_hours_is_not_waited_for() -> None:
    """An apply does not hang until tomorrow: the refusal is told at once."""
    transport = Scripted([refusal(429, 20429, retry_after="86400"), OK])
    gateway = gateway_over(transport)

    assert refused(write(gateway)).code == 20429
    assert moments(transport) == [0.0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 6),
    st.lists(st.booleans(), min_size=1, max_size=60),
    st.sampled_from([0.0, 0.3, 1.7]),
    st.integers(1, 25),
)
def test_concurrency_is_bounded_and_every_429_is_made_good(
    parallelism: int, too_many: list[bool], latency_s: float, calls: int
) -> None:
    """Never more than `parallelism` calls at once, whatever is refused; all end as if nothing had been."""
    answers = iter(too_many)
    transport = Scripted(lambda _: refusal(429, 20429) if next(answers, False) else OK, latency_s)

    async def play() -> list[Any]:
        gateway = gateway_over(transport, parallelism=parallelism)
        asked = (gateway.get(HOST, (*ROWS, f"CH{n}")) for n in range(calls))
        return await asyncio.gather(*asked, return_exceptions=True)

    outcomes = run(play())

    assert transport.most_at_once <= parallelism
    assert [one for one in outcomes if one != {"sid": "CH1"} and getattr(one, "code", 0) != 20429] == []


def test_a_429_halves_how_many_go_at_once() -> None:
    """After one 429 among eight calls four go at once, and one more after each quiet second."""
    first = iter([True])
    running: dict[float, int] = {}

    def script(call: Sent) -> Answer:
        running[call.at_s] = running.get(call.at_s, 0) + 1
        return refusal(429, 20429, retry_after="60") if next(first, False) else OK

    async def play() -> None:
        gateway = gateway_over(Scripted(script, 1.0), parallelism=8)
        await asyncio.gather(*(gateway.get(HOST, (*ROWS, f"CH{n}")) for n in range(30)))

    run(play())

    assert list(running.values())[:5] == [8, 4, 5, 6, 7]


# --- what may have happened --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_is_repeated_after_a_server_error(status: int) -> None:
    """Reading twice does no harm."""
    transport = Scripted([refusal(status), answer(status, b"<html>bad gateway</html>"), OK])

    assert run(gateway_over(transport).get(HOST, (*ROWS, "CH1"))) == {"sid": "CH1"}
    assert len(transport.sent) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_is_not_repeated_after_a_server_error(method: str, status: int) -> None:
    """It may have happened, so it is told as ambiguous and the next plan looks."""
    transport = Scripted([refusal(status, 20500), OK])
    gateway = gateway_over(transport)
    told = refused(write(gateway, method))

    assert len(transport.sent) == 1
    assert told.ambiguous


@pytest.mark.parametrize(("sent", "times"), [(True, ATTEMPTS - 1), (False, ATTEMPTS_TO_CONNECT - 1)])
def test_a_read_without_an_answer_is_repeated(sent: bool, times: int) -> None:
    """Whether it was sent or not; where nobody listens, not for long."""
    transport = Scripted([*[TransportError("lost", sent=sent)] * times, OK])

    assert run(gateway_over(transport).get(HOST, (*ROWS, "CH1"))) == {"sid": "CH1"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_without_an_answer_is_not_repeated(method: str) -> None:
    """It may have been sent, so whether it happened is unknown."""
    transport = Scripted([TransportError("lost", sent=True), OK])
    told = refused(write(gateway_over(transport), method))

    assert len(transport.sent) == 1
    assert told.ambiguous


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_write_that_was_never_sent_is_tried_once_more(method: str) -> None:
    """Nothing can have happened; after that the refusal is not ambiguous either."""
    lost = TransportError("cannot connect", sent=False)
    run(write(gateway_over(Scripted([lost, OK])), method))
    transport = Scripted([lost] * ATTEMPTS_TO_CONNECT)
    told = refused(write(gateway_over(transport), method))

    assert len(transport.sent) == ATTEMPTS_TO_CONNECT
    assert not told.ambiguous


def test_a_read_that_never_gets_an_answer_ends() -> None:
    """After all attempts the last fault is told; reads are never ambiguous."""
    transport = Scripted(lambda _: TransportError("no answer within 15 s", sent=True))
    gateway = gateway_over(transport)
    told = refused(gateway.get(HOST, (*ROWS, "CH1")))

    assert len(transport.sent) == ATTEMPTS
    assert str(told) == "GET /Conversations/CH1: no answer within 15 s"
    assert not told.ambiguous


@pytest.mark.parametrize("code", [20404, 54100])
def test_deleting_what_is_gone_is_done(code: int) -> None:
    """A repeated DELETE finds nothing, and that is what it wanted."""
    gateway = gateway_over(Scripted([refusal(404, code)]))

    assert run(write(gateway, "DELETE", None)) == {}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_only_a_delete_takes_absence_for_success(method: str) -> None:
    """What is to be read or changed has to be there."""
    gateway = gateway_over(Scripted([refusal(404, 20404)]))
    call = gateway.get(HOST, ROWS) if method == "GET" else write(gateway, method)

    assert refused(call).code == 20404


def test_a_404_of_somebody_in_between_is_no_absence() -> None:
    """A proxy's 404 has none of Twilio's codes; taking it for an answer would create things twice."""
    gateway = gateway_over(Scripted(lambda _: answer(404, b"<html>404 page not found</html>")))

    assert refused(gateway.find(HOST, (*ROWS, "CH1"))).status == 404
    assert refused(write(gateway, "DELETE", None)).status == 404


def test_find_gives_none_for_what_is_not_there() -> None:
    """And the row for what is."""
    gateway = gateway_over(Scripted([refusal(404, 20404), OK]))

    async def twice() -> list[Any]:
        return [await gateway.find(HOST, (*ROWS, "CH1")) for _ in range(2)]

    assert run(twice()) == [None, {"sid": "CH1"}]


# --- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (refusal(409, 50416, "held by CH2"), ("held by CH2 (Twilio error 50416)", 50416, 409)),
        (refusal(400, 0, "no code"), ("no code", 0, 400)),
        (answer(400, {"code": "x", "message": "odd"}), ("odd", 0, 400)),
        (answer(400, {"code": 50304}), ("HTTP 400 (Twilio error 50304)", 50304, 400)),
        (answer(401, b"<html><h1>401</h1></html>"), ("HTTP 401", 0, 401)),
        (answer(403, b"\xff\xfe"), ("HTTP 403", 0, 403)),
        (answer(400, ["a", "list"]), ("HTTP 400", 0, 400)),
        (answer(400, b""), ("HTTP 400", 0, 400)),
        (answer(302, b"", location="https://evil.example/"), ("HTTP 302", 0, 302)),
    ],
)
def test_a_refusal_says_what_twilio_said(told: Answer, expected: tuple[str, int, int]) -> None:
    """Message and code where there are any, else the status; never a page of HTML, never a redirect taken."""
    transport = Scripted([told])
    gateway = gateway_over(transport)
    found = refused(write(gateway))
    message, code, status = expected

    assert (str(found), found.code, found.status) == (f"POST /Conversations/CH1: {message}", code, status)
    assert not found.ambiguous
    assert len(transport.sent) == 1


def test_a_success_that_is_no_json_is_no_success() -> None:
    """A portal that answers 200 with a page of its own is not Twilio; a write it swallowed is ambiguous."""
    gateway = gateway_over(Scripted(lambda _: answer(200, b"<html>sign in</html>")))

    assert refused(write(gateway)).ambiguous
    assert not refused(gateway.get(HOST, ROWS)).ambiguous


def test_a_success_without_a_body_is_an_empty_row() -> None:
    """Twilio answers a DELETE with 204 and nothing."""
    gateway = gateway_over(Scripted([answer(204)]))

    assert run(write(gateway, "DELETE", None)) == {}


# --- what is sent ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "written"),
    [
        ("a/b", "a%2Fb"),
        ("what?", "what%3F"),
        ("#1", "%231"),
        ("50%", "50%25"),
        ("%2e%2e", "%252e%252e"),
        ("Grüße 👋", "Gr%C3%BC%C3%9Fe%20%F0%9F%91%8B"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("...", "..."),
        ("a b+c", "a%20b%2Bc"),
        ("whatsapp:+15550100301", "whatsapp%3A%2B15550100301"),
    ],
)
def test_a_path_segment_stays_one_segment(segment: str, written: str) -> None:
    """No name, whatever is in it, leads anywhere but to the thing of that name."""
    transport = Scripted([OK])
    run(gateway_over(transport).get(HOST, (*ROWS, segment)))

    assert transport.sent[0].url == f"{BASE}/v1/Conversations/{written}"


def test_an_empty_path_segment_is_a_mistake() -> None:
    """Without its sid the path of a row would be that of its collection."""
    transport = Scripted([OK])
    gateway = gateway_over(transport)
    with pytest.raises(ValueError, match="empty"):
        run(gateway.get(HOST, (*ROWS, "")))

    assert transport.sent == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=9), st.text(max_size=9)), min_size=1, max_size=9))
def test_forms_are_written_as_given(pairs: list[tuple[str, str]]) -> None:
    """Names may stand more than once and hold dots; order, unicode and separators survive."""
    pairs = [("Configuration.Filters", "a"), ("Configuration.Filters", "b"), *pairs]
    pairs = [(n.encode("utf-8", "replace").decode(), v.encode("utf-8", "replace").decode()) for n, v in pairs]
    content_type, content = encode(Form(tuple(pairs)))

    assert content_type == "application/x-www-form-urlencoded"
    assert parse_qsl(content.decode("ascii"), keep_blank_values=True, strict_parsing=True) == pairs


def test_a_form_reaches_the_wire_byte_for_byte() -> None:
    """Dotted and repeated names as Twilio writes them."""
    form = Form((("MessagingBinding.Address", "+1 5"), ("Filters", "a"), ("Filters", "b"), ("X", "")))
    transport = Scripted([OK])
    run(write(gateway_over(transport), body=form))
    sent = transport.sent[0]

    assert sent.body == b"MessagingBinding.Address=%2B1+5&Filters=a&Filters=b&X="
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_json_reaches_the_wire_byte_for_byte() -> None:
    """As UTF-8, with null and numbers as they are."""
    transport = Scripted([OK])
    run(
        write(
            gateway_over(transport),
            "PUT",
            JsonBody({"types": {"twilio/text": {"body": "Grüße {{1}}"}}, "n": None}),
        )
    )
    sent = transport.sent[0]

    assert sent.body == '{"types": {"twilio/text": {"body": "Grüße {{1}}"}}, "n": null}'.encode()
    assert sent.headers["Content-Type"] == "application/json"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=40), max_size=4))
def test_multipart_carries_its_parts(contents: list[bytes]) -> None:
    """Bytes come through unchanged, also those that look like a boundary."""
    tricky = [b"--reconciler-0\r\n", b"\r\n--reconciler-0--\r\nreconciler-1", *contents]
    parts = tuple(Part(f"p{n}", content, f"f{n}.js", "x/bin") for n, content in enumerate(tricky))
    content_type, content = encode(Multipart((Part("Path", b"/greet"), *parts)))
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + content)
    found = [part for part in message.walk() if not part.is_multipart()]

    assert [part.get_payload(decode=True) for part in found] == [b"/greet", *tricky]
    assert [part.get_filename() for part in found] == [None, *(f"f{n}.js" for n in range(len(tricky)))]


def test_multipart_is_written_byte_for_byte() -> None:
    """A field, and a file whose name wants quoting."""
    body = Multipart((Part("Path", b"/a"), Part("Content", b"exports", 'a"b.js', "application/javascript")))
    expected = (
        b'--reconciler-0\r\nContent-Disposition: form-data; name="Path"\r\n\r\n/a\r\n'
        b'--reconciler-0\r\nContent-Disposition: form-data; name="Content"; filename="a\\"b.js"\r\n'
        b"Content-Type: application/javascript\r\n\r\nexports\r\n--reconciler-0--\r\n"
    )

    assert encode(body) == ("multipart/form-data; boundary=reconciler-0", expected)


def test_every_call_has_a_timeout_and_is_counted() -> None:
    """Each attempt reaches the transport with a time-out, and counts."""
    transport = Scripted([refusal(500), OK, OK, answer(204)])
    gateway = gateway_over(transport)

    async def play() -> None:
        await gateway.get(HOST, ROWS)
        await write(gateway)
        await write(gateway, "DELETE", None)

    run(play())

    assert {call.timeout_s for call in transport.sent} == {TIMEOUT_S}
    assert gateway.calls == {"GET": 2, "POST": 1, "DELETE": 1}


# --- how fast writes go ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 8),
    st.sampled_from([1, 2, 5, 10]),
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 0.05, 4.0]), st.booleans()), max_size=40),
    st.sampled_from([0.5, 1.0, 3.0]),
)
def test_writes_to_one_family_keep_to_the_rate(
    parallelism: int, per_second: int, calls: list[tuple[str, float, bool]], window_s: float
) -> None:
    """What reaches the wire, repetitions and held up calls included, is within rate and burst."""
    latencies = iter([latency_s for _, latency_s, _ in calls])
    too_many = iter([refused_ for _, _, refused_ in calls])
    sent: dict[str, list[float]] = {}

    class Uneven(Scripted):
        async def send(self, method: str, url: str, headers: Any, body: bytes, timeout_s: float) -> Answer:
            sent.setdefault(body.decode()[-1], []).append(asyncio.get_running_loop().time())
            await asyncio.sleep(next(latencies, 0.0))
            return await super().send(method, url, headers, body, timeout_s)

    transport = Uneven(lambda _: refusal(429, 20429, retry_after="1") if next(too_many, False) else OK)

    async def play() -> None:
        gateway = gateway_over(transport, parallelism=parallelism, writes_per_second=per_second)
        writes = (write_of(gateway, family) for family, _, _ in calls)
        with gateway.allow_writes():
            await asyncio.gather(*writes, return_exceptions=True)

    async def write_of(gateway: Gateway, family: str) -> None:
        await gateway.write("POST", HOST, ROWS, Form((("Family", family),)), family)

    run(play())

    for at in sent.values():
        most = max(sum(1 for moment in at if start <= moment <= start + window_s) for start in at)
        assert most <= per_second * window_s + per_second + 1e-6


def test_reads_are_not_held_up_by_the_rate() -> None:
    """Only writes count."""
    transport = Scripted(lambda _: OK)
    gateway = gateway_over(transport, writes_per_second=1)

    async def play() -> None:
        await asyncio.gather(*(gateway.get(HOST, ROWS) for _ in range(10)))

    run(play())

    assert moments(transport) == [0.0] * 10


# --- where calls go, and who may see what ------------------------------------------------------------------


def asked(monkeypatch: pytest.MonkeyPatch, **options: Any) -> str:
    """Return the url of one read in an environment that names an edge and a region."""
    monkeypatch.setenv("TWILIO_EDGE", "ashburn")
    monkeypatch.setenv("TWILIO_REGION", "us1")
    transport = Scripted([OK])
    run(gateway_over(transport, **options).get(HOST, ROWS))
    return transport.sent[0].url


def test_edge_and_region_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other program of Twilio's does."""
    assert asked(monkeypatch) == "https://conversations.ashburn.us1.twilio.com/v1/Conversations"


def test_edge_and_region_do_not_move_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever named an endpoint means it, also where its host has the look of Twilio's."""
    endpoint = "https://emulator.some.where.example.com"
    expected = f"{endpoint}/conversations.twilio.com/v1/Conversations"

    assert asked(monkeypatch, endpoint=endpoint) == expected


def test_pages_of_an_edge_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio may name the edge's host in its pages, or its plain one: both are its own."""
    monkeypatch.setenv("TWILIO_EDGE", "ashburn")
    edge = "https://conversations.ashburn.us1.twilio.com/v1/Conversations"
    transport = Scripted(
        [page(["CH1"], f"{edge}?Page=1"), page(["CH2"], f"{BASE}/v1/C?Page=2"), page(["CH3"])]
    )

    assert listed(transport) == ["CH1", "CH2", "CH3"]
    assert {urlsplit(call.url).netloc for call in transport.sent} == {urlsplit(edge).netloc}


@pytest.mark.parametrize(("username", "password"), [(ACCOUNT, PASSWORD), ("SK" + "b" * 32, "key secret ü")])
def test_the_sdk_signs_calls(username: str, password: str) -> None:
    """Account and token, or key and secret, as Basic authorization; the environment's are not looked at."""
    transport = Scripted([OK])
    run(gateway_over(transport, credentials=Credentials(ACCOUNT, username, password)).get(HOST, ROWS))
    scheme, _, token = transport.sent[0].headers["Authorization"].partition(" ")

    assert (scheme, base64.b64decode(token).decode()) == ("Basic", f"{username}:{password}")


def test_secrets_are_in_no_text_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Neither repr nor error nor traceback nor log shows a credential or a number that was sent."""
    token = base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()
    faults: list[Answer | TransportError] = [
        TransportError("the connection broke", sent=True),
        refusal(401, 20003),
        answer(200, b"<html>"),
    ]
    gateway = gateway_over(Scripted(faults))
    texts = [repr(gateway), repr(CREDENTIALS), str(CREDENTIALS), repr(vars(gateway))]
    form = Form((("MessagingBinding.Address", "+15550100301"),))
    with caplog.at_level(logging.DEBUG):
        for _ in faults:
            fault = refused(write(gateway, body=form))
            texts += [repr(fault), *traceback.format_exception(fault)]
            texts += [repr(fault.diagnostics)]
    everything = "\n".join([*texts, caplog.text])

    assert PASSWORD not in everything
    assert token not in everything
    assert "+15550100301" not in everything
    assert [record for record in caplog.records if "twilio" in record.name] == []


def test_the_body_of_a_call_is_json_or_nothing() -> None:
    """Text after the JSON, a bare list, a number: what is no object is kept under `value`."""
    gateway = gateway_over(Scripted([answer(200, [1]), answer(200, json.dumps(7).encode())]))

    async def twice() -> list[Any]:
        return [await gateway.get(HOST, ROWS) for _ in range(2)]

    assert run(twice()) == [{"value": [1]}, {"value": 7}]
