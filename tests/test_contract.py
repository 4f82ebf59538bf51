"""The emulator against Twilio's own description: answers fit the OpenAPI, operations are accounted for."""

from __future__ import annotations

import csv
import re
from typing import Any

import pytest
from contents import created
from openapi import ROOT, TWILIO, Oracle, described, needs_openapi

from reconciler.emulator import Clock, Store, Switches, ask
from reconciler.emulator.conversations import push_bindings
from reconciler.emulator.errors import CODES
from reconciler.emulator.handle import TABLES
from reconciler.emulator.playing import rules
from reconciler.emulator.rows import Credential, Receipt

README = ROOT / "reconciler" / "emulator" / "README.md"
needs_errors = pytest.mark.skipif(
    not (TWILIO / "errors.csv").exists(), reason="the error table is not beside this checkout"
)

PAIR = {"MessagingBinding.Address": "+15550100301", "MessagingBinding.ProxyAddress": "+15550100200"}
GROUP = {"messaging_binding": {"projected_address": "+15550100209"}}


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(described("conversations"))


@pytest.fixture(scope="module")
def sync_oracle() -> Oracle:
    return Oracle(described("sync"))


class Visitor:
    """Calls a world and holds every answer to the OpenAPI."""

    def __init__(
        self, oracle: Oracle, prefix: str, switches: Switches, product: str = "conversations"
    ) -> None:
        self.store = Store(clock=Clock.frozen(), switches=switches)
        self.prefix = prefix.replace("IS", self.store.configuration.default_chat_service_sid)
        self._root = f"https://{product}.twilio.com/v1"
        self._oracle = oracle

    def __call__(self, method: str, path: str, form: Any = None, *, scoped: bool = True) -> Any:
        full = (self.prefix if scoped else "") + path
        status, body = ask(self.store, method, self._root + full, form)
        assert status < 400, body
        problems = self._oracle.problems(method, "/v1" + full.partition("?")[0], status, body)
        assert problems == [], f"{method} {full}"
        return body


@needs_openapi
@pytest.mark.parametrize("prefix", ["", "/Services/IS"])
@pytest.mark.parametrize("variant", Switches.variants())
def test_every_answer_fits_the_openapi(oracle: Oracle, prefix: str, variant: str) -> None:
    """Each supported operation, with each shape it can take, answers as Twilio describes it."""
    visit(oracle, prefix, Switches.variants()[variant])


def visit(oracle: Oracle, prefix: str, switches: Switches) -> None:
    call = Visitor(oracle, prefix, switches)
    _visit_conversations(call)
    _visit_children(call)
    _visit_people(call)
    _visit_account(call)
    _visit_user_conversations(call)
    _visit_settings(call)
    _visit_pushes(call)


def _visit_conversations(call: Visitor) -> None:
    call("POST", "/Conversations")
    timers = {"State": "active", "Timers.Inactive": "PT1M", "Timers.Closed": "PT10M"}
    call("POST", "/Conversations", {"UniqueName": "a/b", "Attributes": '{ "t": 1 }', **timers})
    call("POST", "/Conversations/a%2Fb", {"State": "inactive", "FriendlyName": "Ü"})
    email = {"Bindings.Email.Address": "a@example.com", "Bindings.Email.Name": "A"}
    call("POST", "/Conversations", {"UniqueName": "mail", **email})
    call("GET", "/Conversations/mail")
    call("GET", "/Conversations?PageSize=1")
    call("GET", "/Conversations?State=active&StartDate=2020-01-01")
    call("DELETE", "/Conversations/mail")
    call("POST", "/ConversationWithParticipants", {"UniqueName": "alone"})
    call(
        "POST",
        "/ConversationWithParticipants",
        {"Participant": ['{"identity": "ann"}', '{"identity": "bob"}']},
    )


def _visit_children(call: Visitor) -> None:
    at = "/Conversations/x"
    call("POST", "/Conversations", {"UniqueName": "x"})
    call("POST", "/Conversations", {"UniqueName": "group"})
    sms = call("POST", f"{at}/Participants", PAIR)
    call("POST", f"{at}/Participants", {"Identity": "ann", "Attributes": '{"a": [1]}'})
    call("POST", "/Conversations/group/Participants", {"MessagingBinding.Address": "+15550100311"})
    call("POST", "/Conversations/group/Participants", {"MessagingBinding.ProjectedAddress": "+15550100209"})
    call("GET", "/Conversations/group/Participants")
    call("GET", f"{at}/Participants/ann")
    call(
        "POST",
        f"{at}/Participants/ann",
        {"LastReadMessageIndex": "0"},
    )
    call("GET", f"{at}/Participants?PageSize=1")
    call("GET", "/ParticipantConversations?Identity=ann")
    call("GET", "/ParticipantConversations?Address=%2B15550100301")
    url = {"Configuration.Url": "https://example.com/a", "Configuration.Method": "get"}
    hook = call(
        "POST", f"{at}/Webhooks", {"Target": "webhook", **url, "Configuration.Filters": ["onMessageAdded"]}
    )
    call("POST", f"{at}/Webhooks", {"Target": "trigger", **url, "Configuration.Triggers": ["a", "b"]})
    flow = {"Configuration.FlowSid": "FW" + "0" * 32, "Configuration.ReplayAfter": "7"}
    call("POST", f"{at}/Webhooks", {"Target": "studio", **flow})
    call("POST", f"{at}/Webhooks/{hook['sid']}", {"Configuration.Filters": ["onMessageUpdated"]})
    call("GET", f"{at}/Webhooks/{hook['sid']}")
    call("GET", f"{at}/Webhooks")
    call("DELETE", f"{at}/Webhooks/{hook['sid']}")
    message = call("POST", f"{at}/Messages", {"Body": "hi", "Author": "+15550100301"})
    call("POST", f"{at}/Messages", {"ContentSid": created(call.store), "ContentVariables": '{"1": "a"}'})
    call("POST", f"{at}/Messages", {"MediaSid": "ME" + "0" * 32})
    call("POST", f"{at}/Messages/{message['sid']}", {"Body": "ho"})
    call("GET", f"{at}/Messages/{message['sid']}")
    call("GET", f"{at}/Messages?PageSize=1&Order=desc")
    call("DELETE", f"{at}/Messages/{message['sid']}")
    call("DELETE", f"{at}/Participants/{sms['sid']}")


def _visit_people(call: Visitor) -> None:
    call("GET", "/Roles")
    role = call(
        "POST", "/Roles", {"FriendlyName": "r", "Type": "conversation", "Permission": ["sendMessage"]}
    )
    call("POST", f"/Roles/{role['sid']}", {"Permission": ["sendMessage", "leaveConversation"]})
    call("GET", f"/Roles/{role['sid']}")
    call("DELETE", f"/Roles/{role['sid']}")
    call("POST", "/Users", {"Identity": "admin", "Attributes": '{"duty": "tech"}'})
    call("POST", "/Users/admin", {"FriendlyName": "A"})
    call("GET", "/Users/admin")
    call("GET", "/Users")
    call("DELETE", "/Users/admin")


def _visit_account(call: Visitor) -> None:
    service = call("POST", "/Services", {"FriendlyName": "support"}, scoped=False)
    call("GET", "/Services?PageSize=1", scoped=False)
    call("GET", f"/Services/{service['sid']}", scoped=False)
    call("GET", f"/Services/{service['sid']}/Configuration", scoped=False)
    reachable = {"ReachabilityEnabled": "true"}
    call("POST", f"/Services/{service['sid']}/Configuration", reachable, scoped=False)
    call("DELETE", f"/Services/{service['sid']}", scoped=False)
    call("GET", "/Configuration", scoped=False)
    call("POST", "/Configuration", {"DefaultClosedTimer": "PT10M"}, scoped=False)


def _visit_user_conversations(call: Visitor) -> None:
    timers = {"State": "active", "Timers.Closed": "PT10M"}
    made = call("POST", "/Conversations", {"UniqueName": "mine", **timers})
    call("POST", "/Conversations/mine/Participants", {"Identity": "reader"})
    at = "/Users/reader/Conversations"
    message = call("POST", "/Conversations/mine/Messages", {"Body": "hi"})
    call("GET", f"{at}?PageSize=1")
    call("GET", f"{at}/mine")
    read = {"LastReadMessageIndex": "0", "LastReadTimestamp": "2026-01-01T00:00:00Z"}
    call("POST", f"{at}/{made['sid']}", {"NotificationLevel": "muted", **read})
    at = f"/Conversations/mine/Messages/{message['sid']}/Receipts"
    call.store.insert(receipt(call.store, message, "DY" + "0" * 32, None))
    call.store.insert(receipt(call.store, message, "DY" + "1" * 32, "failed"))
    call("GET", f"{at}?PageSize=1")
    call("GET", f"{at}/DY" + "0" * 32)
    call("GET", f"{at}/DY" + "1" * 32)
    call("DELETE", "/Users/reader/Conversations/mine")


def receipt(store: Store, message: dict[str, Any], sid: str, status: str | None) -> Receipt:
    """Return a receipt as a message on its way has it: of no status yet, or changed since."""
    return Receipt(
        sid=sid,
        seq=store.next_seq(),
        conversation_sid=message["conversation_sid"],
        message_sid=message["sid"],
        participant_sid="MB" + "0" * 32,
        channel_message_sid="SM" + "0" * 32,
        date_created=store.today(),
        date_updated=None if status is None else store.today(),
        status=status,
        error_code=63016 if status == "failed" else 0,
    )


def _visit_settings(call: Visitor) -> None:
    at = "/Configuration/Addresses"
    hook = {"AutoCreation.Type": "webhook", "AutoCreation.WebhookUrl": "https://example.com/a"}
    made = call(
        "POST",
        at,
        {
            "Type": "sms",
            "Address": "+15550100200",
            **hook,
            "AutoCreation.WebhookFilters": ["onMessageAdded", "onParticipantAdded"],
        },
        scoped=False,
    )
    call("POST", at, {"Type": "Email", "Address": "a@example.com", "FriendlyName": "A"}, scoped=False)
    flow = {"AutoCreation.Type": "studio", "AutoCreation.StudioFlowSid": "FW" + "0" * 32}
    call("POST", f"{at}/{made['sid']}", {**flow, "AutoCreation.StudioRetryCount": "3"}, scoped=False)
    call("GET", f"{at}/a%40example.com", scoped=False)
    call("GET", f"{at}?PageSize=1&Type=sms", scoped=False)
    call("DELETE", f"{at}/%2B15550100200", scoped=False)
    hooks = {"PreWebhookUrl": "https://example.com/pre", "Method": "get", "Filters": ["onMessageAdd"]}
    service = f"/Services/{call.store.configuration.default_chat_service_sid}/Configuration"
    for path in ("/Configuration/Webhooks", f"{service}/Webhooks"):
        call("GET", path, scoped=False)
        call("POST", path, hooks, scoped=False)
        call("POST", path, {"PreWebhookUrl": "", "Filters": ""}, scoped=False)
    call("POST", "/Configuration/Webhooks", {"Target": "flex"}, scoped=False)
    call("GET", f"{service}/Notifications", scoped=False)
    sound = {"NewMessage.Enabled": "true", "NewMessage.WithMedia.Template": "${MEDIA}"}
    call("POST", f"{service}/Notifications", {**sound, "AddedToConversation.Sound": "ring"}, scoped=False)


def _visit_pushes(call: Visitor) -> None:
    store = call.store
    made = call("POST", "/Credentials", {"Type": "APN", "Sandbox": "true"}, scoped=False)
    call("POST", f"/Credentials/{made['sid']}", {"FriendlyName": "phones"}, scoped=False)
    call("GET", f"/Credentials/{made['sid']}", scoped=False)
    call("GET", "/Credentials?PageSize=1", scoped=False)
    service = store.service(store.configuration.default_chat_service_sid)
    credential = store.index.rows[made["sid"]]
    assert service is not None
    assert isinstance(credential, Credential)
    device = push_bindings.register(store, service, "reader", "token", credential)
    at = f"/Services/{service.sid}/Bindings"
    call("GET", f"{at}?BindingType=apn&Identity=reader&Identity=ann&PageSize=1", scoped=False)
    call("GET", f"{at}/{device.sid}", scoped=False)
    call("POST", f"/Services/{service.sid}/Configuration", {"ReachabilityEnabled": "true"}, scoped=False)
    assert call("GET", "/Users/reader")["is_notifiable"] is True
    call("DELETE", f"{at}/{device.sid}", scoped=False)
    call("DELETE", f"/Credentials/{made['sid']}", scoped=False)


@needs_openapi
def test_the_visit_misses_no_supported_operation(oracle: Oracle) -> None:
    """What the table calls supported or stored was checked against the OpenAPI."""
    for prefix in ("", "/Services/IS"):
        visit(oracle, prefix, Switches())

    assert supported("conversations") == oracle.checked


def supported(product: str) -> set[str]:
    return {operation.name for operation in TABLES[product].operations if operation.handler}


@needs_openapi
@pytest.mark.parametrize("variant", Switches.variants())
def test_every_answer_of_sync_fits_the_openapi(sync_oracle: Oracle, variant: str) -> None:
    """Services and documents, in each shape they can take; nothing supported is left out."""
    call = Visitor(sync_oracle, "", Switches.variants()[variant], "sync")
    made = call("POST", "/Services", {"FriendlyName": "locks", "AclEnabled": "true"})
    call("POST", "/Services", {"WebhookUrl": "https://example.com/"})
    at = f"/Services/{made['sid']}"
    call("GET", at)
    call("POST", at, {"ReachabilityDebouncingEnabled": "true", "ReachabilityDebouncingWindow": "1000"})
    call("GET", "/Services/default")
    call("GET", "/Services?PageSize=1")
    document = call("POST", f"{at}/Documents", {"UniqueName": "a/b", "Data": '{"a": [1]}', "Ttl": "60"})
    call("POST", f"{at}/Documents")
    call("POST", f"{at}/Documents/a%2Fb", {"Data": '{"a": null}', "Ttl": "0"})
    call("GET", f"{at}/Documents/{document['sid']}")
    call("GET", f"{at}/Documents?PageSize=1")
    call("DELETE", f"{at}/Documents/a%2Fb")
    call("DELETE", at)

    assert supported("sync") == sync_oracle.checked


@needs_openapi
@pytest.mark.parametrize(
    "spoil",
    [
        {"sid": "CH12"},
        {"data": "{}"},
        {"revision": 0},
        {"date_expires": 5},
        {"date_updated": "2026-01-01T00:00:00.000Z"},
        {"url": "/v1/Services"},
        {"links": []},
        {"extra": 1},
        {"created_by": ...},
    ],
    ids=str,
)
def test_the_check_sees_a_spoilt_document(sync_oracle: Oracle, spoil: dict[str, Any]) -> None:
    """What Twilio leaves untyped (data) is looked at too."""
    root = "https://sync.twilio.com/v1/Services/default/Documents"
    _, body = ask(Store(), "POST", root)
    spoilt = {key: value for key, value in {**body, **spoil}.items() if value is not ...}

    assert sync_oracle.problems("POST", "/v1/Services/IS/Documents", 201, body) == []
    assert sync_oracle.problems("POST", "/v1/Services/IS/Documents", 201, spoilt) != []


@needs_openapi
@pytest.mark.parametrize("spoil", [{"acl_enabled": "true"}, {"reachability_debouncing_window": "5"}], ids=str)
def test_the_check_sees_a_spoilt_sync_service(sync_oracle: Oracle, spoil: dict[str, Any]) -> None:
    """In lists too."""
    _, body = ask(Store(), "GET", "https://sync.twilio.com/v1/Services")

    assert sync_oracle.problems("GET", "/v1/Services", 200, body) == []
    body["services"][0] |= spoil
    assert sync_oracle.problems("GET", "/v1/Services", 200, body) != []


@needs_openapi
@pytest.mark.parametrize(
    "spoil",
    [
        {"sid": "CH12"},
        {"state": "asleep"},
        {"date_created": 5},
        {"date_created": "2026-01-01T00:00:00.000Z"},
        {"url": "/v1/Conversations"},
        {"timers": "PT1M"},
        {"bindings": []},
        {"attributes": {}},
        {"friendly_name": 7},
        {"links": None, "url": 3},
        {"extra": 1},
        {"unique_name": ...},
    ],
    ids=str,
)
def test_the_check_sees_a_spoilt_conversation(oracle: Oracle, spoil: dict[str, Any]) -> None:
    """A wrong type, pattern, enum value, an extra and a missing key are each found."""
    _, body = ask(Store(), "POST", "/Conversations")
    spoilt = {key: value for key, value in {**body, **spoil}.items() if value is not ...}

    assert oracle.problems("POST", "/v1/Conversations", 201, body) == []
    assert oracle.problems("POST", "/v1/Conversations", 201, spoilt) != []


@needs_openapi
@pytest.mark.parametrize(
    ("collection", "form", "field"),
    [
        ("Participants", {"Identity": "ann"}, "messaging_binding"),
        ("Webhooks", {"Target": "studio", "Configuration.FlowSid": "FW" + "0" * 32}, "configuration"),
        ("Messages", {"Body": "hi"}, "delivery"),
    ],
)
def test_the_check_sees_spoilt_children(
    oracle: Oracle, collection: str, form: dict[str, str], field: str
) -> None:
    """Fields that Twilio describes as nullable without a type are really looked at, in lists too."""
    store = Store()
    ask(store, "POST", "/Conversations", {"UniqueName": "x"})
    ask(store, "POST", f"/Conversations/x/{collection}", form)
    path = f"/v1/Conversations/x/{collection}"
    _, body = ask(store, "GET", f"/Conversations/x/{collection}")

    assert oracle.problems("GET", path, 200, body) == []
    body[collection.lower()][0][field] = "text"
    assert oracle.problems("GET", path, 200, body) != []
    assert oracle.problems("GET", path, 201, body) == ["status 201 is not described"]


@needs_openapi
@pytest.mark.parametrize("product", TABLES)
def test_the_table_has_every_operation_of_the_openapi(product: str) -> None:
    """Names, methods and paths are Twilio's: nothing invented, nothing left out."""
    found = {
        (way["operationId"], method.upper(), path.removeprefix("/v1"))
        for path, ways in described(product)["paths"].items()
        for method, way in ways.items()
        if method in ("get", "post", "put", "delete")
    }

    assert found == {(each.name, each.method, each.path) for each in TABLES[product].operations}


@pytest.mark.parametrize("product", TABLES)
def test_every_operation_is_reached_by_its_own_path(product: str) -> None:
    """The router finds what the table says."""
    for operation in TABLES[product].operations:
        found = TABLES[product].match(operation.method, re.sub(r"\{\w+\}", "x", operation.path))

        assert found is not None
        assert found.operation == operation


@pytest.mark.parametrize("product", TABLES)
def test_what_is_not_emulated_says_so_loudly(product: str) -> None:
    """An operation without a handler answers 501 with its name."""
    store = Store()
    service = f"/Services/{store.configuration.default_chat_service_sid}"
    for operation in TABLES[product].operations:
        if operation.handler is None:
            path = re.sub(r"\{\w+\}", "x", operation.path.replace("/Services/{ChatServiceSid}", service))

            status, body = ask(store, operation.method, f"https://{product}.twilio.com/v1{path}")

            assert (status, body["message"]) == (501, f"{operation.name} is not emulated")


@pytest.mark.parametrize("product", TABLES)
def test_the_readme_shows_the_table_as_it_is(product: str) -> None:
    """The parity table in the README is the one that the routes make, and so are its totals."""
    text, table = README.read_text(encoding="utf-8"), TABLES[product]

    assert table.parity() in text, "put what the table's parity() returns into the README"
    assert table.summary() in text


def test_all_of_conversations_answers() -> None:
    """No operation of Conversations is a 501; what is only stored concerns pushes."""
    stored = [each.name for each in TABLES["conversations"].operations if each.state == "stored"]

    assert TABLES["conversations"].count("501") == 0
    assert all(re.search("Credential$|Binding$|Notification$", name) for name in stored)
    assert len(stored) == 10


def _errors() -> dict[int, str]:
    lines = (TWILIO / "errors.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines)
    return {code: row["http_status"] for row in rows for code in _codes(row["code"])}


def _codes(text: str) -> set[int]:
    """Return the codes in a text, ranges with all that is in them."""
    ranges = re.findall(r"\b(\d{5})(?:-| to )(\d{5})\b", text)
    within = {code for first, last in ranges for code in range(int(first), int(last) + 1)}
    return within | {int(code) for code in re.findall(r"\b\d{5}\b", text)}


def test_the_readme_names_every_switch() -> None:
    """Each open question stands in the README with its default."""
    text = README.read_text(encoding="utf-8")

    for name, question in Switches.questions().items():
        default = getattr(Switches(), name)
        assert f"| `{name}` | {question} | `{default}` |" in text


@needs_errors
def test_every_known_error_code_is_raised_or_explained() -> None:
    """Each code that Twilio has for these resources is in the emulator, or the README says why not."""
    known = set(_errors()) - {rules.OPTED_OUT, rules.OUTSIDE_WINDOW, rules.UNFIT}  # come in receipts
    section = (
        README.read_text(encoding="utf-8").partition("## Codes that never come")[2].partition("\n## ")[0]
    )
    explained = _codes(section) - {20404}  # what is said instead of some

    assert known - CODES.keys() == explained & known
    assert not explained & CODES.keys()


@needs_errors
def test_observed_statuses_are_the_emulators() -> None:
    """Where a status was seen or documented, the emulator has that one and holds it sure."""
    for number, status in _errors().items():
        if status.isdigit() and number in CODES:
            code = CODES[number]

            assert (code.status, code.sure) == (int(status), True), number
