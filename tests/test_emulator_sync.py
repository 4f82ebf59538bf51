"""Sync services and documents: revisions that guard updates, names that linger, permission that lacks."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from twilio.rest import Client

from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Account, Clock, Store, Switches, WorldError, ask
from reconciler.emulator.doors.in_process import authorization, request_to
from reconciler.emulator.doors.server import running
from reconciler.emulator.handle import handle
from reconciler.emulator.rows import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "https://sync.twilio.com/v1/Services"
DOCUMENTS = f"{ROOT}/default/Documents"
LOCK = {"UniqueName": "lock", "Data": '{"holder": "a"}'}


def world(**answers: Any) -> Store:
    return Store(clock=Clock.frozen(), switches=Switches(**answers))


def code(store: Store, method: str, url: str, form: Any = None, if_match: str | None = None) -> int:
    headers = {} if if_match is None else {"If-Match": if_match}
    status, body = ask(store, method, url, form, headers)
    return status if status < 400 else int(body["code"])


def test_a_document_is_kept_as_it_was_sent() -> None:
    """Found by SID and by name; a new one has revision 0 and does not expire."""
    store = world()
    status, made = ask(store, "POST", DOCUMENTS, LOCK)

    assert (status, made["revision"], made["data"], made["date_expires"]) == (201, "0", {"holder": "a"}, None)
    assert ask(store, "GET", f"{DOCUMENTS}/lock") == (200, made)
    assert ask(store, "GET", made["url"]) == (200, made)
    assert ask(store, "GET", DOCUMENTS)[1]["documents"] == [made]


def test_a_document_needs_no_name_and_no_data() -> None:
    """Then its name is null and its data an empty object; it can be made many times."""
    store = world()
    made = [ask(store, "POST", DOCUMENTS)[1] for _ in range(2)]

    assert [(one["unique_name"], one["data"]) for one in made] == [(None, {})] * 2
    assert made[0]["sid"] != made[1]["sid"]


@pytest.mark.parametrize(
    ("method", "path", "form", "expected"),
    [
        ("POST", "", LOCK, 54301),
        ("POST", "", {"UniqueName": ""}, 54302),
        ("POST", "", {"UniqueName": "n" * 321}, 54302),
        ("POST", "", {"UniqueName": "ET" + "0" * 32}, 54302),
        ("POST", "", {"UniqueName": "n" * 320}, 201),
        ("POST", "", {"Data": "{"}, 54008),
        ("POST", "", {"Data": ""}, 54008),
        ("POST", "", {"Data": "[1]"}, 54101),
        ("POST", "", {"Data": "null"}, 54101),
        ("POST", "", {"Data": json.dumps({"a": "x" * 16_384})}, 54006),
        ("POST", "", {"Data": json.dumps({"a": "x" * 16_375})}, 201),
        ("POST", "", {"Ttl": "-1"}, 54011),
        ("POST", "", {"Ttl": "soon"}, 54011),
        ("POST", "", {"Ttl": "31536001"}, 54011),
        ("POST", "", {"Ttl": "31536000"}, 201),
        ("POST", "/lock", {}, 54010),
        ("POST", "/lock", {"Data": "1"}, 54101),
        ("GET", "/nothing", None, 54100),
        ("POST", "/nothing", {"Data": "{}"}, 54100),
        ("DELETE", "/nothing", None, 54100),
        ("GET", "/IS" + "0" * 32, None, 54100),
    ],
)
def test_refusals_and_limits(method: str, path: str, form: Any, expected: int) -> None:
    """Each with its own code; a refused call leaves the document as it was."""
    store = world()
    ask(store, "POST", DOCUMENTS, LOCK)
    before = ask(store, "GET", f"{DOCUMENTS}/lock")

    assert code(store, method, DOCUMENTS + path, form) == expected
    assert ask(store, "GET", f"{DOCUMENTS}/lock") == before


def test_the_longest_name_is_a_switch() -> None:
    """The resource says 320 characters, the error page 256."""
    store = world(sync_name_chars=256)

    assert code(store, "POST", DOCUMENTS, {"UniqueName": "n" * 257}) == 54302


def test_a_revision_guards_an_update() -> None:
    """Of two who read the same revision, one writes; without If-Match the last one wins."""
    store = world()
    ask(store, "POST", DOCUMENTS, LOCK)
    lock = f"{DOCUMENTS}/lock"

    assert code(store, "POST", lock, {"Data": '{"holder": "b"}'}, "0") == 200
    assert code(store, "POST", lock, {"Data": '{"holder": "c"}'}, "0") == 54103
    assert ask(store, "GET", lock)[1]["data"] == {"holder": "b"}
    assert ask(store, "POST", lock, {"Data": "{}"}, {"If-Match": "0"})[0] == 412
    assert code(store, "POST", lock, {"Data": "{}"}) == 200
    assert ask(store, "GET", lock)[1]["revision"] == "2"


@pytest.mark.parametrize("value", ["", "*", "W/0", "x", "-1", '"0', "0 0", "1" * 17])
def test_an_if_match_that_is_no_revision(value: str) -> None:
    """54003, before anything else is looked at."""
    store = world()
    ask(store, "POST", DOCUMENTS, LOCK)

    assert code(store, "POST", f"{DOCUMENTS}/lock", {"Data": "{"}, value) == 54003


@pytest.mark.parametrize("value", ["0", '"0"', " 0 "])
def test_an_if_match_may_be_quoted(value: str) -> None:
    """As HTTP writes entity tags, or bare, as the documentation does."""
    store = world()
    ask(store, "POST", DOCUMENTS, LOCK)

    assert code(store, "POST", f"{DOCUMENTS}/lock", {"Data": "{}"}, value) == 200


def test_revisions_are_opaque_text() -> None:
    """They are hexadecimal, so that whoever adds one to a decimal number is found out."""
    store = world()
    ask(store, "POST", DOCUMENTS, LOCK)
    seen = [ask(store, "POST", f"{DOCUMENTS}/lock", {"Data": "{}"})[1]["revision"] for _ in range(17)]

    assert seen[8:] == ["9", "a", "b", "c", "d", "e", "f", "10", "11"]


def test_the_etag_is_the_revision() -> None:
    """Whatever shows a document carries it; a list and a service do not."""
    store = world()
    ask(store, "POST", DOCUMENTS, LOCK)
    headers = {"Authorization": authorization(store.account)}
    tags = [
        handle(store, request_to("GET", url, headers, b"")).headers
        for url in (f"{DOCUMENTS}/lock", DOCUMENTS, f"{ROOT}/default")
    ]

    assert [found.get("ETag") for found in tags] == ["0", None, None]
    assert tags[0]["X-API-Domain"] == "sync.twilio.com"


def test_a_document_made_again_begins_again() -> None:
    """Another SID, revision 0: a revision alone does not say that nobody was there in between."""
    store = world()
    _, first = ask(store, "POST", DOCUMENTS, LOCK)
    ask(store, "POST", f"{DOCUMENTS}/lock", {"Data": "{}"})

    assert code(store, "DELETE", f"{DOCUMENTS}/lock", if_match="77") == 204  # a delete has no condition
    _, second = ask(store, "POST", DOCUMENTS, LOCK)
    assert second["revision"] == "0"
    assert second["sid"] != first["sid"]
    assert code(store, "GET", first["url"]) == 54100


def test_expiry_is_late() -> None:
    """An expired document is still there for a while, and its name taken; then both are gone."""
    store = world(document_linger_s=5.0)
    _, made = ask(store, "POST", DOCUMENTS, LOCK | {"Ttl": "60"})
    assert made["date_expires"] == "2026-01-01T00:01:00Z"

    store.advance(64)
    assert code(store, "GET", f"{DOCUMENTS}/lock") == 200
    assert code(store, "POST", DOCUMENTS, LOCK) == 54301
    store.advance(1)
    assert code(store, "GET", f"{DOCUMENTS}/lock") == 54100
    assert code(store, "POST", DOCUMENTS, LOCK) == 201


def test_an_expired_document_may_be_hidden_and_still_hold_its_name() -> None:
    """The worst reading of "not deleted immediately": it is not there, and cannot be made."""
    store = world(document_linger_s=60.0, expired_document="hidden")
    _, made = ask(store, "POST", DOCUMENTS, LOCK | {"Ttl": "60"})
    store.advance(60)

    assert code(store, "GET", f"{DOCUMENTS}/lock") == 54100
    assert code(store, "POST", made["url"], {"Ttl": "60"}) == 54100
    assert ask(store, "GET", DOCUMENTS)[1]["documents"] == []
    assert code(store, "POST", DOCUMENTS, LOCK) == 54301
    store.advance(60)
    assert code(store, "POST", DOCUMENTS, LOCK) == 201


def test_an_update_moves_or_ends_expiry() -> None:
    """A Ttl counts from the update, 0 is never, none leaves the date; what lingers can be saved."""
    store = world()
    lock = f"{DOCUMENTS}/lock"
    ask(store, "POST", DOCUMENTS, LOCK | {"Ttl": "60"})
    store.advance(62)
    ask(store, "POST", lock, {"Ttl": "60"})
    store.advance(50)
    assert ask(store, "POST", lock, {"Data": "{}"})[1]["date_expires"] == "2026-01-01T00:02:02Z"
    assert ask(store, "POST", lock, {"Ttl": "0"})[1]["date_expires"] is None
    store.advance(10_000)

    assert code(store, "GET", lock) == 200


def test_services_are_namespaces() -> None:
    """A name is one document's in each service; deleting a service deletes what is in it."""
    store = world()
    _, made = ask(store, "POST", ROOT, {"FriendlyName": "ours", "AclEnabled": "true", "UniqueName": "x"})
    documents = f"{ROOT}/{made['sid']}/Documents"

    assert (made["acl_enabled"], made["unique_name"]) == (True, None)  # a unique name cannot be assigned
    assert [code(store, "POST", url, LOCK) for url in (DOCUMENTS, documents)] == [201, 201]
    _, mine = ask(store, "GET", f"{documents}/lock")
    assert code(store, "GET", f"{DOCUMENTS}/{mine['sid']}") == 54100
    assert code(store, "DELETE", made["url"]) == 204
    assert code(store, "GET", f"{documents}/lock") == 54050
    assert code(store, "GET", f"{DOCUMENTS}/lock") == 200


def test_services_are_updated_and_checked() -> None:
    """Flags, the window's bounds, unknown services, and the default one, which stays."""
    store = world()
    url = ask(store, "POST", ROOT)[1]["url"]
    form = {"ReachabilityWebhooksEnabled": "true", "FriendlyName": "b", "WebhookUrl": "https://example.com"}
    _, changed = ask(store, "POST", url, form)

    assert changed["reachability_webhooks_enabled"] is True
    assert (changed["friendly_name"], changed["webhook_url"]) == ("b", "https://example.com")
    assert code(store, "POST", url, {"AclEnabled": "yes"}) == 20001
    assert code(store, "POST", url, {"ReachabilityDebouncingWindow": "999"}) == 20001
    assert code(store, "POST", url) == 54010
    assert code(store, "GET", f"{ROOT}/IS{'0' * 32}") == 54050
    assert code(store, "DELETE", f"{ROOT}/default") == 20001


def test_a_conversations_service_is_no_sync_service() -> None:
    """Their SIDs look alike and live apart."""
    store = world()
    sid = store.configuration.default_chat_service_sid

    assert code(store, "GET", f"{ROOT}/{sid}") == 54050


def test_credentials_may_lack_power_over_sync() -> None:
    """Every call of Sync is 403/70051, and Conversations goes on."""
    store = Store(account=Account(sync=False))

    assert ask(store, "GET", ROOT)[0] == 403
    assert [code(store, m, u) for m, u in (("GET", DOCUMENTS), ("POST", ROOT))] == [70051, 70051]
    assert code(store, "GET", "/Conversations") == 200


def test_documents_survive_being_closed(tmp_path: Path) -> None:
    """Data, revision and expiry are as they were, and what expired meanwhile goes when its time comes."""
    path = tmp_path / "w.db"
    store = Store(path=path, clock=Clock.frozen())
    ask(store, "POST", DOCUMENTS, LOCK | {"Ttl": "60"})
    ask(store, "POST", f"{DOCUMENTS}/lock", {"Data": '{"n": 1.50, "u": "Ü"}'})
    before = ask(store, "GET", f"{DOCUMENTS}/lock")
    store.close()

    again = Store(path=path)
    assert ask(again, "GET", f"{DOCUMENTS}/lock") == before
    again.advance(65)
    assert code(again, "GET", f"{DOCUMENTS}/lock") == 54100
    again.close()


def test_a_file_from_before_sync_is_opened(tmp_path: Path) -> None:
    """It gets the default service and the new format, which an older program sees and refuses."""
    path = tmp_path / "w.db"
    store = Store(path=path)
    sid = ask(store, "POST", "/Conversations", {"UniqueName": "x"})[1]["sid"]
    store.close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DELETE FROM row WHERE kind = 'sync_service'")
    db.execute("PRAGMA user_version = 1")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()

    again = Store(path=path)
    assert again.conversation(sid) is not None
    assert code(again, "POST", DOCUMENTS, LOCK) == 201
    assert int.from_bytes(path.read_bytes()[60:64], "big") == FORMAT
    again.close()
    last = Store(path=path)
    assert code(last, "GET", f"{DOCUMENTS}/lock") == 200
    last.close()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    """By the number in its header, without opening it."""
    path = tmp_path / "w.db"
    Store(path=path).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()

    with pytest.raises(WorldError, match=f"format {FORMAT + 1}, this one reads {FORMAT}"):
        Store(path=path)


def test_the_stock_sdk_uses_sync() -> None:
    """Over a socket, by first path segment: create, compare-and-set, list, delete."""
    store = world()
    with running(store) as url:
        client = Client(ACCOUNT_SID, AUTH_TOKEN)
        client.sync.base_url = f"{url}/sync.twilio.com"
        documents = client.sync.v1.services("default").documents
        made = documents.create(unique_name="lock", data={"n": 1}, ttl=60)
        changed = (
            client.sync.v1.services("default").documents("lock").update(if_match=made.revision, data={"n": 2})
        )
        listed = [row.unique_name for row in documents.list()]
        deleted = client.sync.v1.services("default").documents(made.sid).delete()
        client.http_client.session.close()

    assert (made.revision, changed.revision, changed.data) == ("0", "1", {"n": 2})
    assert (listed, deleted) == (["lock"], True)
    assert made.date_expires.minute == 1
