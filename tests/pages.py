"""The page in a real browser: Debian's Chromium, held by Playwright: what is seen, and what axe says."""

from __future__ import annotations

import contextlib
import os
import shutil
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from playwright.sync_api import Browser, ConsoleMessage, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = {1280: 800, 820: 1100, 390: 844}
TIMEOUT_MS = 20_000
_AXE = "async () => (await axe.run()).violations.map(v => `${v.id}: ${v.nodes.map(n => n.html).join(' ')}`)"


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser that is installed; without one the test is skipped, which fails in CI."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium is installed; on Debian: apt-get install chromium fonts-noto-core")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if as_root else []
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(
    browser: Browser,
    url: str,
    fragment: str = "",
    width: int = 1280,
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[Page]:
    """Open the page as a new visitor and wait until it shows the world; whatever it complains of fails."""
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said) else None)
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    page.goto(f"{url}/{fragment}")
    page.wait_for_selector("body[data-ready=yes]")
    try:
        yield page
    finally:
        context.close()
    assert complaints == []


def _is_complaint(said: ConsoleMessage) -> bool:
    """Tell errors of the page from refused calls, which the browser notes and the page tells by itself."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong with the page as it stands."""
    page.evaluate(_axe())
    found: list[str] = page.evaluate(_AXE)
    return found
