"""*Save as scenario* on the page, as a person uses it: what was played comes as a file that plays again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import chromium, opened, violations
from playwright.sync_api import expect

from reconciler.cli import run
from reconciler.emulator import Clock, Store, ask
from reconciler.emulator.doors.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

WA, SMS = "whatsapp:+15550100200", "+15550100201"
ROBERT, ALICIA = "whatsapp:+15550100301", "+15550100302"
SAVE = "Save as scenario"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def store() -> Store:
    return Store(clock=Clock.frozen())


def conversation(store: Store, name: str) -> str:
    sid: str = ask(store, "POST", "/Conversations", {"FriendlyName": name})[1]["sid"]
    for role, address, proxy in (("customer", ROBERT, WA), ("courier", ALICIA, SMS)):
        form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        form["Attributes"] = json.dumps({"role": role})
        assert ask(store, "POST", f"/Conversations/{sid}/Participants", form)[0] == 201
    return sid


def downloaded(page: Page, folder: Path) -> Path:
    """Press the button, and return the file that comes of it."""
    with page.expect_download() as found:
        page.get_by_role("button", name=SAVE).click()
    path = folder / found.value.suggested_filename
    path.write_bytes(Path(found.value.path()).read_bytes())
    return path


def test_what_was_played_on_the_page_plays_again(browser: Browser, store: Store, tmp_path: Path) -> None:
    """Written, answered, a day gone by: one button, one file, and `reconciler test` passes."""
    conversation(store, "Order 1: <b>“now”</b>")
    with running(store) as url, opened(browser, url) as page:
        for name, body in (("customer", "Hello?"), ("courier", "Hi: {you} #1")):
            box = page.get_by_role("article", name=name).get_by_role("textbox")
            box.fill(body)
            box.press("Enter")
            expect(page.get_by_text(body).first).to_be_visible()
        page.get_by_role("button", name="+25 h").click()
        page.get_by_role("button", name="Let it pass").click()
        expect(page.get_by_text("Fri 2 Jan 2026, 01:00:00 UTC")).to_be_visible()
        store.phones.send(ALICIA, SMS, "Still there?")
        path = downloaded(page, tmp_path)

        expect(page.get_by_text("Saved order-1-b-now-b.yaml, 9 steps.")).to_be_visible()
        assert violations(page) == []
    text = path.read_text(encoding="utf-8")

    assert path.name == "order-1-b-now-b.yaml"
    assert '  - courier says: "Hi: {you} #1"\n  - customer sees: "Hi: {you} #1"\n  - advance: 25h\n' in text
    assert '  - customer misses: {text: "Still there?", code: 63016}\n' in text
    with ThreadPoolExecutor(1) as elsewhere:  # this thread's loop is the browser's
        assert elsewhere.submit(run, ["test", str(path)]).result() == 0


def test_what_is_not_in_the_file_is_said(browser: Browser, store: Store, tmp_path: Path) -> None:
    """Beside the button, and in the file itself; the button is there by the keyboard, at each width."""
    sid = conversation(store, "Order 2")
    store.phones.send(ROBERT, WA, "early")
    form = {"MessagingBinding.Address": "+15550100303", "MessagingBinding.ProxyAddress": SMS}
    assert ask(store, "POST", f"/Conversations/{sid}/Participants", form)[0] == 201
    with running(store) as url:
        for width in (1280, 820, 390):
            with opened(browser, url, width=width) as page:
                path = downloaded(page, tmp_path)

                expect(page.get_by_role("button", name=SAVE)).to_be_focused()
                expect(page.get_by_text("Not in it: that somebody joined later")).to_be_visible()
    assert "# Not in here: that somebody joined later than the first message\n" in path.read_text("utf-8")


def test_an_empty_world_has_nothing_to_save(browser: Browser, store: Store) -> None:
    """There is no such button where there is no conversation."""
    with running(store) as url, opened(browser, url) as page:
        expect(page.get_by_role("button", name=SAVE)).to_be_hidden()
