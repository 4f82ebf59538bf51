"""How the emulator speaks HTTP: credentials, products, forms, pages, headers."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Account, Clock, Request, Store, Switches, ask, handle
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.errors import ApiError
from reconciler.emulator.wire import error_response

KEY = "SK" + "1" * 32


def basic(user: str, password: str) -> str:
    return authorization(Account(sid=user, auth_token=password))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        "Basic",
        "Basic %%%",
        "Basic YQ==",
        basic(ACCOUNT_SID, "wrong"),
        basic("AC" + "f" * 32, AUTH_TOKEN),
        basic(KEY, AUTH_TOKEN),
        basic(ACCOUNT_SID, ""),
    ],
)
def test_other_credentials_are_refused(header: str) -> None:
    """401/20003, whatever is asked for."""
    response = handle(Store(), Request("GET", "/v1/Conversations", {"authorization": header}))

    assert (response.status, json.loads(response.body)["code"]) == (401, 20003)
    assert response.headers["WWW-Authenticate"].startswith("Basic")


def test_an_api_key_of_the_account_is_admitted() -> None:
    """An SK key works as the account does, and answers name the account."""
    account = Account(api_keys={KEY: "secret"})
    headers = {"authorization": basic(KEY, "secret")}
    response = handle(Store(account=account), Request("POST", "/v1/Conversations", headers))

    assert json.loads(response.body)["account_sid"] == ACCOUNT_SID


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://conversations.twilio.com", "https://conversations.twilio.com"),
        ("https://conversations.ashburn.us1.twilio.com", "https://conversations.ashburn.us1.twilio.com"),
        ("https://conversations.ashburn.twilio.com", "https://conversations.ashburn.twilio.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://[::1]:8123", "http://[::1]:8123"),
        ("http://localhost:8/conversations.twilio.com", "http://localhost:8/conversations.twilio.com"),
    ],
)
def test_urls_are_the_callers_own(url: str, origin: str) -> None:
    """Every URL in an answer begins as the caller's did, prefix included."""
    store = Store()
    _, body = ask(store, "POST", f"{url}/v1/Conversations")
    _, listed = ask(store, "GET", f"{url}/v1/Conversations?PageSize=1")

    assert body["url"] == f"{origin}/v1/Conversations/{body['sid']}"
    assert listed["meta"]["first_page_url"] == f"{origin}/v1/Conversations?PageSize=1&Page=0"
    assert ask(store, "GET", body["url"]) == (200, body)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://messaging.twilio.com/v1/Services", 20501),
        ("https://sync.dublin.ie1.twilio.com/v1/Services", 20501),
        ("http://127.0.0.1:1/studio.twilio.com/v2/Flows", 20501),
        ("https://conversations.dublin.ie1.twilio.com/v1/Conversations", 50385),
        ("https://conversations.ie1.twilio.com/v1/Conversations", 50385),
        ("http://127.0.0.1:1/v2/Conversations", 20501),
        ("http://127.0.0.1:1/v1/Conversations/", 20501),
        ("http://127.0.0.1:1/", 20501),
    ],
)
def test_other_products_and_regions(url: str, code: int) -> None:
    """The product is told by host or first segment; only us1 has Conversations."""
    assert ask(Store(), "GET", url)[1]["code"] == code


def test_a_known_path_with_another_method_is_405() -> None:
    """Twilio's 20004."""
    assert [ask(Store(), method, "/Conversations")[0] for method in ("PUT", "PATCH", "HEAD")] == [405] * 3


def test_a_missing_resource_is_named_as_asked_for() -> None:
    """The message has the path without its version."""
    _, body = ask(Store(), "GET", "/Conversations/a%20b/Participants")

    assert body == {
        "code": 20404,
        "message": "The requested resource /Conversations/a%20b/Participants was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


def test_answers_carry_twilios_headers() -> None:
    """As captured from the real API."""
    store = Store()
    headers = {"authorization": authorization(store.account)}
    response = handle(store, Request("GET", "/v1/Conversations", headers))

    assert response.headers["Content-Type"] == "application/json;charset=utf-8"
    assert response.headers["X-API-Domain"] == "conversations.twilio.com"
    assert len(response.headers["Twilio-Request-Id"]) == 34


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_body_of_another_type_carries_no_parameters(kind: str) -> None:
    """Only forms are read."""
    store = Store()
    headers = {"authorization": authorization(store.account), "content-type": kind}
    response = handle(store, Request("POST", "/v1/Conversations", headers, b"UniqueName=x"))

    assert json.loads(response.body)["unique_name"] is None


def test_bytes_that_are_no_text_do_no_harm() -> None:
    """Undecodable input becomes replacement characters, never a crash."""
    store = Store()
    headers = {"authorization": authorization(store.account)}
    response = handle(
        store, Request("POST", "/v1/Conversations", headers, b"FriendlyName=%ff%fe\xff&%00=&&=;")
    )

    assert response.status == 201


@pytest.mark.parametrize("seconds", [None, 3])
def test_retry_after_is_a_switch(seconds: int | None) -> None:
    """429 carries Retry-After or not."""
    response = error_response(ApiError(20429), Switches(retry_after_s=seconds), 1)

    assert (response.status, response.headers.get("Retry-After")) == (429, seconds and str(seconds))


# Pages


def filled(count: int, switches: Switches | None = None) -> Store:
    store = Store(clock=Clock.frozen(), switches=switches)
    for n in range(count):
        ask(store, "POST", "/Conversations", {"UniqueName": f"n{n}", "State": ("active", "inactive")[n % 2]})
        store.clock.advance(86_400)
    return store


def walk(store: Store, url: str | None, key: str, direction: str = "next_page_url") -> list[list[str]]:
    pages = []
    while url is not None:
        status, body = ask(store, "GET", url)
        assert status == 200, body
        pages.append([row["sid"] for row in body[key]])
        url = body["meta"][direction]
    return pages


@pytest.mark.parametrize("order", ["created", "created_desc", "sid"])
@pytest.mark.parametrize("drift", [False, True])
@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize(
    "query", ["", "&State=active", "&StartDate=2026-01-03", "&State=inactive&EndDate=2026-01-06"]
)
def test_pages_partition_a_stable_list(order: str, drift: bool, size: int, query: str) -> None:
    """Following next_page_url gives every row once; previous_page_url leads back to the first page."""
    store = filled(9, Switches(list_order=order, page_drift=drift))  # type: ignore[arg-type]
    whole = walk(store, f"/Conversations?PageSize=100{query}", "conversations")[0]
    pages = walk(store, f"/Conversations?PageSize={size}{query}", "conversations")

    assert [sid for page in pages for sid in page] == whole
    assert len(set(whole)) == len(whole)
    assert all(len(page) == size for page in pages[:-1])
    url = f"/Conversations?PageSize={size}{query}"
    for _ in pages[1:]:
        url = ask(store, "GET", url)[1]["meta"]["next_page_url"]
    assert walk(store, url, "conversations", "previous_page_url") == pages[::-1]
    assert ask(store, "GET", url)[1]["meta"]["page"] == len(pages) - 1


def test_tokens_look_like_twilios() -> None:
    """PT and base64url of an object that begins with {"or; numbers for messages."""
    store = filled(3)
    _, body = ask(store, "GET", "/Conversations?PageSize=1")
    for text in "abc":
        ask(store, "POST", "/Conversations/n0/Messages", {"Body": text})
    _, messages = ask(store, "GET", "/Conversations/n0/Messages?PageSize=2&Order=DESC")

    assert "PageToken=PTeyJvcm" in body["meta"]["next_page_url"]
    assert urlsplit(messages["meta"]["next_page_url"]).query == "Order=DESC&PageSize=2&Page=1&PageToken=0"


def test_dates_filter_whole_days_newest_first() -> None:
    """StartDate and EndDate are inclusive; with them the newest come first."""
    store = filled(5)
    _, body = ask(store, "GET", "/Conversations?StartDate=2026-01-02&EndDate=2026-01-03T23:59:59Z")

    assert [row["unique_name"] for row in body["conversations"]] == ["n2", "n1"]
    _, exact = ask(store, "GET", "/Conversations?StartDate=2026-01-02&EndDate=2026-01-03T00:00:00Z")
    assert exact["conversations"] == body["conversations"]


@pytest.mark.parametrize(
    ("drift", "expected"), [(False, ["n0", "n1", "n2", "n3"]), (True, ["n0", "n1", "n3"])]
)
def test_a_row_removed_while_listing(drift: bool, expected: list[str]) -> None:
    """By default nothing that stays is missed; with page drift the rows shift and one is."""
    store = filled(4, Switches(page_drift=drift))
    _, first = ask(store, "GET", "/Conversations?PageSize=2")
    ask(store, "DELETE", "/Conversations/n0")
    _, second = ask(store, "GET", first["meta"]["next_page_url"])

    names = [row["unique_name"] for body in (first, second) for row in body["conversations"]]
    assert names == expected


def test_page_size_above_the_maximum() -> None:
    """Refused, or clamped by switch; webhooks have five a page."""
    assert ask(filled(1), "GET", "/Conversations/n0/Webhooks?PageSize=6")[0] == 400
    clamped = filled(1, Switches(page_size_above_max="clamp"))
    _, body = ask(clamped, "GET", "/Conversations?PageSize=1000")

    assert body["meta"]["page_size"] == 100
    assert ask(clamped, "GET", "/Conversations/n0/Webhooks")[1]["meta"]["page_size"] == 5
