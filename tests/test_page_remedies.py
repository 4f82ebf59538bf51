"""Remedies on the page: each is in the words of the stack at hand, and put there the stack is a good one."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import chromium, opened, violations
from playwright.sync_api import expect
from scenes import ALICIA, DRIVER, ROBERT, WA, conversation, phone, two_on_whatsapp

from reconciler.cli import echo
from reconciler.cli.options import Settings
from reconciler.cli.reapplying import Reapplying
from reconciler.emulator import Clock, Store, ask
from reconciler.emulator.doors.server import running
from reconciler.variables import Inputs
from reconciler.workflow import Specs, read_specs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

HEAD = "stack: {name: bakery, record: none}\n"
SENDERS = """\
senders:
  main: whatsapp:+15550100200
  line: "+15550100201"
"""
TALK = """\
conversations:
  # whoever orders bread
  bread:
    friendly_name: Bread
    participants:
      buyer: {address: +15550100301, via: main, attributes: {vip: true}}
      baker:
        address: "+15550100303"
        via: "main"  # as everybody
"""
FLOW = """\
conversations:
  bread: {participants: {
    buyer: {address: +15550100301, via: main}, baker: {address: +15550100303, via: main}}}
"""
NO_SMS = SENDERS.replace('  line: "+15550100201"\n', "").replace("main", "sms")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    return Path("specs")


def served(folder: Path, *parts: str) -> Store:
    """Return a world of specs, applied as `reconciler emulator` does."""
    (folder / "stack.yaml").write_text("".join(parts), encoding="utf-8")
    store = Store(clock=Clock.frozen())
    echo.begin()
    kept = Reapplying(Settings(folder, Inputs(), "text", local=True), store)
    with ThreadPoolExecutor(1) as elsewhere:  # this thread's loop is the browser's
        elsewhere.submit(lambda: asyncio.run(kept.begin())).result()
    return store


def pieces(page: Page, who: str) -> list[str]:
    """Open the remedy on a phone and return what is to be written, one text for each place."""
    lost = phone(page, who).locator("li.lost").last
    lost.get_by_text("Remedy").click()
    expect(lost.locator("details")).to_have_attribute("open", "")
    return lost.get_by_label("In the specs").all_inner_texts()


def mended(folder: Path, written: list[str]) -> Specs:
    """Write pieces where they say they belong, and read the specs anew: whatever is wrong with them fails."""
    for piece in sorted(written, key=_line, reverse=True):  # from below, so that lines keep their numbers
        where, _, text = piece.partition("\n")
        if (found := re.fullmatch(r"# (below )?(\S+):(\d+)", where)) is None:
            (folder / "more.yaml").write_text(text + "\n", encoding="utf-8")
            continue
        path, at = Path(found[2]), int(found[3])
        lines = path.read_text(encoding="utf-8").splitlines()
        inset = re.match(" *", lines[at - 1])
        assert inset is not None
        new = [inset[0] + line for line in text.splitlines()]
        begin = at if found[1] else at - 1
        end = at if found[1] else begin + len(new) - _added(text)
        lines[begin:end] = new
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_specs(folder, Inputs())


def _line(piece: str) -> int:
    found = re.search(r":(\d+)$", piece.partition("\n")[0])
    return int(found[1]) if found else 0


def _added(text: str) -> int:
    """Return how many lines of a block are more than it had."""
    return "on_closed" in text and "\n" in text


def proxy_of(specs: Specs, who: str, name: str = "bread") -> object:
    found = {str(address): one for address, one in specs.stack.desired.resources.items()}
    return found[f"conversation/{name}/participant/{who}"].fields[("proxy",)]


@pytest.mark.parametrize(("talk", "who", "author"), [(TALK, "buyer", DRIVER), (TALK, "baker", ROBERT)])
def test_a_shut_window_is_mended_with_the_stacks_own_sender(
    browser: Browser, folder: Path, talk: str, who: str, author: str
) -> None:
    """The block of the specs, as it is written, through the sender that this stack has for SMS."""
    store = served(folder, HEAD, SENDERS, talk)
    store.phones.send(author, WA, "Hello?")
    with running(store) as url, opened(browser, url) as page:
        written = pieces(page, who)
        expect(page.locator(".told")).to_contain_text("Nobody got it (63016)")
        assert violations(page) == []

    specs = mended(folder, written)
    assert len(written) == 1
    assert re.match(r"# specs/stack\.yaml:\d+\n", written[0])
    assert proxy_of(specs, who) == "+15550100201"
    assert len(specs.stack.desired.resources) == 3
    if who == "buyer":
        assert "via: line, attributes: {vip: true}" in written[0]


def test_a_stack_without_sms_is_told_what_it_lacks(browser: Browser, folder: Path) -> None:
    """The line of a sender comes along, by a name that is still free."""
    store = served(folder, HEAD, NO_SMS, TALK.replace("main", "sms"))
    store.phones.send(DRIVER, WA, "Hello?")
    with running(store) as url, opened(browser, url) as page:
        written = pieces(page, "buyer")
        expect(phone(page, "buyer")).to_contain_text("This stack has no sender for it yet.")

    assert "via: sms-2" in written[0]
    assert written[1].startswith("# below specs/stack.yaml:3\nsms-2: ")
    assert str(proxy_of(mended(folder, written), "buyer")).startswith("+1555")


@pytest.mark.parametrize("talk", [TALK, FLOW, FLOW.replace("buyer: {", "buyer: {  ")])
def test_a_closed_conversation_gets_a_successor(browser: Browser, folder: Path, talk: str) -> None:
    """Under its own key, whichever way that is written."""
    store = served(folder, HEAD, SENDERS, talk)
    (sid,) = [row["sid"] for row in ask(store, "GET", "/Conversations")[1]["conversations"]]
    ask(store, "POST", f"/Conversations/{sid}", {"State": "closed"})
    store.phones.send(ROBERT, WA, "Anybody?")
    with running(store) as url, opened(browser, url, f"#conversation={sid}") as page:
        written = pieces(page, "buyer")

    found = {str(address): one for address, one in mended(folder, written).stack.desired.resources.items()}
    assert found["conversation/bread"].policy["on_closed"] == "recreate"
    assert len(found) == 3


@pytest.mark.parametrize(
    ("sender", "name"), [("+15550100201", "line"), ("whatsapp:+15550100277", "wa"), ("+15550100278", "sms")]
)
def test_a_pair_that_is_in_no_conversation_gets_one(
    browser: Browser, folder: Path, sender: str, name: str
) -> None:
    """A file to be added: with the stack's sender where it has one, else with that too."""
    store = served(folder, HEAD, SENDERS, TALK)
    handset = ROBERT if sender.startswith("whatsapp") else ROBERT.removeprefix("whatsapp:")
    conversation(store, ("buyer", handset, "+15550100279" if handset != ROBERT else WA + "9"), name="Other")
    store.phones.send(handset, sender, "Is this the bakery?")
    with running(store) as url, opened(browser, url) as page:
        page.get_by_label("Conversation", exact=True).select_option(label="Other")
        expect(page).to_have_title(re.compile("Other"))  # until then this phone shows its other conversation
        thread = phone(page, "buyer").get_by_label("Thread")
        thread.select_option(value=sender)
        (written,) = pieces(page, "buyer")

    specs = mended(folder, [written])
    assert written.startswith("# a new file of bakery\n")
    assert ("senders:" in written) is (name != "line")
    assert proxy_of(specs, "buyer", f"buyer-{name}") == sender


def test_without_specs_keys_come_from_what_is_there(browser: Browser) -> None:
    """And the lines are told to be how it would be written."""
    store = Store(clock=Clock.frozen())
    sid = two_on_whatsapp(store)
    ask(store, "POST", f"/Conversations/{sid}", {"UniqueName": "Käse & Brot"})
    store.phones.send(ROBERT, WA, "Hello?")
    with running(store) as url, opened(browser, url) as page:
        (written,) = pieces(page, "courier")
        assert written.startswith("# how it would be written\nsenders:\n  sms: ")
        assert "\nconversations:\n  k-se-brot:\n" in written
        assert "      courier:\n" in written
        ask(store, "POST", f"/Conversations/{sid}", {"State": "closed"})
        store.phones.send(ROBERT, WA, "Anybody?")
        expect(phone(page, "customer").locator("li.lost")).to_have_count(1)
        (closed,) = pieces(page, "customer")
    assert closed.splitlines()[1:] == ["conversations:", "  k-se-brot:", "    on_closed: recreate"]


def test_who_reads_in_the_app_is_not_nobody(browser: Browser) -> None:
    """No phone got it, and a chat participant reads it all the same, unless it is the author."""
    store = Store(clock=Clock.frozen())
    sid = two_on_whatsapp(store)
    ask(store, "POST", f"/Conversations/{sid}/Participants", {"Identity": "desk-1"})
    store.phones.send(ROBERT, WA, "Hello?")
    with running(store) as url, opened(browser, url) as page:
        expect(page.locator(".told")).to_contain_text("No phone got it (63016)")
        expect(phone(page, "customer").locator(".fate")).to_contain_text("No phone got it (63016)")
        expect(page.locator(".pair").filter(has_text="desk-1")).to_contain_text("reads it in the app")


def test_a_bubble_is_what_its_person_sees(browser: Browser) -> None:
    """No phone shows a tick on an SMS: what became of a message stands apart, below, and describes it."""
    store = Store(clock=Clock.frozen())
    conversation(store, ("customer", ROBERT, WA), ("courier", ALICIA, "+15550100201"))
    store.phones.send(ROBERT, WA, "Where is my pizza?")
    store.phones.send(ALICIA, "+15550100201", "At your door.")
    store.phones.read(ROBERT)
    with running(store) as url, opened(browser, url) as page:
        sent = phone(page, "courier").locator("li.sent")
        expect(sent.locator(".fate")).to_have_text("✓✓ Read")
        expect(sent.locator(".bubble")).to_have_text("At your door. 00:00")
        expect(sent.get_by_role("button")).to_have_accessible_description("Read")
