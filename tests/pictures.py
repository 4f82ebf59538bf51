"""The README's pictures: turns the specs, applied and played where time stands still, into PNG files.

``.venv/bin/python tests/pictures.py`` writes them anew, into the folder ``tests/pictures``.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import chdir
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from pages import chromium, opened
from playwright.sync_api import expect
from scenes import phone, write

from reconciler.cli import echo
from reconciler.cli.options import Settings
from reconciler.cli.reapplying import Reapplying
from reconciler.emulator import Clock, Store
from reconciler.emulator.doors.server import running
from reconciler.variables import Inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from playwright.sync_api import Page

FOLDER = Path(__file__).resolve().parent / "pictures"
SPECS = Path(__file__).resolve().parent.parent / "specs"


def mask(page: Page) -> None:
    """Let two people talk, each of whom knows one number: ours."""
    chosen(page, "SMS-to-WhatsApp Example")
    said(page, "customer", "Hi! Where is my pizza?", "courier")
    said(page, "courier", "At your door. Which bell is it?", "customer")


def nobody_got_it(page: Page) -> None:
    """Write what Twilio takes and nobody gets, and open what to do about it."""
    chosen(page, "Order 1042")
    said(page, "courier", "Which bell is it?", "customer")
    phone(page, "customer").get_by_text("Remedy").click()
    phone(page, "customer").get_by_role("log").evaluate("node => node.scrollTo(0, 0)")


def tomorrow(page: Page) -> None:
    """Pull the ruler by 25 hours: both windows are shut then."""
    chosen(page, "Order 1042")
    said(page, "courier", "Hello? Which door are you at?", "customer")
    said(page, "customer", "The blue one.", "courier")
    said(page, "courier", "Coming down!", "customer")
    page.get_by_role("slider").fill("25")
    expect(page.locator(".ahead")).to_contain_text("In 25 h")


SCENES: dict[str, tuple[Literal["light", "dark"], Callable[[Page], None]]] = {
    "mask": ("light", mask),
    "nobody-got-it": ("light", nobody_got_it),
    "tomorrow": ("dark", tomorrow),
}
"""Of each picture: the colours, and what is done there."""


def chosen(page: Page, name: str) -> None:
    """Look at a conversation of the specs."""
    page.get_by_label("Conversation", exact=True).select_option(label=name)
    expect(page).to_have_title(re.compile(re.escape(name)))
    expect(page.locator(".phone")).to_have_count(2)


def said(page: Page, who: str, body: str, other: str) -> None:
    """Write on one phone, and wait until the other shows it, arrived or not."""
    write(page, who, body)
    expect(phone(page, other)).to_contain_text(body)


def applied() -> Store:
    """Return a world with the specs of this repository, applied as `reconciler emulator specs` does."""
    store = Store(clock=Clock.frozen())
    echo.begin()
    with TemporaryDirectory() as name, chdir(name):
        copytree(SPECS, "specs", ignore=ignore_patterns(".reconciler"))
        asyncio.run(Reapplying(Settings(Path("specs"), Inputs(), "text", local=True), store).begin())
    return store


def paint(folder: Path) -> Iterator[Path]:
    """Write each picture into a folder and give its path."""
    folder.mkdir(exist_ok=True)
    worlds = {name: applied() for name in SCENES}  # before the browser: that brings a loop of its own
    with chromium() as browser:
        for name, (scheme, scene) in SCENES.items():
            with running(worlds[name]) as url, opened(browser, url, scheme=scheme) as page:
                scene(page)
                page.mouse.move(0, 0)
                page.evaluate("() => { document.activeElement.blur(); getSelection().empty(); }")
                page.screenshot(path=folder / f"{name}.png")
            yield folder / f"{name}.png"


if __name__ == "__main__":
    for path in paint(FOLDER):
        click.echo(f"{path.name}: {path.stat().st_size:,} bytes")
