"""The picture that one copies, in a real browser: what is on the clipboard, and what is not in it."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from pages import WIDTHS, chromium, opened
from playwright.sync_api import expect
from scenes import ALICIA, HOSTILE, ROBERT, SMS, WA, conversation, masked

from reconciler.emulator import Clock, Store
from reconciler.emulator.doors.server import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from playwright.sync_api import Browser, Page

_COPIED = """async () => {
  const [item] = await navigator.clipboard.read();
  const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
  return btoa([...bytes].map((byte) => String.fromCharCode(byte)).join(""));
}"""
_COUNTED = """async ([one, other]) => {
  const loaded = async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const { width, height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    brush.drawImage(image, 0, 0);
    return brush;
  };
  const [picture, screen] = [await loaded(one), await loaded(other)];
  const { width, height } = screen.canvas;
  const left = picture.getImageData(18, 18, width, height).data;
  const right = screen.getImageData(0, 0, width, height).data;
  let same = 0;
  const colours = new Set();
  for (let at = 0; at < right.length; at += 4) {
    const apart = [0, 1, 2].some((part) => Math.abs(left[at + part] - right[at + part]) > 12);
    if (!apart) same += 1;
    colours.add((left[at] << 16) | (left[at + 1] << 8) | left[at + 2]);
  }
  return { share: same / (width * height), colours: [...colours] };
}"""

_WRITTEN = """async () => {
  const written = [];
  const serialize = XMLSerializer.prototype.serializeToString;
  XMLSerializer.prototype.serializeToString = function (node) {
    written.push(node.textContent);
    return serialize.call(this, node);
  };
  [...document.querySelectorAll("button")].find((one) => one.textContent === "Copy picture").click();
  while (!written.length) await new Promise(requestAnimationFrame);
  XMLSerializer.prototype.serializeToString = serialize;
  return written[0];
}"""


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


def copied(page: Page) -> bytes:
    """Copy a picture as a person does, and return what is on the clipboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy picture").click()
    expect(page.get_by_role("status").filter(has_text="Picture")).to_have_text("Picture copied")
    return base64.b64decode(page.evaluate(_COPIED))


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def compared(page: Page, png: bytes) -> dict[str, Any]:
    """Return how much of the picture is as it is on the screen, and the colours it has."""
    screen = page.locator(".stage").screenshot()
    found: dict[str, Any] = page.evaluate(_COUNTED, [base64.b64encode(one).decode() for one in (png, screen)])
    return found


def everybody_revealed() -> str:
    return quote(f"{ROBERT} {ALICIA}")


@pytest.mark.parametrize(("scheme", "wall"), [("light", 0xEFE7DD), ("dark", 0x0B141A)])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_picture_is_what_is_seen(
    browser: Browser, store: Store, url: str, width: int, scheme: Literal["light", "dark"], wall: int
) -> None:
    """With all revealed it is the stage, pixel by pixel but for the smoothing of edges, and a margin."""
    masked(store)
    store.phones.send(ROBERT, WA, "Where is my pizza?")
    for number in range(15):
        store.phones.send(ALICIA, SMS, f"Bell number {number}?")
    fragment = f"#revealed={everybody_revealed()}"
    with opened(browser, url, fragment, width, scheme) as page:
        page.set_viewport_size({"width": width, "height": 2400 if width < 1280 else 800})
        png = copied(page)
        box = page.locator(".stage").bounding_box()
        assert box is not None
        assert size(png) == (round(box["width"]) + 36, round(box["height"]) + 36)
        page.get_by_role("heading", name="customer").click()  # the focus leaves the button
        found = compared(page, png)
        assert found["share"] > 0.97
        assert wall in found["colours"]


def test_a_picture_hides_the_numbers_that_the_page_hides(browser: Browser, store: Store, url: str) -> None:
    """A picture is handed on: nobody's number is in it unless a phone reveals it; our senders stay."""
    sid = masked(store)
    store.phones.send(ROBERT, WA, f"call me: {ROBERT.partition(':')[2]}")
    with opened(browser, url, f"#conversation={sid}") as page:
        hidden = page.evaluate(_WRITTEN)
        page.get_by_role("article", name="courier").get_by_role("switch", name="Reveal").click()
        revealed = page.evaluate(_WRITTEN)
    assert "0301" not in hidden
    assert "0302" not in hidden
    assert "+15550100200" in hidden
    assert "call me: +•••••••••••" in hidden
    assert "call me: +15550100301" in revealed
    assert "0302" not in revealed


def test_hostile_text_is_text_in_a_picture(browser: Browser, store: Store, url: str) -> None:
    """Elements, halves of characters and what XML cannot hold: the picture is made, and nothing runs."""
    sid = conversation(store, (HOSTILE, ROBERT, WA), ("courier", ALICIA, SMS), name=HOSTILE)
    hard = ("]]><!--</foreignObject></svg>", "\x00\x0b\x1f\ufffe", "</style>*{display:none}")
    for body in (HOSTILE, *hard):
        store.phones.send(ROBERT, WA, body)
    with opened(browser, url, f"#conversation={sid}&revealed={everybody_revealed()}") as page:
        page.get_by_label("Message from courier").evaluate(r"node => { node.value = '\ud800 half'; }")
        png = copied(page)
        page.get_by_role("heading", name="courier").click()
        assert compared(page, png)["share"] > 0.9  # a box for each character that is none


def test_a_refused_clipboard_means_a_file(browser: Browser, store: Store, url: str) -> None:
    """Where the browser keeps its clipboard to itself, the picture is saved, and that is said."""
    masked(store)
    with opened(browser, url) as page:
        page.evaluate("() => { navigator.clipboard.write = () => Promise.reject(new Error('refused')); }")
        with page.expect_download() as download:
            page.get_by_role("button", name="Copy picture").click()
        expect(page.get_by_role("status").filter(has_text="saved as a file")).to_be_visible()
        assert download.value.suggested_filename == "conversation.png"
        assert size(download.value.path().read_bytes())[0] > 1000
        expect(page.get_by_role("button", name="Copy picture")).to_be_focused()
