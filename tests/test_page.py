"""The page with the phones, as a person uses it: a real browser, a real socket, time standing still."""

from __future__ import annotations

import json
import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from contents import GREETED, approved, created
from deploying import Project
from pages import WIDTHS, chromium, opened, violations
from playwright.sync_api import expect
from scenes import (
    ALICIA,
    DRIVER,
    HOSTILE,
    ROBERT,
    SMS,
    WA,
    busy,
    conversation,
    fetched,
    masked,
    phone,
    two_on_whatsapp,
    write,
)
from worlds import World

from reconciler.emulator import Clock, Store, ask
from reconciler.emulator.doors.server import running
from reconciler.variables import Inputs
from reconciler.workflow import read_specs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parent.parent
DAY_S = 86_400.0


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


# --- what is served ----------------------------------------------------------------------------------------


def sources() -> dict[str, str]:
    folder = files("reconciler.emulator").joinpath("page")
    return {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir()}


def test_every_file_is_served_under_a_strict_policy(url: str) -> None:
    """The page is allowed this very origin alone: no inline script or style, no frame, no guess."""
    for name in sources():
        status, headers, content = fetched(url, "/" if name == "index.html" else f"/_page/{name}")
        policy = headers["content-security-policy"]

        assert status == 200
        assert content
        assert policy.startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
        )
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
        assert headers["content-type"].endswith("; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    ["/_page/", "/_page/../server.py", "/_page/%2e%2e/server.py", "/_page//etc/passwd", "/_page/no.js"],
)
def test_nothing_else_is_served(url: str, path: str) -> None:
    """A path that is not exactly a file of the page leads nowhere."""
    assert fetched(url, path)[0] == 404


@pytest.mark.parametrize("path", ["/", "/_page/main.js", "/_emulator/page"])
def test_strangers_get_nothing(url: str, path: str) -> None:
    """Neither a name rebound to this machine nor a page of another origin reads the world."""
    assert fetched(url, path, Host="evil.example")[0] == 403
    assert fetched(url, path, Origin="http://evil.example")[0] == 403
    assert fetched(url, path, method="DELETE")[0] == 405
    assert "access-control-allow-origin" not in fetched(url, path)[1]


def test_the_page_is_small_and_loads_nothing_from_elsewhere() -> None:
    """Plain modules that one can read, none of which turns text into elements."""
    for name, text in sources().items():
        assert len(text.splitlines()) < 300, name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), name
        assert not re.search(r"""(src|href|from|import|url\()\s*[=(]?\s*["']?(https?:)?//""", text), name


def test_the_page_is_part_of_the_package() -> None:
    """A wheel takes the whole folder of the package, so the page is in it."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert wheel == {"packages": ["reconciler"]}
    assert {"index.html", "main.js", "theme.css"} <= set(sources())


# --- the scene ---------------------------------------------------------------------------------------------


def scene(store: Store, sid: str = "") -> dict[str, Any]:
    with running(store) as url:
        status, _, content = fetched(url, f"/_emulator/page?conversation={sid}")
    assert status == 200
    found: dict[str, Any] = json.loads(content)
    return found


def test_a_scene_is_the_conversation_asked_for_or_the_first_open_one(store: Store) -> None:
    """Who asks for none, or for one that is gone, is shown one that can be played."""
    closed = conversation(store, ("customer", ROBERT, WA))
    ask(store, "POST", f"/Conversations/{closed}", {"State": "closed"})
    played = masked(store)

    assert scene(store)["conversation"]["sid"] == played
    assert scene(store, "CHnone")["conversation"]["sid"] == played
    assert scene(store, closed)["conversation"]["state"] == "closed"
    assert [one["address"] for one in scene(store)["phones"]] == [ROBERT, ALICIA]


def test_a_scene_tells_what_time_will_bring_in_order(store: Store) -> None:
    """Windows and timers, the soonest first; what has passed is not among them."""
    sid = masked(store)
    ask(store, "POST", f"/Conversations/{sid}", {"Timers.Inactive": "PT2H", "Timers.Closed": "P3D"})
    store.phones.send(ROBERT, WA, "hello")
    now_s = store.now_s()

    due = [(one["what"], one["at_s"] - now_s) for one in scene(store)["dues"]]
    store.advance(DAY_S)
    left = [one["what"] for one in scene(store)["dues"]]

    assert due == [("inactive", 7200), ("window", DAY_S), ("closed", 3 * DAY_S)]
    assert left == ["closed"]


def test_a_new_world_has_an_empty_scene(store: Store) -> None:
    found = scene(store)

    assert (found["conversation"], found["phones"], found["dues"]) == (None, [], [])


# --- played ------------------------------------------------------------------------------------------------


def test_two_phones_talk_and_neither_sees_the_other(browser: Browser, store: Store, url: str) -> None:
    """What one writes stands on the other, from our sender; the real peer shows only when revealed."""
    masked(store)
    with opened(browser, url) as page:
        customer, courier = phone(page, "customer"), phone(page, "courier")
        write(page, "customer", "Where is my pizza?")
        expect(courier.locator("li", has_text="Where is my pizza?")).to_contain_text("Delivered")
        write(page, "courier", "At your door.")
        expect(customer.get_by_role("button", name="At your door.")).to_be_visible()
        expect(courier.locator("li", has_text="At your door.")).to_contain_text("Delivered")

        expect(courier.locator(".peer")).to_have_text(re.compile(r"\+1 555 010 0201\s*real peer hidden"))
        assert "0301" not in courier.inner_text()
        courier.get_by_role("switch", name="Reveal").click()
        expect(courier.locator(".peer")).to_contain_text("customer +1 555 010 0301")
        customer.get_by_role("button", name="Mark read").click()
        expect(courier.locator("li", has_text="At your door.")).to_contain_text("Read")
    assert [row.body for row in store.phones[ALICIA].messages] == ["Where is my pizza?", "At your door."]


def test_the_pair_that_routed_a_message_is_lit(browser: Browser, store: Store, url: str) -> None:
    """The latest message lights both pairs; one that is selected lights its own, on both phones."""
    masked(store)
    store.phones.send(ROBERT, WA, "one")
    store.phones.send(ALICIA, SMS, "two")
    with opened(browser, url) as page:
        pairs = page.locator(".pair")
        expect(pairs.nth(1)).to_contain_text("came in by this pair")
        phone(page, "customer").get_by_role("button", name="one").click()

        expect(pairs.nth(0)).to_have_class(re.compile(r"\bin\b"))
        expect(pairs.nth(0)).to_contain_text('customer: {address: "+15550100301", via: wa}')
        expect(pairs.nth(1)).to_contain_text("went out by this pair: delivered")
        expect(page.locator(".bubble[aria-pressed=true]")).to_have_count(2)


def test_the_yaml_of_a_stack_is_shown_under_its_own_keys(browser: Browser) -> None:
    """The line beside a pair is the one that stands in the specs."""
    world = World()
    with ThreadPoolExecutor(1) as elsewhere:  # this thread's loop is the browser's
        elsewhere.submit(lambda: world.apply(read_specs(ROOT / "specs", Inputs()).stack)).result()
    with running(world.store) as url, opened(browser, url) as page:
        page.get_by_label("Conversation").select_option(label="Order 1042")
        courier = page.locator(".pair").filter(has_text="courier")
        expect(courier).to_contain_text('courier: {address: "+15550100304", via: wa}')
        expect(page.locator(".pair").nth(2)).to_contain_text("desk: {identity: desk-1}")


def test_the_message_nobody_got_is_shown(browser: Browser, store: Store, url: str) -> None:
    """201 Created on one side; a dashed bubble with its code, its reason and the remedy on the other."""
    two_on_whatsapp(store)
    with opened(browser, url) as page:
        page.get_by_label("Author").select_option(label="courier")
        page.get_by_label("Body").fill("Are you there?")
        page.get_by_role("button", name="POST").click()
        lost = phone(page, "customer").locator("li.lost")

        expect(page.locator(".answer")).to_contain_text("201 Created")
        expect(page.locator(".told")).to_contain_text("Nobody got it (63016)")
        expect(page.locator(".pair.lost")).to_contain_text("stopped here: 63016")
        expect(lost.locator(".fate")).to_contain_text("Never arrived")
        expect(lost).to_contain_text("only within 24 hours")
        assert lost.locator(".bubble").evaluate("node => getComputedStyle(node).borderStyle") == "dashed"
        lost.get_by_text("Remedy").click()
        expect(lost.get_by_label("The call")).to_contain_text("ContentSid=HX…")
        expect(lost.get_by_label("In the specs")).to_contain_text("via: sms")
        expect(phone(page, "courier").locator("li")).to_have_count(0)

        page.get_by_label("Body").fill(created(store))
        page.get_by_role("button", name="POST").click()
        refused = lost.filter(has_text=GREETED)
        refused.get_by_text("Remedy").click()
        expect(refused.get_by_label("The call")).to_contain_text("ApprovalRequests/whatsapp")

        page.get_by_label("Body").fill(approved(store))  # the remedy: a template passes
        page.get_by_role("button", name="POST").click()
        expect(phone(page, "customer").locator("li", has_text=GREETED).last).to_contain_text("Delivered")


def test_a_button_of_a_template_writes_what_it_says(browser: Browser, store: Store, url: str) -> None:
    """A quick reply is an answer of that handset's; what Twilio itself replies to STOP is told apart."""
    sid = masked(store)
    question = {"body": "Are you willing to chat?", "actions": [{"title": "Yes", "id": "y"}, {"title": "No"}]}
    with opened(browser, url, f"#conversation={sid}") as page:
        page.get_by_label("Body").fill(approved(store, {"twilio/quick-reply": question}))
        page.get_by_role("button", name="POST").click()
        phone(page, "customer").get_by_role("button", name="Yes", exact=True).click()
        expect(phone(page, "courier").locator("li").last).to_contain_text("Yes")
        expect(phone(page, "courier").get_by_role("button", name="Yes", exact=True)).to_have_count(0)
        assert violations(page) == []

        phone(page, "courier").get_by_role("button", name="Send STOP").click()
        expect(phone(page, "courier").locator("li").last).to_contain_text("Twilio's own reply")


def test_what_is_in_no_conversation_is_told_with_its_reason(browser: Browser, store: Store, url: str) -> None:
    """A handset that writes to a closed conversation is told that nobody got it."""
    sid = masked(store)
    ask(store, "POST", f"/Conversations/{sid}", {"State": "closed"})
    store.phones.send(ROBERT, WA, "anybody?")
    with opened(browser, url, f"#conversation={sid}") as page:
        lost = phone(page, "customer").locator("li.lost")
        expect(lost).to_contain_text("Nobody got this")
        expect(lost).to_contain_text("is closed")


def test_pulling_tomorrow_shuts_the_window(browser: Browser, store: Store, url: str) -> None:
    """Pulled, the ruler shows what would be; let go, 25 hours have passed and a message is lost."""
    masked(store)
    store.phones.send(ROBERT, WA, "hello")
    began_s = store.now_s()
    with opened(browser, url) as page:
        window = phone(page, "customer").locator(".window")
        slider = page.get_by_role("slider", name="Hours to let pass")
        expect(window).to_have_text("Window open: shuts in 24 h")
        expect(page.get_by_label("What is due")).to_contain_text("customer: window shuts")

        slider.focus()
        for _ in range(100):  # a quarter of an hour each
            slider.press("ArrowRight")
        expect(window).to_have_text("Window shut then: only templates pass")
        expect(page.locator(".ahead")).to_have_text("In 25 h: customer: window shuts")
        assert store.now_s() == began_s
        slider.press("Enter")

        expect(window).to_have_text("Window shut: only templates pass")
        expect(page.locator(".clock")).to_have_text("Fri 2 Jan 2026, 01:00:00 UTC")
        expect(slider).to_have_value("0")
        write(page, "courier", "Too late?")
        expect(phone(page, "customer").locator("li.lost")).to_contain_text("63016")
    assert store.now_s() == began_s + 25 * 3600


def test_a_build_stands_on_the_ruler(browser: Browser, store: Store, url: str) -> None:
    """As what is elsewhere, until its time has come."""
    masked(store)
    project = Project(store)
    build = project.build(project.version("function", "/optin"))
    with opened(browser, url) as page:
        due = page.get_by_label("What is due")
        expect(due).to_contain_text("Build of shop: completed")
        page.get_by_role("button", name="+1 h", exact=True).click()
        page.get_by_role("button", name="Let it pass").click()
        expect(due).not_to_contain_text("Build of shop")
    assert ask(store, "GET", build["url"])[1]["status"] == "completed"


def test_letting_go_of_the_ruler_lets_time_pass(browser: Browser, store: Store, url: str) -> None:
    """Drawn by the mouse: nothing passes before the button is released."""
    masked(store)
    store.phones.send(ROBERT, WA, "hello")
    with opened(browser, url) as page:
        box = page.get_by_role("slider").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        expect(page.locator(".ahead")).to_contain_text("window shuts")
        assert store.phones[ROBERT].window_open(WA)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] - 200)  # a hand is not steady
        page.mouse.up()
        expect(phone(page, "customer").locator(".window")).to_have_text("Window shut: only templates pass")
    assert not store.phones[ROBERT].window_open(WA)


def test_a_page_that_is_opened_late_catches_up_and_goes_on(browser: Browser, store: Store, url: str) -> None:
    """What happened before stands there; what happens elsewhere arrives; a new world is shown as new."""
    masked(store)
    store.phones.send(ROBERT, WA, "before you came")
    with opened(browser, url, "#drawer=timeline") as page, opened(browser, url) as other:
        expect(phone(page, "courier")).to_contain_text("before you came")
        expect(page.get_by_role("row", name="onMessageAdded")).to_have_count(1)
        write(other, "courier", "from another page")
        expect(phone(page, "customer")).to_contain_text("from another page")
        expect(page.get_by_role("row", name="onMessageAdded")).to_have_count(2)

        store.reset()
        store.commit()
        expect(page.get_by_role("heading", name="Two phones, one mask")).to_be_visible()


def test_a_page_finds_the_world_again(browser: Browser, store: Store) -> None:
    """A server that goes away is told, and what it says once it is back is shown."""
    masked(store)
    with running(store) as url, opened(browser, url) as page:
        page.context.set_offline(True)
        store.phones.send(ROBERT, WA, "while you slept")
        page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
        expect(page.get_by_text("does not answer")).to_be_visible()
        page.context.set_offline(False)
        expect(phone(page, "courier")).to_contain_text("while you slept")


def test_hostile_text_stays_text(browser: Browser, store: Store, url: str) -> None:
    """Whatever a message, a name, a role or an author says, it is shown as it was written."""
    sid = conversation(store, (HOSTILE, ROBERT, WA), ("courier", ALICIA, SMS), name=HOSTILE)
    ask(store, "POST", f"/Conversations/{sid}/Participants", {"Identity": HOSTILE})
    store.phones.send(ROBERT, WA, HOSTILE)
    ask(store, "POST", f"/Conversations/{sid}/Messages", {"Author": HOSTILE, "Body": HOSTILE})
    with opened(browser, url, "#drawer=timeline&revealed=%2B15550100302") as page:
        expect(phone(page, "courier").locator(".body").first).to_have_text(HOSTILE)
        isolated = f"\u2068{HOSTILE}\u2069"  # so that it turns no word beside it
        expect(page.locator(".told")).to_contain_text(isolated)
        page.get_by_role("tab", name="Resources").click()
        expect(page.get_by_role("tabpanel")).to_contain_text(HOSTILE)
        assert page.locator("img, body script, iframe").count() == 0


def test_a_handset_can_be_off_the_air_and_can_stop(browser: Browser, store: Store, url: str) -> None:
    """What is sent meanwhile waits; STOP is told on the handset; a refused deed says why."""
    masked(store)
    with opened(browser, url) as page:
        courier = phone(page, "courier")
        courier.get_by_role("switch", name="Online").click()
        expect(courier.get_by_role("switch", name="Offline")).to_have_attribute("aria-checked", "false")
        write(page, "customer", "are you there?")
        expect(courier.locator("li.waiting")).to_contain_text("not delivered yet")
        write(page, "courier", "no")
        expect(courier.get_by_role("alert")).to_contain_text("is offline")
        courier.get_by_role("switch", name="Offline").click()
        expect(courier.locator("li", has_text="are you there?")).to_contain_text("Delivered")
        courier.get_by_role("button", name="Send STOP").click()
        expect(courier.locator(".window")).to_contain_text("Stopped")


def test_the_tutorial_plays_in_four_chapters(browser: Browser, store: Store, url: str) -> None:
    """From an empty world by Twilio's own calls to a window to watch; played again, nothing is doubled."""
    deeds = ["Create the conversation", "Let them talk", "Post the invitation", "Open the windows"]
    with opened(browser, url) as page:
        page.get_by_role("button", name="Play the tutorial").click()
        for number, deed in enumerate(deeds, 1):
            expect(page.get_by_text(f"Chapter {number} of 4")).to_be_visible()
            page.get_by_role("button", name=deed).click()
            expect(page.get_by_label("Calls made").get_by_role("listitem").first).to_be_visible()
            expect(page.get_by_role("button", name=deed)).to_be_enabled()
            if number == 3:
                expect(phone(page, "customer").locator("li.lost")).to_contain_text("63016")
            if number < len(deeds):
                page.get_by_role("button", name="Next chapter").click()
        expect(phone(page, "courier").locator("li", has_text="Coming down!")).to_contain_text("Delivered")
    with opened(browser, url, "#tutorial=1") as page:
        page.get_by_role("button", name=deeds[0]).click()
        expect(page.get_by_label("Conversation")).to_contain_text("SMS-to-WhatsApp Example")
    names = [row["unique_name"] for row in ask(store, "GET", "/Conversations")[1]["conversations"]]
    assert names == ["tutorial-sms-to-whatsapp", "tutorial-two-whatsapp"]


# --- for everybody -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing(
    browser: Browser, store: Store, url: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """At each width, in light and dark, first empty and then with everything open; and nothing sticks out."""
    with opened(browser, url, width=width, scheme=scheme) as page:
        assert violations(page) == []
    sid = busy(store)
    with opened(
        browser,
        url,
        f"#conversation={sid}&drawer=timeline&tutorial=2&revealed={quote(ROBERT)}",
        width,
        scheme,
    ) as page:
        page.get_by_text("Remedy").first.click()
        phone(page, "customer").get_by_role("button", name="At your door.").click()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("tab", name="Resources").click()
        page.get_by_role("button", name="Leave the tutorial").click()
        assert violations(page) == []


def test_the_keyboard_reaches_everything(browser: Browser, store: Store, url: str) -> None:
    """Messages are walked with arrows and selected; the drawer opens, changes its tab and shuts."""
    masked(store)
    for body in ("one", "two"):
        store.phones.send(ROBERT, WA, body)
    with opened(browser, url) as page:
        phone(page, "customer").get_by_role("log").focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        expect(phone(page, "customer").get_by_role("button", name="one")).to_have_attribute(
            "aria-pressed", "true"
        )
        opener = page.get_by_role("button", name="Timeline")
        opener.focus()
        page.keyboard.press("Enter")
        expect(opener).to_have_attribute("aria-expanded", "true")
        page.get_by_role("tab", name="Timeline").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_role("tab", name="Resources")).to_be_focused()
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()
        expect(opener).to_have_attribute("aria-expanded", "false")


def test_the_drawer_lists_the_calls_of_clients(browser: Browser, store: Store, url: str) -> None:
    """Every call of Twilio with what was sent and how it ended, refused ones and mere reads too."""
    masked(store)
    with opened(browser, url, "#drawer=requests") as page:
        page.get_by_label("Body").fill("hello")
        page.get_by_role("button", name="POST").click()
        expect(page.get_by_role("row", name="Author=system · Body=hello 201")).to_have_count(1)
        fetched(url, "/v1/Conversations/CHnone", Authorization="Basic bm9ib2R5Om5vdGhpbmc=")
        expect(page.get_by_role("row", name="401 / 20003")).to_have_count(1)
        assert violations(page) == []


def test_who_types_is_not_disturbed(browser: Browser, store: Store, url: str) -> None:
    """A message that arrives leaves the words, the caret and the focus of whoever writes."""
    masked(store)
    with opened(browser, url) as page:
        box = phone(page, "customer").get_by_role("textbox")
        box.press_sequentially("half a sen")
        store.phones.send(ALICIA, SMS, "hello?")
        expect(phone(page, "customer").get_by_role("button", name="hello?")).to_be_visible()
        box.press_sequentially("tence")
        expect(box).to_be_focused()
        expect(box).to_have_value("half a sentence")


def test_a_link_leads_to_the_same_view(browser: Browser, store: Store, url: str) -> None:
    """Conversation, message, drawer and what is revealed stand in the address; one's rows stand out."""
    masked(store)
    sid = conversation(store, ("customer", DRIVER, WA), ("courier", "+15550100304", SMS), name="Order 2")
    sent = store.phones.send(DRIVER, WA, "mine")
    with opened(browser, url) as page:
        page.get_by_label("Conversation").select_option(label="Order 2")
        phone(page, "courier").get_by_role("button", name="mine").click()
        phone(page, "courier").get_by_role("switch", name="Reveal").click()
        page.get_by_role("button", name="Timeline").click()
        expect(page).to_have_url(re.compile("drawer=timeline"))
        address = page.url
    assert f"conversation={sid}&message={sent.message_sid}" in address
    with opened(browser, url, address.partition("/#")[2].join(["#", ""])) as page:
        expect(page.locator(".bubble[aria-pressed=true]")).to_have_count(2)
        expect(phone(page, "courier").locator(".peer")).to_contain_text("customer +1 555 010 0303")
        assert page.locator("tr.lit").count() >= 3


def test_a_thread_of_another_conversation_leads_there(browser: Browser, store: Store, url: str) -> None:
    """A handset in two conversations has two threads; the mask, and who is behind it, go with the thread."""
    masked(store)
    other = conversation(
        store, ("customer", ROBERT, "whatsapp:+15550100210"), ("seller", DRIVER, WA), name="Two"
    )
    with opened(browser, url) as page:
        phone(page, "customer").get_by_label("Thread").select_option(label="+1 555 010 0210")
        expect(phone(page, "seller")).to_be_visible()
        phone(page, "customer").get_by_role("switch", name="Reveal").click()
        expect(phone(page, "customer").locator(".peer")).to_contain_text("seller +1 555 010 0303")
        expect(page).to_have_url(re.compile(f"conversation={other}"))
        page.get_by_label("Conversation").select_option(label="Order 1")
        expect(phone(page, "customer").locator(".peer")).to_contain_text("courier +1 555 010 0302")


def test_a_group_is_not_called_masked(browser: Browser, store: Store, url: str) -> None:
    """Members of a group see each other's numbers, so nothing is said to be hidden."""
    sid = ask(store, "POST", "/Conversations", {"FriendlyName": "Group"})[1]["sid"]
    members = {"MessagingBinding.Address": "+15550100301"}, {"MessagingBinding.Address": "+15550100302"}
    business = {"MessagingBinding.ProjectedAddress": "+15550100201", "Identity": "desk"}
    for form in (*members, business):
        assert ask(store, "POST", f"/Conversations/{sid}/Participants", form)[0] == 201
    with opened(browser, url) as page:
        write(page, "+1 555 010 0301", "hello all")
        other = phone(page, "+1 555 010 0302")
        expect(other.get_by_role("button", name="hello all")).to_be_visible()
        expect(other.locator(".peer")).to_contain_text("its members see each other")
        expect(other.get_by_role("switch", name="Reveal")).to_be_hidden()
