"""The page's drawer in a real browser: what became of webhooks, rows that lead to bubbles, how high it is."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from pages import WIDTHS, chromium, opened, violations
from playwright.sync_api import expect
from scenes import ALICIA, DRIVER, HOSTILE, ROBERT, SMS, WA, busy, conversation, fetched, masked, phone

from reconciler.emulator import Clock, Store, ask
from reconciler.emulator.control.requests import shown
from reconciler.emulator.doors.in_process import request_to
from reconciler.emulator.doors.server import running
from reconciler.emulator.request_log import RequestLog
from reconciler.emulator.wire import Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from playwright.sync_api import Browser, Locator, Page

TABS = ("timeline", "requests", "webhooks", "resources")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def store() -> Store:
    return Store(clock=Clock.frozen())


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    with running(store) as found:
        yield found


@contextlib.contextmanager
def receiver(statuses: list[int]) -> Iterator[str]:
    """Answer webhooks with these statuses, one after the other, the last for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()
            self.wfile.write(b"heard <b>you</b>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hooked(store: Store, sid: str, url: str) -> None:
    form = {"Target": "webhook", "Configuration.Url": url, "Configuration.Filters": "onMessageAdded"}
    assert ask(store, "POST", f"/Conversations/{sid}/Webhooks", form)[0] == 201


def rows(page: Page, *texts: str) -> Locator:
    found = page.get_by_role("tabpanel").locator("tbody tr")
    for text in texts:
        found = found.filter(has_text=text)
    return found


def lit(page: Page) -> Locator:
    return page.get_by_role("tabpanel").locator("tbody tr.lit")


def test_webhooks_are_told_as_they_go_and_made_again(browser: Browser, store: Store, url: str) -> None:
    """One that failed and one that was not sent, why, what was said and answered; and the call made again."""
    sid = masked(store)
    with receiver([500, 200]) as heard, opened(browser, url, "#drawer=webhooks") as page:
        expect(page.get_by_text("No webhook has been due yet")).to_be_visible()
        hooked(store, sid, heard)
        hooked(store, sid, "https://example.com/audit")
        store.phones.send(ROBERT, WA, HOSTILE)
        called = rows(page, "onMessageAdded", heard)
        expect(called).to_contain_text(re.compile(r"500 in \d+ ms"))
        expect(rows(page, "https://example.com/audit", "not sent")).to_contain_text(
            "--allow-external-webhooks"
        )

        called.get_by_text("What it says").click()
        expect(called.get_by_label("What it says")).to_contain_text(f"Body={HOSTILE}")
        expect(called.get_by_label("What it says")).to_contain_text("X-Twilio-Signature: ")
        called.get_by_text("What was answered").click()
        expect(called.get_by_label("What was answered")).to_have_text("heard <b>you</b>")
        assert violations(page) == []

        called.get_by_role("button", name="Replay onMessageAdded #1").click()
        again = rows(page, "replay of #1")
        expect(again).to_contain_text(re.compile(r"200 in \d+ ms"))
        expect(called.last.get_by_label("What it says")).to_be_visible()  # what was opened stays open


def test_a_bubble_selects_its_rows_and_a_row_its_bubble(browser: Browser, store: Store, url: str) -> None:
    """In every tab: the rows of one message stand out, and each leads back, by mouse and by keyboard."""
    sid = masked(store)
    hooked(store, sid, "https://example.com/audit")
    form = {"Author": "system", "Body": "by the API"}
    posted = ask(store, "POST", f"/Conversations/{sid}/Messages", form, {"X-Twilio-Webhook-Enabled": "true"})[
        1
    ]
    ask(store, "GET", f"/Conversations/{sid}/Messages/{posted['sid']}")
    store.phones.send(ROBERT, WA, "from a handset")
    with opened(browser, url, "#drawer=timeline") as page:
        phone(page, "courier").get_by_role("button", name="by the API").click()
        counts = {}
        for name in ("Timeline", "API requests", "Webhooks", "Resources"):
            page.get_by_role("tab", name=name).click()
            expect(lit(page)).not_to_have_count(0)
            counts[name] = lit(page).count()
        events = [one for one in store.events.since(0) if posted["sid"] in one.data.values()]
        assert counts == {"Timeline": len(events), "API requests": 2, "Webhooks": 1, "Resources": 3}

        chosen = page.locator(".bubble[aria-pressed=true]")
        rows(page, "Message", "from a handset").click()
        expect(chosen).to_have_count(2)
        expect(chosen.first).to_contain_text("from a handset")
        page.get_by_role("tab", name="Webhooks").click()
        leading = rows(page, "onMessageAdded").last.get_by_role("button", name="Message of row 1")
        leading.focus()
        page.keyboard.press("Enter")
        expect(leading).to_have_attribute("aria-pressed", "true")
        expect(chosen.first).to_contain_text("by the API")
        expect(page).to_have_url(re.compile(f"message={posted['sid']}&drawer=webhooks"))
        page.get_by_role("tab", name="API requests").click()
        rows(page, "/Messages", "from a handset").wait_for(state="detached")  # a handset is no client
        rows(page, f"GET /v1/Conversations/{sid[:6]}…/Messages").click()
        expect(chosen.first).to_contain_text("by the API")


def test_a_row_leads_to_another_conversation(browser: Browser, store: Store, url: str) -> None:
    """The timeline is the world's, so a row may be of a conversation that is not on show."""
    masked(store)
    conversation(store, ("customer", DRIVER, WA), ("courier", "+15550100304", SMS), name="Order 2")
    store.phones.send(DRIVER, WA, "over here")
    with opened(browser, url, "#drawer=timeline") as page:
        expect(page.get_by_label("Conversation")).to_have_value(re.compile("CH"))
        rows(page, "over here").click()
        expect(page.locator(".bubble[aria-pressed=true]").first).to_contain_text("over here")
        assert page.get_by_label("Conversation").evaluate("node => node.selectedOptions[0].text") == "Order 2"
        assert page.get_by_label("Conversation").is_visible()


def test_a_row_brings_its_bubble_into_sight(browser: Browser, store: Store, url: str) -> None:
    """The latest message is in sight at first; the one that is asked for comes into sight, on both phones."""
    masked(store)
    for number in range(40):
        store.phones.send(ROBERT, WA, f"message {number:02}")
    with opened(browser, url, "#drawer=resources") as page:
        expect(phone(page, "courier").get_by_role("button", name="message 39")).to_be_in_viewport()
        rows(page, "#3 message 03").click()
        for name in ("customer", "courier"):
            expect(phone(page, name).get_by_role("button", name="message 03")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("height", [800, 900])
def test_the_phones_stay_usable_beside_the_open_drawer(
    browser: Browser, store: Store, url: str, height: int
) -> None:
    """Shut, two phones and the mask are in one frame; open, one still reads the latest message and writes."""
    masked(store)
    store.phones.send(ROBERT, WA, "hello")
    with opened(browser, url) as page:
        page.set_viewport_size({"width": 1280 if height == 800 else 1440, "height": height})
        for one in (phone(page, "customer"), phone(page, "courier"), page.locator(".route")):
            expect(one).to_be_in_viewport(ratio=1)
        page.get_by_role("button", name="Timeline").click()
        for name in ("customer", "courier"):
            expect(phone(page, name).get_by_role("button", name="hello")).to_be_in_viewport(ratio=1)
            expect(phone(page, name).get_by_role("textbox")).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("slider")).to_be_in_viewport(ratio=1)


def test_the_drawer_is_as_high_as_one_makes_it(browser: Browser, store: Store, url: str) -> None:
    """By arrow keys and by the mouse, within what leaves room for the rest."""
    masked(store)
    with opened(browser, url, "#drawer=timeline") as page:
        drawer, edge = page.locator("#drawer"), page.get_by_role("separator", name="Height of the drawer")
        before = drawer.bounding_box()
        edge.focus()
        page.keyboard.press("ArrowUp")
        higher = drawer.bounding_box()
        assert before is not None
        assert higher is not None
        assert higher["height"] == pytest.approx(before["height"] + 24, abs=1)
        expect(edge).to_have_attribute("aria-valuenow", str(round(higher["height"])))
        page.mouse.move(640, higher["y"])
        page.mouse.down()
        page.mouse.move(640, 20, steps=3)
        page.mouse.up()
        highest = drawer.bounding_box()
        assert highest is not None
        assert highest["height"] == pytest.approx(480, abs=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_in_any_tab(
    browser: Browser, store: Store, url: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """At each width, in light and dark, each tab empty and full, and one with its bubble selected."""
    for tab in TABS:
        with opened(browser, url, f"#drawer={tab}", width, scheme) as page:
            assert violations(page) == []
    sid = busy(store)
    hooked(store, sid, "https://example.com/audit")
    sent = store.phones.send(ROBERT, WA, HOSTILE)
    for tab in TABS:
        fragment = f"#conversation={sid}&message={sent.message_sid}&drawer={tab}"
        with opened(browser, url, fragment, width, scheme) as page:
            expect(page.get_by_role("tabpanel").locator("tbody tr").first).to_be_visible()
            for one in page.get_by_role("tabpanel").get_by_text("What it says").all():
                if one.evaluate("node => node.tagName === 'SUMMARY'"):
                    one.click()
            assert violations(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_lit_rows_are_those_of_the_latest_message_before_one_is_chosen(
    browser: Browser, store: Store, url: str
) -> None:
    """Nobody has to click to see what just happened."""
    masked(store)
    store.phones.send(ROBERT, WA, "first")
    with opened(browser, url, "#drawer=resources") as page:
        expect(lit(page).filter(has_text="first")).to_have_count(1)
        store.phones.send(ALICIA, SMS, "second")
        expect(lit(page).filter(has_text="second")).to_have_count(1)
        expect(lit(page).filter(has_text="first")).to_have_count(0)


def test_calls_say_what_they_were_about_and_webhooks_are_asked_for_in_part(store: Store) -> None:
    """A write names what it made, a read what is in its path; of many deliveries the latest suffice."""
    sid = masked(store)
    hooked(store, sid, "https://example.com/audit")
    form = {"Author": "system", "Body": '{"sid": "IM' + "0" * 32 + '"}'}
    made = ask(store, "POST", "/Conversations/" + sid + "/Messages", form)[1]["sid"]
    ask(store, "GET", f"/Conversations/{sid}/Messages/{made}")
    ask(store, "GET", f"/Conversations/{sid}/Messages")
    ask(store, "DELETE", f"/Conversations/{sid}/Messages/{made}")
    for body in ("one", "two", "three"):
        store.phones.send(ROBERT, WA, body)
    with running(store) as url:
        calls = json.loads(fetched(url, "/_emulator/requests?limit=4")[2])["requests"]
        latest = json.loads(fetched(url, "/_emulator/webhooks?limit=2&event=onMessageAdded")[2])["webhooks"]
        wrong = fetched(url, "/_emulator/webhooks?limit=x")[0]

    assert [set(one["sids"]) for one in calls] == [{sid, made}, {sid, made}, {sid}, {sid, made}]
    assert [one["parameters"]["Body"] for one in latest] == ["two", "three"]
    assert wrong == 400


@pytest.mark.parametrize(("status", "body"), [(200, b"<p>a file</p>"), (404, b"no such file"), (201, b"[]")])
def test_an_answer_that_is_no_object_is_listed_too(status: int, body: bytes) -> None:
    """A served file has neither SIDs nor a code, and does not keep the others from being read."""
    call = request_to("POST", f"https://conversations.twilio.com/v1/Conversations/CH{'0' * 32}", {}, b"")
    log = RequestLog()
    log.note(1, 0.0, call, Response(status, {}, body), 0.0)

    (entry,) = log.since(0)
    assert (shown(entry)["sids"], shown(entry)["error_code"]) == ([f"CH{'0' * 32}"], None)
