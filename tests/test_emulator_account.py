"""The account itself: the one operation of Twilio's core API that the emulator answers."""

from __future__ import annotations

import base64
from email.utils import parsedate_to_datetime

import pytest

from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Account, Clock, Store, ask
from reconciler.emulator.store import OWNER_SID

HOST = "https://api.twilio.com/2010-04-01"
KEY = "SK" + "1" * 32


def world(**account: object) -> Store:
    return Store(clock=Clock.frozen(), account=Account(**account))  # type: ignore[arg-type]


def test_it_is_an_active_subaccount() -> None:
    """As Twilio shows it: dates as in mail, paths without a host, nothing that is not text or a map."""
    status, row = ask(world(), "GET", f"{HOST}/Accounts/{ACCOUNT_SID}.json")

    assert status == 200
    assert (row["sid"], row["owner_account_sid"], row["status"]) == (ACCOUNT_SID, OWNER_SID, "active")
    assert (row["type"], row["auth_token"]) == ("Full", AUTH_TOKEN)
    assert row["uri"] == f"/2010-04-01/Accounts/{ACCOUNT_SID}.json"
    assert parsedate_to_datetime(row["date_created"]).year == 2026
    assert row["subresource_uris"]["messages"] == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"


@pytest.mark.parametrize("status", ["active", "suspended", "closed"])
def test_it_is_what_the_world_says(status: str) -> None:
    """A main account owns itself."""
    store = world(owner_sid=ACCOUNT_SID, status=status)
    _, row = ask(store, "GET", f"{HOST}/Accounts/{ACCOUNT_SID}.json")

    assert (row["owner_account_sid"], row["status"]) == (ACCOUNT_SID, status)


def test_a_key_may_not_read_it() -> None:
    """Whatever else it may do."""
    store = world(api_keys={KEY: "secret"})
    asked = {"Authorization": "Basic " + base64.b64encode(f"{KEY}:secret".encode()).decode()}

    assert ask(store, "GET", f"{HOST}/Accounts/{ACCOUNT_SID}.json", None, asked)[1]["code"] == 20003
    assert ask(store, "GET", "/Configuration", None, asked)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"/Accounts/AC{'9' * 32}.json", 404, 20404),
        ("GET", f"/Accounts/{ACCOUNT_SID}", 404, 20404),
        ("POST", f"/Accounts/{ACCOUNT_SID}.json", 501, 20501),
        ("GET", "/Accounts.json", 501, 20501),
        ("POST", f"/Accounts/{ACCOUNT_SID}/Messages.json", 501, 20501),
        ("DELETE", f"/Accounts/{ACCOUNT_SID}.json", 405, 20004),
    ],
)
def test_nothing_else_is_there(method: str, path: str, status: int, code: int) -> None:
    """Another account is not found; what is not emulated is told loudly."""
    answer = ask(world(), method, HOST + path)

    assert (answer[0], answer[1]["code"]) == (status, code)
