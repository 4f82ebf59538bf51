"""Scenes for the page: turns roles and pairs into conversations, what a person does into presses of keys."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.emulator import ask

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from reconciler.emulator import Store

WA, SMS = "whatsapp:+15550100200", "+15550100201"
ROBERT, ALICIA, DRIVER = "whatsapp:+15550100301", "+15550100302", "whatsapp:+15550100303"
HOSTILE = "<img src=x onerror=\"alert('hit')\"><script>alert('hit')</script>&lt;b&gt; \u202e${x}"


def conversation(store: Store, *pairs: tuple[str, str, str], name: str = "Order 1") -> str:
    """Make a conversation of roles with their pairs and return its SID."""
    sid: str = ask(store, "POST", "/Conversations", {"FriendlyName": name})[1]["sid"]
    for role, address, proxy in pairs:
        form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        form["Attributes"] = json.dumps({"role": role})
        assert ask(store, "POST", f"/Conversations/{sid}/Participants", form)[0] == 201
    return sid


def masked(store: Store) -> str:
    return conversation(store, ("customer", ROBERT, WA), ("courier", ALICIA, SMS))


def two_on_whatsapp(store: Store) -> str:
    return conversation(store, ("customer", ROBERT, WA), ("courier", DRIVER, WA))


def phone(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def write(page: Page, name: str, body: str) -> None:
    box = phone(page, name).get_by_role("textbox")
    box.fill(body)
    box.press("Enter")


def fetched(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def busy(store: Store) -> str:
    """Make a conversation with everything on show: three phones, one in chat, lost, waiting and read ones."""
    people = (("customer", ROBERT, WA), ("courier", ALICIA, SMS), ("backup", DRIVER, WA))
    sid = conversation(store, *people)
    ask(store, "POST", f"/Conversations/{sid}/Participants", {"Identity": "desk-1"})
    ask(store, "POST", f"/Conversations/{sid}", {"Timers.Inactive": "PT10H", "Timers.Closed": "P2D"})
    store.phones.send(ROBERT, WA, "Where is my pizza?")
    store.phones.send(ALICIA, SMS, "At your door.")
    store.phones.read(ROBERT)
    store.phones.offline(ALICIA)
    store.phones.send(ROBERT, WA, "Coming")
    return sid
