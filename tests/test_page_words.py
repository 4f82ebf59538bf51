"""What the page says stays true in a real browser: former pairs, silence, warnings, names, order, room."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from pages import WIDTHS, chromium, opened, violations
from playwright.sync_api import expect
from scenes import ALICIA, DRIVER, ROBERT, SMS, WA, conversation, fetched, masked, phone, write

from reconciler.emulator import Clock, Store, ask
from reconciler.emulator.doors.server import running
from reconciler.emulator.specs import APPLIED, NOT_APPLIED, Line, Problem, Specs, tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from playwright.sync_api import Browser, Locator, Page

OTHER_WA = "whatsapp:+15550100250"
HOUR_S = 3600.0
ADVICE = 'write:\n  friendly_name: "Order #12"\n    # or quote it'
QUOTE = f"    friendly_name: {'long ' * 60}#12\n{' ' * 319}^"


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


def scene(url: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fetched(url, "/_emulator/page")[2])
    return found


def replaced(store: Store, sid: str, address: str, proxy: str) -> None:
    """Give a participant another sender, as an apply does: another participant takes its place."""
    people = ask(store, "GET", f"/Conversations/{sid}/Participants")[1]["participants"]
    (old,) = [one for one in people if (one["messaging_binding"] or {}).get("address") == address]
    assert ask(store, "DELETE", f"/Conversations/{sid}/Participants/{old['sid']}")[0] == 204
    form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
    form["Attributes"] = old["attributes"]
    assert ask(store, "POST", f"/Conversations/{sid}/Participants", form)[0] == 201


def bubble(page: Page, name: str, body: str) -> Locator:
    return phone(page, name).get_by_role("listitem").filter(has_text=body)


def pair(page: Page, name: str) -> Locator:
    return page.locator(".pair").filter(has_text=name)


def names(page: Page) -> list[str]:
    return page.locator(".phone h2").all_inner_texts()


# --- what became of a message never goes backwards ---------------------------------------------------------


def test_what_went_by_a_former_pair_is_said_to_have(browser: Browser, store: Store, url: str) -> None:
    """Another mask is put on: what was carried before was carried, by the pair that there was."""
    sid = masked(store)
    store.phones.send(ROBERT, WA, "one")
    store.phones.send(ALICIA, SMS, "two")
    replaced(store, sid, ROBERT, OTHER_WA)
    with opened(browser, url) as page:
        expect(pair(page, "customer")).to_contain_text("went by its former pair, +15550100200: delivered")
        expect(page.locator(".told")).to_contain_text("Delivered")
        expect(bubble(page, "courier", "two")).to_contain_text("Delivered")
        bubble(page, "courier", "one").get_by_role("button").first.click()
        expect(pair(page, "customer")).to_contain_text("came in by its former pair, +15550100200")
        expect(page.locator(".told")).to_contain_text("by customer, from a handset")

        replaced(store, sid, ALICIA, "+15550100251")
        expect(pair(page, "courier")).to_contain_text("went by its former pair, +15550100201: delivered")
        people = ask(store, "GET", f"/Conversations/{sid}/Participants")[1]["participants"]
        for one in people:
            assert ask(store, "DELETE", f"/Conversations/{sid}/Participants/{one['sid']}")[0] == 204
        gone = page.locator(".pair").filter(has_text="takes part no more")
        expect(gone).to_have_count(2)
        expect(gone.first).to_contain_text("by this pair")
        assert violations(page) == []


def test_each_bubble_says_its_own_end(browser: Browser, store: Store, url: str) -> None:
    """Those of another conversation in the same thread too, old ones, and one whose message was removed."""
    first = masked(store)
    store.phones.send(ALICIA, SMS, "once")
    ask(store, "POST", f"/Conversations/{first}", {"State": "closed"})
    sid = conversation(store, ("customer", DRIVER, WA), ("courier", ALICIA, SMS), name="Order 2")
    removed = store.phones.send(ALICIA, SMS, "of this one")
    assert ask(store, "DELETE", f"/Conversations/{sid}/Messages/{removed.message_sid}")[0] == 204
    with opened(browser, url, f"#conversation={sid}") as page:
        expect(bubble(page, "courier", "once")).to_contain_text("Nobody got it (63016)")
        expect(bubble(page, "courier", "of this one")).to_contain_text("was removed since")


def test_a_long_talk_makes_no_long_answer(browser: Browser, store: Store, url: str) -> None:
    """Of each thread the latest are told, and how many there are before."""
    masked(store)
    for number in range(450):
        store.phones.send(ROBERT, WA, f"message {number}")
    content = fetched(url, "/_emulator/page")[2]
    found = json.loads(content)
    threads = [thread for one in found["phones"] for thread in one["threads"]]

    assert [(len(one["messages"]), one["earlier"]) for one in threads] == [(200, 250), (200, 250)]
    assert (len(found["conversation"]["messages"]), found["conversation"]["earlier"]) == (200, 250)
    assert len(content) < 500_000
    with opened(browser, url, "#drawer=resources") as page:
        expect(phone(page, "courier")).to_contain_text("250 earlier ones are not shown")
        expect(page.get_by_role("tabpanel")).to_contain_text("250 earlier ones are not listed")


# --- the emulator goes away --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_silence_is_told_above_all(browser: Browser, store: Store, url: str, width: int) -> None:
    """What is shown is old then: nothing calls it active, and nothing in the bar gives way."""
    masked(store)
    with opened(browser, url, width=width) as page:
        before = page.locator("#choose").bounding_box()
        page.context.set_offline(True)
        page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
        silent = page.get_by_role("status").filter(has_text="does not answer")
        expect(silent).to_be_in_viewport(ratio=1)
        expect(page.locator(".state")).to_be_hidden()
        after = page.locator("#choose").bounding_box()
        assert before is not None
        assert after is not None
        assert after["width"] >= before["width"]
        assert violations(page) == []
        page.context.set_offline(False)
        expect(silent).to_have_count(0)
        expect(page.locator(".state")).to_have_text("active")


def test_a_mistake_in_drawing_is_not_told_as_silence(browser: Browser, store: Store, url: str) -> None:
    """It is the page's own, it says so, and what is right again is drawn again."""
    masked(store)
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("body[data-ready=yes]")
    page.route("**/_emulator/page*", lambda route: route.fulfill(json={**scene(url), "phones": None}))
    store.phones.send(ROBERT, WA, "one")
    expect(page.get_by_text("The page made a mistake")).to_be_visible()
    expect(page.get_by_text("does not answer")).to_have_count(0)
    page.unroute("**/_emulator/page*")
    store.phones.send(ROBERT, WA, "two")
    expect(phone(page, "courier")).to_contain_text("two")
    expect(page.get_by_text("The page made a mistake")).to_have_count(0)
    context.close()


def test_a_refusal_is_told_and_asked_again(browser: Browser, store: Store, url: str) -> None:
    """An answer that says no is no silence; the page goes on asking by itself."""
    masked(store)
    with opened(browser, url) as page:
        page.route("**/_emulator/page*", lambda route: route.fulfill(status=503, json={"message": "busy"}))
        store.phones.send(ROBERT, WA, "one")
        expect(page.get_by_text("refuses to answer; trying again. busy")).to_be_visible()
        page.unroute("**/_emulator/page*")
        expect(phone(page, "courier")).to_contain_text("one")


def test_an_open_tab_asks_for_its_rows_alone(browser: Browser, store: Store, url: str) -> None:
    """While nothing happens the world is not asked for, and of the calls only those that are new."""
    masked(store)
    for number in range(30):
        ask(store, "GET", f"/Conversations/CH{number:032}")
    with opened(browser, url, "#drawer=requests") as page:
        asked: list[str] = []
        expect(page.get_by_role("row", name="404")).to_have_count(30)
        with page.expect_request("**/_emulator/requests*"):
            page.on("request", lambda request: asked.append(request.url.rpartition("/_emulator/")[2]))
        with page.expect_request("**/_emulator/requests*"):
            pass
        ask(store, "GET", "/Conversations/CHnone")
        expect(page.get_by_role("row", name="404")).to_have_count(31)
    assert not [one for one in asked if one.startswith("page")]
    assert all(re.fullmatch(r"requests\?limit=300&since=[1-9]\d*", one) for one in asked)


# --- the specs ---------------------------------------------------------------------------------------------


def problem(severity: str, summary: str) -> Problem:
    return Problem(severity, summary, ADVICE, file="stack.yaml", line=9, column=320, quote=QUOTE)


def test_a_warning_reaches_the_page_and_can_be_put_away(browser: Browser, store: Store, url: str) -> None:
    """Quietly, though all is applied; another one is shown again."""
    masked(store)
    tell(store, Specs(APPLIED, "1 conversation", problems=(problem("warning", "the rest is a comment"),)))
    with opened(browser, url) as page:
        banner = page.get_by_role("status").get_by_label("Specs")
        expect(banner).to_contain_text("applied, with a warning")
        expect(banner).to_contain_text("the rest is a comment")
        detail = banner.locator(".detail")
        assert detail.evaluate("node => node.innerText") == ADVICE  # as it is copied
        assert violations(page) == []
        banner.get_by_role("button", name="Dismiss").click()
        expect(banner).to_have_count(0)
        tell(store, Specs(APPLIED, "1 conversation", problems=(problem("warning", "another one"),)))
        expect(banner).to_contain_text("another one")
        tell(store, Specs(APPLIED, "1 conversation"))
        expect(banner).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_banner_leaves_room_to_write(
    browser: Browser, store: Store, url: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """However much is wrong; and of a long line one sees where the mistake is."""
    masked(store)
    wrong = tuple(problem("error", f"mistake {number}") for number in range(3))
    tell(store, Specs(NOT_APPLIED, "Nothing was applied.", problems=wrong))
    with opened(browser, url, width=width, scheme=scheme) as page:
        expect(page.get_by_label("The line")).to_have_count(3)
        expect(phone(page, "customer").get_by_role("textbox")).to_be_in_viewport(ratio=1)
        expect(page.locator(".caret").first).to_be_in_viewport(ratio=0.9)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_phones_stand_as_the_specs_have_them_and_keep_their_places(
    browser: Browser, store: Store, url: str
) -> None:
    """Without specs as they came; a participant that takes another's place moves no phone."""
    sid = masked(store)
    with opened(browser, url) as page:
        assert names(page) == ["customer", "courier"]
        replaced(store, sid, ROBERT, OTHER_WA)
        expect(phone(page, "customer").locator(".peer")).to_contain_text("0250")
        assert names(page) == ["customer", "courier"]

        mark = {"reconciler": {"o": "food", "k": "order"}}
        ask(store, "POST", f"/Conversations/{sid}", {"Attributes": json.dumps(mark)})
        for one in ask(store, "GET", f"/Conversations/{sid}/Participants")[1]["participants"]:
            key = json.loads(one["attributes"])["role"]
            marked = json.dumps({"role": key, "reconciler": {"o": "food", "k": key}})
            ask(store, "POST", f"/Conversations/{sid}/Participants/{one['sid']}", {"Attributes": marked})
        lines = {"courier": Line("stack.yaml", 7, "courier:"), "customer": Line("stack.yaml", 9, "customer:")}
        places = {f"conversation/order/participant/{key}": line for key, line in lines.items()}
        tell(store, Specs(APPLIED, "", "food", "", places=places))
        expect(page.locator(".phone h2").first).to_have_text("courier")
        expect(page.locator(".pair").first).to_contain_text("courier")


def test_a_phone_keeps_its_side_for_who_comes_later(store: Store, url: str) -> None:
    """Who wrote first came first, even if another participant has its place by now."""
    sid = masked(store)
    store.phones.send(ROBERT, WA, "hello")
    replaced(store, sid, ROBERT, OTHER_WA)

    assert [one["address"] for one in scene(url)["phones"]] == [ROBERT, ALICIA]


# --- the bar above -----------------------------------------------------------------------------------------


def test_closed_conversations_stand_apart(browser: Browser, store: Store, url: str) -> None:
    """Below the open ones, the latest first and not without end; those of one name are told apart."""
    open_sid = masked(store)
    for number in range(30):
        sid = ask(store, "POST", "/Conversations", {"FriendlyName": f"big {number}"})[1]["sid"]
        ask(store, "POST", f"/Conversations/{sid}", {"State": "closed"})
    for name in ("a", "b"):
        ask(store, "POST", "/Conversations", {"FriendlyName": "Twice", "UniqueName": name})
    with opened(browser, url) as page:
        chooser = page.get_by_label("Conversation", exact=True)
        closed = chooser.locator("optgroup option").all_inner_texts()
        assert closed == [f"big {number}" for number in range(29, 9, -1)]
        assert chooser.locator("> option").all_inner_texts() == ["Order 1", "Twice · a", "Twice · b"]
        assert chooser.input_value() == open_sid


# --- the handsets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
def test_a_handset_with_two_threads_has_room_for_both(
    browser: Browser, store: Store, url: str, width: int
) -> None:
    """Neither covers the other, nor the handset's own number."""
    masked(store)
    conversation(store, ("customer", ROBERT, OTHER_WA), ("seller", DRIVER, WA), name="Two")
    with opened(browser, url, width=width) as page:
        owner = phone(page, "customer").locator(".owner")
        boxes = [owner.locator(one).bounding_box() for one in (".own", "select", ".tools")]
        own, select, tools = [box for box in boxes if box is not None]
        assert select["y"] >= max(own["y"] + own["height"], tools["y"] + tools["height"])
        assert select["width"] >= 200
        written_px = owner.locator(".own").evaluate("node => node.scrollWidth")
        assert tools["y"] >= own["y"] + own["height"] or tools["x"] >= own["x"] + written_px


def test_a_handset_says_how_it_is_and_what_to_do(browser: Browser, store: Store, url: str) -> None:
    """Offline it says so, and how to bring it back; who stopped can start again."""
    masked(store)
    with opened(browser, url) as page:
        courier = phone(page, "courier")
        courier.get_by_role("switch", name="Online").click()
        expect(courier.get_by_role("switch", name="Offline")).to_be_visible()
        write(page, "courier", "hello?")
        expect(courier.get_by_role("alert")).to_contain_text("This handset is offline. Press “Offline”")
        courier.get_by_role("switch", name="Offline").click()
        courier.get_by_role("button", name="Send STOP").click()
        courier.get_by_role("button", name="Send START").click()
        expect(courier.get_by_role("button", name="Send STOP")).to_be_visible()
        assert not store.phones[ALICIA].opted_out


def test_an_open_window_is_no_alarm_before_its_last_hours(browser: Browser, store: Store, url: str) -> None:
    """It is told from the first minute, and looks like a warning only when it is time."""
    masked(store)
    store.phones.send(ROBERT, WA, "hello")
    with opened(browser, url) as page:
        window = phone(page, "customer").locator(".window")
        expect(window).to_have_attribute("data-state", "open")
        page.get_by_role("slider").fill("22.25")
        expect(window).to_have_attribute("data-state", "soon")
        expect(window).to_contain_text("shuts in 1 h 45 min")
        assert violations(page) == []


# --- time --------------------------------------------------------------------------------------------------


def test_a_button_pushes_the_ruler_and_another_lets_time_pass(
    browser: Browser, store: Store, url: str
) -> None:
    """What would be is seen first; by the keyboard too, and Escape takes it back."""
    masked(store)
    store.phones.send(ROBERT, WA, "hello")
    began_s = store.now_s()
    with opened(browser, url) as page:
        slider, go = page.get_by_role("slider"), page.get_by_role("button", name="Let it pass")
        page.get_by_role("button", name="+25 h").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".ahead")).to_have_text("In 25 h: customer: window shuts")
        page.keyboard.press("Escape")
        expect(slider).to_have_value("0")
        page.get_by_role("button", name="+1 h", exact=True).click()
        page.get_by_role("button", name="+1 h", exact=True).click()
        expect(page.locator(".ahead")).to_contain_text("In 2 h")
        assert store.now_s() == began_s
        go.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".clock")).to_contain_text("02:00:00")
        expect(slider).to_be_focused()
    assert store.now_s() == began_s + 2 * HOUR_S


def test_what_is_due_elsewhere_is_named(browser: Browser, store: Store, url: str) -> None:
    """A window of another conversation's is not told as one of this."""
    masked(store)
    conversation(store, ("customer", ROBERT, OTHER_WA), ("seller", DRIVER, WA), name="Two")
    store.phones.send(ROBERT, OTHER_WA, "over there")
    with opened(browser, url) as page:
        due = page.get_by_label("What is due")
        expect(due).to_contain_text("Two: window of +1 555 010 0301 shuts")
        expect(due).not_to_contain_text("customer: window shuts")
        store.phones.send(ROBERT, WA, "here")
        expect(due).to_contain_text("customer: window shuts")


# --- posting -----------------------------------------------------------------------------------------------


def test_posting_says_what_is_no_template(browser: Browser, store: Store, url: str) -> None:
    """A word like a template's SID is not sent as text; what was said goes with the next try."""
    service = ask(store, "POST", "/Services", {"FriendlyName": "Another"})[1]["sid"]
    sid = ask(store, "POST", f"/Services/{service}/Conversations", {"FriendlyName": "There"})[1]["sid"]
    with opened(browser, url, f"#conversation={sid}") as page:
        box, answer = page.get_by_label("Body"), page.locator(".answer")
        box.fill("HX123")
        box.press("Enter")
        expect(answer).to_contain_text("HX123 is no SID of a template")
        box.fill("")
        box.press("Enter")
        expect(answer).to_be_empty()
        box.fill("HX marks the spot")
        box.press("Enter")
        expect(answer).to_contain_text("201 Created")
    told = ask(store, "GET", f"/Services/{service}/Conversations/{sid}/Messages")[1]["messages"]
    assert [one["body"] for one in told] == ["HX marks the spot"]
