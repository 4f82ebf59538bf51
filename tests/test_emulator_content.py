"""Content: templates in many types, what WhatsApp decides of them, and what each handset gets."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from contents import GREETED, GREETING, approved, call, created, requested, status_of
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi import TWILIO, Oracle, described, needs_openapi
from twilio.rest import Client

from reconciler.emulator import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    Clock,
    Effect,
    Match,
    Request,
    Rule,
    Store,
    Switches,
    ask,
)
from reconciler.emulator.content import patterns, placeholders, variants
from reconciler.emulator.content.patterns import Pattern
from reconciler.emulator.content.routes import V2
from reconciler.emulator.content.shapes import TYPES
from reconciler.emulator.control.routes import control
from reconciler.emulator.doors.in_process import authorization, request_to
from reconciler.emulator.doors.server import running
from reconciler.emulator.handle import TABLES, handle
from reconciler.emulator.soundness import StateError
from reconciler.emulator.state import exported, imported

if TYPE_CHECKING:
    from pathlib import Path

WA, SMS = "whatsapp:+15550100200", "+15550100201"
ROBERT, ALICIA = "whatsapp:+15550100301", "+15550100302"
DAY_S = 24 * 3600.0
NOBODY = "HX" + "f" * 32


def world(**answers: Any) -> Store:
    return Store(clock=Clock.frozen(), switches=Switches(**answers))


def code(store: Store, method: str, path: str, body: Any = None) -> int:
    status, answer = call(store, method, path, body)
    return status if status < 400 else int(answer["code"])


def admin(store: Store, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    sent = b"" if body is None else json.dumps(body).encode()
    response = control(store, Request(method, f"/_emulator/{path}", {}, sent, host="127.0.0.1:8010"))
    return response.status, json.loads(response.body)


def rows_of(store: Store) -> dict[str, str]:
    return {sid: repr(row) for sid, row in store.index.rows.items()}


# --- the description ---------------------------------------------------------------------------------------


def described_later() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TWILIO / "openapi" / "twilio_content_v2.json").read_text("utf-8"))
    return found


@needs_openapi
@pytest.mark.parametrize("variant", Switches.variants())
def test_every_answer_fits_the_openapi(variant: str) -> None:
    """Each operation of both versions, with a content of each sort of request, answers as described."""
    store = Store(clock=Clock.frozen(), switches=Switches.variants()[variant])
    oracles = {"v1": Oracle(described("content")), "v2": Oracle(described_later())}

    def visit(method: str, path: str, body: Any = None) -> Any:
        status, answer = call(store, method, path, body)
        assert status < 400, answer
        bare = path.partition("?")[0]
        assert oracles[path[1:3]].problems(method, bare, status, answer) == [], path
        return answer

    body = {"friendly_name": "a", "language": "en", "variables": {"1": "x"}, "types": GREETING}
    one = visit("POST", "/v1/Content", body)
    two = visit("POST", "/v1/Content", {"language": "de", "types": GREETING})
    at = f"/v1/Content/{one['sid']}"
    visit("PUT", at, {"types": GREETING, "friendly_name": "b"})
    visit("GET", f"{at}/ApprovalRequests")
    visit("POST", f"{at}/ApprovalRequests/whatsapp", {"name": "a_1", "category": "MARKETING"})
    visit("GET", f"{at}/ApprovalRequests")
    visit("GET", at)
    for path in ("/v1/Content", "/v1/ContentAndApprovals", "/v1/LegacyContent"):
        visit("GET", f"{path}?PageSize=1")
    for path in ("/v2/Content", "/v2/ContentAndApprovals"):
        visit("GET", f"{path}?PageSize=1")
    visit("DELETE", f"/v1/Content/{two['sid']}")

    assert oracles["v1"].checked == {each.name for each in TABLES["content"].operations}
    assert oracles["v2"].checked == {each.name for each in V2.operations}


@needs_openapi
def test_the_check_sees_spoilt_answers() -> None:
    """What the OpenAPI leaves without a type is really looked at."""
    store, oracle = world(), Oracle(described("content"))
    path = f"/v1/Content/{created(store)}"
    _, body = call(store, "GET", path)

    assert oracle.problems("GET", path, 200, body) == []
    for name, wrong in (("types", "text"), ("variables", []), ("date_created", "today"), ("url", "x")):
        assert oracle.problems("GET", path, 200, {**body, name: wrong}) != []


@needs_openapi
def test_version_two_is_twilios() -> None:
    """Names, methods and paths of v2, as of every other table."""
    found = {
        (way["operationId"], method.upper(), path.removeprefix("/v2"))
        for path, ways in described_later()["paths"].items()
        for method, way in ways.items()
        if method in ("get", "post", "put", "delete")
    }

    assert found == {(each.name, each.method, each.path) for each in V2.operations}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v2/LegacyContent", 20501),
        ("GET", "/v3/Content", 20501),
        ("POST", "/v2/Content", 20004),
        ("PATCH", "/v1/Content", 20004),
        ("GET", f"/v1/Content/{NOBODY}", 20404),
        ("PUT", f"/v1/Content/{NOBODY}", 20404),
        ("DELETE", f"/v1/Content/{NOBODY}", 20404),
        ("GET", f"/v1/Content/{NOBODY}/ApprovalRequests", 20404),
        ("POST", f"/v1/Content/{NOBODY}/ApprovalRequests/whatsapp", 20404),
    ],
)
def test_what_is_not_there(method: str, path: str, expected: int) -> None:
    """No plausible answer where there is nothing."""
    assert code(world(), method, path) == expected


def test_other_regions_and_strangers() -> None:
    """Content lives in us1, and wants the account's credentials."""
    store = world()

    assert ask(store, "GET", "https://content.ie1.twilio.com/v1/Content")[1]["code"] == 20501
    assert handle(store, request_to("GET", "https://content.twilio.com/v1/Content", {}, b"")).status == 401


# --- every property of every type --------------------------------------------------------------------------


class Walk:
    """What the OpenAPI says of a content's types, as values that fit and values that do not."""

    def __init__(self) -> None:
        self.schemas = described("content")["components"]["schemas"]

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        found = schema
        while "$ref" in found:
            found = self.schemas[found["$ref"].rpartition("/")[2]]
        return found

    def properties(self, name: str) -> dict[str, dict[str, Any]]:
        types = self.resolved(self.schemas["types"]["properties"][name])
        return {key: self.resolved(one) for key, one in types["properties"].items()}

    def fitting(self, schema: dict[str, Any], *, whole: bool) -> Any:
        """Return a value: with everything that is described, or only what is required."""
        schema = self.resolved(schema)
        match schema["type"]:
            case "string":
                return schema.get("enum", ["text"])[0]
            case "number":
                return 2.5
            case "boolean":
                return True
            case "array":
                return [self.fitting(schema["items"], whole=whole)]
        names = schema["properties"] if whole else schema.get("required", [])
        return {name: self.fitting(schema["properties"][name], whole=whole) for name in names}

    def enums(self, schema: dict[str, Any]) -> list[Any]:
        """Return lists of actions, one of each kind that is described."""
        items = self.resolved(schema.get("items", {}))
        kinds = self.resolved(items.get("properties", {}).get("type", {})).get("enum", [])
        return [[{**self.fitting(items, whole=False), "type": kind}] for kind in kinds]

    def wrong(self, schema: dict[str, Any]) -> list[Any]:
        """Return values of other types, and for lists what their items may not be."""
        schema = self.resolved(schema)
        others: dict[str, list[Any]] = {
            "string": [1, ["a"], {}],
            "number": ["1", True],
            "boolean": ["true", 1],
            "array": ["a", {}, []],
            "object": ["a", []],
        }
        found = others[schema["type"]]
        if schema["type"] != "array":
            return [*found, *(["SUNRISE"] if "enum" in schema else [])]
        item = self.fitting(schema["items"], whole=True)
        if not isinstance(item, dict):
            return [*found, [1]]
        item_schema = self.resolved(schema["items"])
        spoilt = [{**item, "moons": 2}, "a"]
        spoilt += [{k: v for k, v in item.items() if k != name} for name in item_schema.get("required", [])]
        spoilt += [
            {**item, name: bad} for name, one in item_schema["properties"].items() for bad in self.wrong(one)
        ]
        return [*found, *([one] for one in spoilt)]


def posted(store: Store, types: Any, **more: Any) -> tuple[int, Any]:
    return call(store, "POST", "/v1/Content", {"language": "en", "types": types, **more})


def beside(walk: Walk, name: str) -> dict[str, Any]:
    """Return the least a type needs; cards need one property more than the OpenAPI says."""
    found: dict[str, Any] = walk.fitting(walk.schemas["types"]["properties"][name], whole=False)
    also = {"twilio/card": {"title": "t", "subtitle": "s"}, "whatsapp/card": {"footer": "f"}}
    return {**found, **also.get(name, {})}


@needs_openapi
@pytest.mark.parametrize("name", TYPES)
def test_every_property_of_every_type(name: str) -> None:
    """What it may be is taken and shown, what it may not be is refused and leaves no trace."""
    walk, store = Walk(), world()
    needed = beside(walk, name)
    required = walk.resolved(walk.schemas["types"]["properties"][name]).get("required", [])
    whole = walk.fitting(walk.schemas["types"]["properties"][name], whole=True)
    for value in (needed, whole):
        status, body = posted(store, {name: value})
        assert (status, body.get("types")) == (201, {name: value}), body
    for key, schema in walk.properties(name).items():
        for good in (walk.fitting(schema, whole=False), *walk.enums(schema)):
            status, body = posted(store, {name: {**needed, key: good}})
            assert (status, body.get("types")) == (201, {name: {**needed, key: good}}), body
        assert posted(store, {name: {**needed, **dict.fromkeys(walk.properties(name)) | needed}})[0] == 201
    before = rows_of(store)
    for key, schema in walk.properties(name).items():
        for bad in walk.wrong(schema):
            status, body = posted(store, {name: {**needed, key: bad}})
            assert (status, body["code"]) == (400, 20001), (key, bad)
            assert body["message"].startswith(f"types.{name}.{key}"), body["message"]
    for key in required:
        assert (
            code(store, "POST", "/v1/Content", {"language": "en", "types": {name: {**needed, key: None}}})
            == 20001
        )
    assert posted(store, {name: {**needed, "moons": 2}})[1]["message"] == f"types.{name}.moons is not known"
    assert rows_of(store) == before


@needs_openapi
def test_the_types_are_twilios() -> None:
    """Each that the OpenAPI has, and no other."""
    assert set(TYPES) == set(described("content")["components"]["schemas"]["types"]["properties"])


@pytest.mark.parametrize(
    "change",
    [
        {"language": None},
        {"language": ""},
        {"language": 5},
        {"friendly_name": 5},
        {"friendly_name": "x" * 513},
        {"types": None},
        {"types": {}},
        {"types": []},
        {"types": {"twilio/text": None}},
        {"types": {"twilio/telepathy": {"body": "a"}}},
        {"types": {"twilio/text": {"body": "x" * 1601}}},
        {"types": {"twilio/quick-reply": {"body": "x" * 1025, "actions": [{"title": "a"}]}}},
        {
            "types": {
                "twilio/list-picker": {"body": "a", "button": "b", "items": [{"id": "1", "item": "a"}] * 11}
            }
        },
        {"types": {"twilio/card": {"title": "alone"}}},
        {"types": {"twilio/card": {"subtitle": "a", "media": ["https://example.com/a"]}}},
        {"types": {"whatsapp/card": {"body": "alone"}}},
        {"variables": []},
        {"variables": {"1": 2}},
        {"variables": {"x" * 17: "a"}},
        {"variables": {"a b": "a"}},
        {"variables": {"": "a"}},
        {"variables": {"1": "x" * 1601}},
        {"variables": {str(n): "a" for n in range(101)}},
    ],
)
def test_a_create_that_is_wrong(change: dict[str, Any]) -> None:
    """400/20001, which says what is wrong; nothing is made."""
    store = world()
    before = rows_of(store)
    body = {"friendly_name": "a", "language": "en", "variables": {}, "types": GREETING, **change}

    assert code(store, "POST", "/v1/Content", body) == 20001
    assert rows_of(store) == before


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("application/json", b"\xff"),
        ("application/json", b""),
        ("application/json", b'{"language": NaN}'),
        ("application/json", b'{"language": "\\ud800", "types": {"twilio/text": {"body": "a"}}}'),
        (
            "application/json",
            b'{"language": "en", "types": {"twilio/location": {"latitude": 1e999, "longitude": 1}}}',
        ),
        ("application/json", b"[" * 100_000),
        ("application/x-www-form-urlencoded", b"language=en"),
    ],
)
def test_a_body_that_is_no_json_object(kind: str, body: bytes) -> None:
    """400, never a traceback."""
    store = world()
    headers = {"Authorization": authorization(store.account), "Content-Type": kind}
    response = handle(store, request_to("POST", "https://content.twilio.com/v1/Content", headers, body))

    assert (response.status, json.loads(response.body)["code"]) == (400, 20001)


def test_contents_are_made_read_changed_and_deleted() -> None:
    """Names are not unique; an update replaces types and keeps what it does not name."""
    store = world()
    sids = [created(store, friendly_name="same") for _ in range(2)]
    path = f"/v1/Content/{sids[0]}"
    store.advance(60)
    _, before = call(store, "GET", path)
    _, after = call(store, "PUT", path, {"types": {"twilio/text": {"body": "Bye"}}})

    assert len(set(sids)) == 2
    assert [row["sid"] for row in call(store, "GET", "/v1/Content")[1]["contents"]] == sids
    assert after == {
        **before,
        "types": {"twilio/text": {"body": "Bye"}},
        "date_updated": after["date_updated"],
    }
    assert after["date_updated"] > before["date_updated"]
    assert code(store, "PUT", path, {"friendly_name": "other"}) == 20001
    assert call(store, "PUT", path, {"types": GREETING, "language": "fr"})[1]["language"] == "fr"
    assert (code(store, "DELETE", path), code(store, "DELETE", path)) == (204, 20404)


def test_sids_follow_from_names() -> None:
    """Not from the order of arrival."""
    first, second = world(), world()
    one = [created(first, friendly_name=name) for name in ("a", "b", "a")]
    other = [created(second, friendly_name=name) for name in ("b", "a", "a")]

    assert one == [other[1], other[0], other[2]]


def test_faults_meet_it_too() -> None:
    """A rule names an operation of either version."""
    store = world()
    store.faults.add(Rule(Effect("status", status=503), Match(operation="CreateContent|ListContent")))
    seen = []
    for method, path in (("POST", "/v1/Content"), ("GET", "/v2/Content"), ("GET", "/v2/ContentAndApprovals")):
        request = request_to(
            method, f"https://content.twilio.com{path}", {"Authorization": authorization(store.account)}, b""
        )
        response = store.faults.meet(request).carry_out()
        seen.append(response.status if response else None)

    assert seen == [503, 503, 200]


# --- searching ---------------------------------------------------------------------------------------------

NAMES, LANGUAGES = ["order", "order_2", "Bye", "aaa"], ["en", "de", "pt_BR"]
SOME_TYPES = [
    GREETING,
    {"twilio/text": {"body": "Bye {{1}} order"}},
    {"twilio/media": {"media": ["https://example.com/a.png"]}},
]


@pytest.fixture(scope="module")
def library() -> Store:
    """Return a world of many contents, made on several days, some of them submitted."""
    store, dice = world(list_order="created"), random.Random(7)
    for n in range(40):
        sid = created(
            store, dice.choice(SOME_TYPES), friendly_name=dice.choice(NAMES), language=dice.choice(LANGUAGES)
        )
        if dice.random() < 0.6:
            requested(store, sid, f"name_{n}")
        store.advance(dice.choice([1, 200, 4000, 90_000]))
    return store


def fits(row: dict[str, Any], name: str, value: Any) -> bool:
    """Tell whether a content passes a filter, by what can be seen of it."""
    match name:
        case "ContentName":
            return re.search(value, row["friendly_name"]) is not None
        case "Content":
            return any(re.search(value, text) for text in placeholders.texts(row["types"]))
        case "Language":
            return row["language"] in value
        case "ContentType":
            return bool(set(value) & set(row["types"]))
        case "ChannelEligibility":
            return f"whatsapp:{row['approval_requests']['status']}" in value
        case "DateCreatedAfter":
            return bool(row["date_created"] >= value)
    return bool(row["date_created"] <= value)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "ContentName": st.sampled_from(["order", "^order$", "^a+", "(?i)bye", "zzz"]),
        "Content": st.sampled_from(["welcome", "order", r"\.png$", r"\{\{1\}\}"]),
        "Language": st.lists(st.sampled_from([*LANGUAGES, "xx"]), min_size=1, max_size=2),
        "ContentType": st.lists(st.sampled_from([*TYPES][:3]), min_size=1, max_size=2),
        "ChannelEligibility": st.lists(
            st.sampled_from(
                [f"whatsapp:{one}" for one in ("unsubmitted", "approved", "rejected", "received")]
            ),
            min_size=1,
            max_size=2,
        ),
        "DateCreatedAfter": st.sampled_from(["2026-01-02T00:00:00Z", "2026-01-05T12:00:00Z"]),
        "DateCreatedBefore": st.sampled_from(["2026-01-03T00:00:00Z", "2026-01-08T12:00:00Z"]),
    },
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    filters=FILTERS,
    size=st.integers(1, 50),
    sort=st.sampled_from(
        [None, *((n, w) for n in ("SortByDate", "SortByContentName") for w in ("asc", "DESC"))]
    ),
)
def test_a_search_finds_what_fits(
    library: Store, filters: dict[str, Any], size: int, sort: tuple[str, str] | None
) -> None:
    """All filters hold together, whatever the page size; v1 shows everything to choose from."""
    everything = call(library, "GET", "/v1/ContentAndApprovals?PageSize=1000")[1]["contents"]
    expected = [row for row in everything if all(fits(row, *one) for one in filters.items())]
    if sort is not None:
        key = {"SortByDate": "date_updated", "SortByContentName": "friendly_name"}[sort[0]]
        expected.sort(key=lambda row: row[key])
    query = urlencode({**filters, "PageSize": size, **dict([sort] if sort else [])}, doseq=True)
    for path in ("/v2/ContentAndApprovals", "/v2/Content"):
        found, url = [], f"{path}?{query}"
        while url:
            page = call(library, "GET", url)[1]
            found += page["contents"]
            url = (page["meta"]["next_page_url"] or "").removeprefix("https://content.twilio.com")
        sids = [row["sid"] for row in found]
        wanted = [row["sid"] for row in expected]
        if sort and sort[1] == "DESC":  # equals are the other way round, too
            assert sorted(sids) == sorted(wanted)
            assert [row[key] for row in found] == sorted((row[key] for row in found), reverse=True)
        else:
            assert sids == wanted


@pytest.mark.parametrize(
    "query",
    [
        "ContentName=(",
        "Content=*",
        r"ContentName=(a)\1",
        "ContentName=(?=a)",
        "Content=" + "a" * 257,
        "Content=" + "(" * 21,
        "Content=((a{99}){99}){99}",
        "SortByDate=up",
        "SortByContentName=1",
        "DateCreatedAfter=soon",
        "DateCreatedBefore=99999",
        "ChannelEligibility=whatsapp",
        "ChannelEligibility=pigeon:approved",
        "ChannelEligibility=whatsapp:loved",
        "PageSize=1001",
        "PageToken=x",
    ],
)
def test_a_search_that_is_wrong(query: str) -> None:
    """400/20001 for every filter that makes no sense."""
    assert code(world(), "GET", f"/v2/Content?{query}") == 20001


# --- approval ----------------------------------------------------------------------------------------------


def test_of_two_orders_the_one_by_date_counts() -> None:
    """In whatever order they are asked for."""
    store = world()
    for name in ("b", "c", "a"):
        created(store, friendly_name=name)
        store.advance(60)
    for query in ("SortByDate=asc&SortByContentName=asc", "SortByContentName=asc&SortByDate=asc"):
        found = call(store, "GET", f"/v2/Content?{query}")[1]["contents"]
        assert [one["friendly_name"] for one in found] == ["b", "c", "a"]


ATOMS = ["a", "b", "1", ".", r"\d", r"\W", r"\s", r"\.", "[ab]", "[^a]", "[a-c1]", r"[b\d-]", "^", "$", "A"]
PATTERNS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join).map("({})".format),
        st.tuples(
            inner.map("(?:{})".format), st.sampled_from(["*", "+", "?", "{2}", "{,2}", "{1,}", "*?"])
        ).map("".join),
    ),
    max_leaves=8,
)


@settings(derandomize=True, max_examples=400, deadline=None)
@given(pattern=PATTERNS, folds=st.booleans(), text=st.text(alphabet="abcA1. -", max_size=8))
def test_a_pattern_fits_where_pythons_would(pattern: str, folds: bool, text: str) -> None:
    """What is taken means what it means everywhere."""
    whole = "(?i)" * folds + pattern

    assert Pattern(whole).fits(text) == bool(re.search(whole, text))


@pytest.mark.parametrize(
    "hostile", ["(a+)+$", "((((a*)*)*)*)*$", "(a|a)*$", "(a|b|ab)*$", ".*" * 60 + "x", "(a|b)*a(a|b){12}c"]
)
def test_a_hostile_pattern_costs_steps_for_each_of_its_states(hostile: str) -> None:
    """Counted, not timed: at most the length of the text times what the pattern has of states."""
    text = "ab" * 500 + "a" * 500 + "!"
    pattern = Pattern(hostile)

    assert pattern.fits(text) == hostile.endswith(")*$")  # which fits nothing, at the end
    assert pattern._steps <= 3 * len(text) * len(pattern._ways)


def test_a_search_that_walks_too_far_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do, and however many contents it is spread over; the next one begins anew."""
    monkeypatch.setattr(patterns, "_STEPS", 2000)
    store = world()
    for _ in range(30):
        created(store, friendly_name="a" * 100)
    status, told = call(store, "GET", "/v2/Content?ContentName=b$")

    assert (status, told["code"], "takes too long" in told["message"]) == (400, 20001, True)
    assert call(store, "GET", "/v2/Content?ContentName=^a&PageSize=2")[0] == 200


def test_a_request_is_received_and_then_approved() -> None:
    """After five minutes unless the policy says otherwise; every step is an event."""
    store = world()
    sid = created(store)
    assert status_of(store, sid) == "unsubmitted"
    received = requested(store, sid)
    store.advance(299)
    assert status_of(store, sid) == "received"
    store.advance(1)
    _, found = call(store, "GET", f"/v1/Content/{sid}/ApprovalRequests")

    assert received == {
        "name": "greeting",
        "category": "UTILITY",
        "content_type": "twilio/text",
        "status": "received",
        "rejection_reason": "",
        "allow_category_change": True,
    }
    assert found["whatsapp"] == {"type": "whatsapp", **received, "status": "approved"}
    told = [event.data["Status"] for event in store.events.since(0) if event.type == "approval.changed"]
    assert told == ["received", "approved"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 201),
        ({"category": "MARKETING", "allow_category_change": False}, 201),
        ({"category": "AUTHENTICATION"}, 201),
        ({"category": "utility"}, 20001),
        ({"category": None}, 20001),
        ({"category": "NEWS"}, 20001),
        ({"name": "Greeting"}, 20001),
        ({"name": "a-b"}, 20001),
        ({"name": "é"}, 20001),
        ({"name": ""}, 20001),
        ({"name": None}, 20001),
        ({"name": 5}, 20001),
        ({"name": "x" * 512}, 201),
        ({"name": "x" * 513}, 20001),
        ({"allow_category_change": "yes"}, 20001),
    ],
)
def test_names_and_categories(change: dict[str, Any], expected: int) -> None:
    """Lower-case letters, digits and underscores; three categories."""
    store = world()
    path = f"/v1/Content/{created(store)}/ApprovalRequests/whatsapp"
    body = {"name": "a_1", "category": "UTILITY", **change}

    assert code(store, "POST", path, body) == expected
    assert len(store.index.content.approval_of) == (expected == 201)


def test_it_is_asked_for_once() -> None:
    """And a list picker never."""
    store = world()
    sid = created(store)
    requested(store, sid)
    items = {"body": "Where?", "button": "Go", "items": [{"id": "1", "item": "Here"}]}
    picker = created(store, {**GREETING, "twilio/list-picker": items})

    assert requested(store, sid, "again")["code"] == 20001
    assert requested(store, picker)["code"] == 20001


def test_policies() -> None:
    """Approve, reject with a reason, or leave it to people; for what is submitted from then on."""
    store = world()
    first = created(store)
    requested(store, first, "a")
    assert (
        admin(store, "PUT", "approvals/policy", {"verdict": "rejected", "after_s": 5, "reason": "no"})[0]
        == 200
    )
    second = created(store)
    requested(store, second, "b")
    admin(store, "PUT", "approvals/policy", {"verdict": None})
    third = created(store)
    requested(store, third, "c")
    store.advance(30 * DAY_S)
    by_hand = admin(store, "PUT", f"approvals/{third}", {"status": "paused"})[1]

    assert [status_of(store, sid) for sid in (first, second, third)] == ["approved", "rejected", "paused"]
    reasons = [one["rejection_reason"] for one in admin(store, "GET", "approvals")[1]["approvals"]]
    assert reasons == ["", "no", ""]
    assert by_hand == admin(store, "GET", f"approvals/{third}")[1]
    assert admin(store, "GET", "approvals/policy")[1] == {"verdict": None, "after_s": 5, "reason": "no"}
    store.reset()
    assert admin(store, "GET", "approvals/policy")[1]["verdict"] == "approved"
    assert admin(store, "GET", "approvals")[1] == {"approvals": []}


def test_at_once() -> None:
    """With no delay the answer says received, and the next one approved."""
    store = world()
    admin(store, "PUT", "approvals/policy", {"after_s": 0})
    sid = created(store)

    assert (requested(store, sid)["status"], status_of(store, sid)) == ("received", "approved")


@pytest.mark.parametrize("status", ["received", "pending", "approved", "rejected", "paused", "disabled"])
def test_who_decides_by_hand_has_decided(status: str) -> None:
    """The clock changes nothing afterwards."""
    store = world()
    sid = created(store)
    requested(store, sid)
    shown = admin(store, "PUT", f"approvals/{sid}", {"status": status})[1]
    store.advance(DAY_S)

    assert (shown["status"], shown["due"], shown["verdict"]) == (status, None, None)
    assert status_of(store, sid) == status
    assert bool(shown["rejection_reason"]) == (status == "rejected")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"approvals/{NOBODY}", None, 404),
        ("PUT", f"approvals/{NOBODY}", {"status": "approved"}, 404),
        ("PUT", "approvals/policy", {"verdict": "pray"}, 400),
        ("PUT", "approvals/policy", {"after_s": -1}, 400),
        ("PUT", "approvals/policy", {"moons": 2}, 400),
        ("PUT", "approvals/policy", [], 400),
        ("DELETE", "approvals/policy", None, 405),
        ("POST", "approvals", {}, 405),
    ],
)
def test_admin_mistakes(method: str, path: str, body: Any, status: int) -> None:
    """Each with a message, and nothing changes."""
    store = world()
    before = admin(store, "GET", "approvals/policy")
    found, payload = admin(store, method, path, body)

    assert (found, bool(payload["message"])) == (status, True)
    assert admin(store, "GET", "approvals/policy") == before


def test_a_status_that_is_none() -> None:
    """A body without one, or with another word, is refused."""
    store = world()
    sid = created(store)
    requested(store, sid)

    for body in ({}, {"status": "loved"}, {"status": "unsubmitted"}, {"status": "approved", "moons": 2}):
        assert admin(store, "PUT", f"approvals/{sid}", body)[0] == 400
    assert status_of(store, sid) == "received"


@pytest.mark.parametrize(
    ("body", "variables", "reason"),
    [
        ("Hi there.", {}, ""),
        ("Hi {{1}}, your {{2}}.", {"1": "a", "2": "b"}, ""),
        ("Hi {{name}} there.", {"name": "a"}, ""),
        ("Hi {{2}}, your {{1}}.", {"1": "a", "2": "b"}, ""),
        ("Hi {{1}} and {{3}}.", {"1": "a", "3": "b"}, "sequence"),
        ("Hi {{0}} there.", {"0": "a"}, "sequence"),
        ("Hi {{1}} there.", {}, "sample"),
        ("{{1}} is here.", {"1": "a"}, "begins or ends"),
        ("Here is {{1}}", {"1": "a"}, "begins or ends"),
        ("Here is {{1}} ", {"1": "a"}, "begins or ends"),
        ("Hi {{1}} {{2}} there.", {"1": "a", "2": "b"}, "side by side"),
    ],
)
def test_what_whatsapp_rejects(body: str, variables: dict[str, str], reason: str) -> None:
    """Whatever the policy: placeholders in sequence with samples, none at an end, none beside another."""
    store = world()
    sid = created(store, {"twilio/text": {"body": body}}, variables=variables)
    requested(store, sid)
    store.advance(300)
    found = call(store, "GET", f"/v1/Content/{sid}/ApprovalRequests")[1]["whatsapp"]

    assert found["status"] == ("rejected" if reason else "approved")
    assert reason in found["rejection_reason"]
    assert bool(found["rejection_reason"]) == bool(reason)


def test_a_rejected_name_is_spent() -> None:
    """For every content, and also when the rejected one is deleted."""
    store = world()
    first, second = created(store), created(store)
    requested(store, first, "spent")
    admin(store, "PUT", f"approvals/{first}", {"status": "rejected"})

    assert requested(store, second, "spent")["code"] == 20001
    call(store, "DELETE", f"/v1/Content/{first}")
    assert requested(store, second, "spent")["code"] == 20001
    assert requested(store, second, "fresh")["status"] == "received"


def test_a_deleted_content_takes_its_request_along() -> None:
    """Nothing falls due, and the name is free."""
    store = world()
    first = created(store)
    requested(store, first, "free")
    call(store, "DELETE", f"/v1/Content/{first}")
    store.advance(DAY_S)

    assert store.index.content.approval_of == {}
    assert requested(store, created(store), "free")["status"] == "received"


def test_switches_of_approval() -> None:
    """A changed content, a spent name, a placeholder at an end: the other answers."""
    changing = world(submitted_content_update="applied")
    sid = approved(changing)
    assert code(changing, "PUT", f"/v1/Content/{sid}", {"types": GREETING}) == 200
    fixed = world()
    assert code(fixed, "PUT", f"/v1/Content/{approved(fixed)}", {"types": GREETING}) == 20001

    late = world(rejected_name="rejected")
    first, second = created(late), created(late)
    requested(late, first, "spent")
    admin(late, "PUT", f"approvals/{first}", {"status": "rejected"})
    assert requested(late, second, "spent")["status"] == "received"
    late.advance(300)
    assert status_of(late, second) == "rejected"

    loose = world(edge_placeholder="approved")
    edge = created(loose, {"twilio/text": {"body": "{{1}}"}})
    requested(loose, edge)
    loose.advance(300)
    assert status_of(loose, edge) == "approved"


def test_a_pending_approval_is_on_the_ruler() -> None:
    """The page's scene says what time will bring."""
    store = world()
    sid = created(store)
    requested(store, sid, "soon")
    (due,) = admin(store, "GET", "page")[1]["dues"]

    told = {"content_sid": sid, "name": "soon", "verdict": "approved"}
    assert due == {"what": "approval", "at_s": store.now_s() + 300, **told}


def test_a_content_has_one_request_after_an_import_too() -> None:
    """A document with two is refused, and changes nothing."""
    store = world()
    requested(store, created(store))
    document, before = exported(store), rows_of(store)
    row = next(row for row in document["rows"] if row["kind"] == "approval")
    last = max(row["seq"] for row in document["rows"])
    document["rows"].append({**row, "sid": "HA" + "1" * 32, "seq": last + 1, "name": "other"})

    with pytest.raises(StateError, match="more than one Approval"):
        imported(store, document)
    assert rows_of(store) == before


def test_what_is_under_way_survives(tmp_path: Path) -> None:
    """A world that is closed and opened again decides when it is due; so does an imported one."""
    path = tmp_path / "local.db"
    store = Store(clock=Clock.frozen(), path=path)
    sid = created(store)
    requested(store, sid)
    document = exported(store)
    store.close()
    again = Store(path=path)
    elsewhere = world()
    imported(elsewhere, document)

    for other in (again, elsewhere):
        assert status_of(other, sid) == "received"
        other.advance(300)
        assert status_of(other, sid) == "approved"
    again.close()


def played(seed: int, path: Path, *, reopened: bool) -> dict[str, str]:
    """Take the random steps of a seed, closing the world after each where asked; return what there is."""
    dice, switches = random.Random(seed), Switches.drawn(seed)
    store = Store(clock=Clock.frozen(), path=path, switches=switches)
    for _ in range(60):
        sids = [row.sid for row in store.index.content.contents]
        sid, step = dice.choice([*sids, NOBODY]), dice.random()
        if step < 0.3:
            body = {"twilio/text": {"body": dice.choice(["Hi {{1}}.", "{{1}}", "Bye.", "A {{2}} b."])}}
            created(store, body, friendly_name=dice.choice("ab"))
        elif step < 0.6:
            requested(store, sid, dice.choice(["one", "two", "three"]))
        elif step < 0.7:
            admin(
                store, "PUT", f"approvals/{sid}", {"status": dice.choice(["pending", "rejected", "disabled"])}
            )
        elif step < 0.8:
            call(store, "DELETE", f"/v1/Content/{sid}")
        elif step < 0.9:
            call(store, "PUT", f"/v1/Content/{sid}", {"types": {"twilio/text": {"body": "New."}}})
        else:
            store.advance(dice.choice([1, 100, 300, 4000]))
        check(store)
        if reopened:
            store.close()
            store = Store(path=path, switches=switches)
    rows = rows_of(store)
    store.close()
    return {
        sid: re.sub(r"seq=\d+", "", row) for sid, row in rows.items()
    }  # counted from the last row there is


def check(store: Store) -> None:
    """Hold what is always so: no request without a content but a rejected one, none due once decided."""
    for row in store.index.content.approval_of.values():
        assert store.content(row.content_sid) is not None or row.status == "rejected"
        assert row.due_s is None or (row.status == "received" and row.due_s > store.now_s())
        assert bool(row.rejection_reason) == (row.status == "rejected")
        if store.switches.rejected_name == "refused" and row.status != "rejected":
            earlier = [one for one in store.index.content.approvals_named[row.name] if one.seq < row.seq]
            assert all(one.status != "rejected" or one.date_updated >= row.date_created for one in earlier)


@pytest.mark.parametrize("seed", range(8))
def test_random_plays_of_approval(seed: int, tmp_path: Path) -> None:
    """The rules hold after every step, a seed repeats, and closing the world in between changes nothing."""
    first = played(seed, tmp_path / "a.db", reopened=False)

    assert first == played(seed, tmp_path / "b.db", reopened=True)
    assert any("Approval" in row for row in first.values())


# --- what a handset gets -----------------------------------------------------------------------------------


def stage(**answers: Any) -> Store:
    """Return a world where Robert (WhatsApp) and Alicia (SMS) share conversation `x`."""
    store = world(**answers)
    ask(store, "POST", "/Conversations", {"UniqueName": "x"})
    for address, proxy in ((ROBERT, WA), (ALICIA, SMS)):
        pair = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        assert ask(store, "POST", "/Conversations/x/Participants", pair)[0] == 201
    return store


def post(store: Store, sid: str, values: Any = None) -> tuple[int, Any]:
    form = {"ContentSid": sid, **({} if values is None else {"ContentVariables": json.dumps(values)})}
    return ask(store, "POST", "/Conversations/x/Messages", form)


def last(store: Store, address: str) -> Any:
    return store.phones[address].all()[-1]


ACTIONS = {"body": "Shall {{1}} come?", "actions": [{"title": "Yes", "id": "y"}, {"title": "No"}]}
CALLS = {
    "body": "Call",
    "actions": [
        {"type": "URL", "title": "Track", "url": "https://example.com/{{1}}"},
        {"type": "PHONE_NUMBER", "title": "Ring", "phone": "+15550100999"},
    ],
}
LINK = {"body": "See", "actions": [{"type": "URL", "title": "Track", "url": "https://example.com"}]}
PICKER = {
    "body": "Where?",
    "button": "Choose",
    "items": [{"id": "1", "item": "Here", "description": "now"}, {"id": "2", "item": "There"}],
}
CARD = {
    "body": "Order {{1}}",
    "header_text": "Shop",
    "footer": "Bye",
    "media": ["https://example.com/{{1}}.png"],
}
CODE = {
    "actions": [{"type": "COPY_CODE", "copy_code_text": "Copy"}],
    "add_security_recommendation": True,
    "code_expiration_minutes": 5,
}
PLACE = {"latitude": 1.5, "longitude": -2, "label": "Shop", "address": "Main Street"}
PICTURE = {"body": "Look, {{1}}", "media": ["https://example.com/a.jpg"]}


@pytest.mark.parametrize(
    ("types", "by_whatsapp", "actions"),
    [
        (GREETING, "Hi Bo, welcome.", []),
        ({"twilio/media": PICTURE}, "Look, Bo", []),
        ({"twilio/quick-reply": ACTIONS}, "Shall Bo come?", ["Yes", "No"]),
        ({"twilio/call-to-action": CALLS}, "Call", ["Track → https://example.com/Bo", "Ring → +15550100999"]),
        ({"twilio/list-picker": PICKER}, "Where?", ["Here: now", "There"]),
        ({"twilio/card": {"title": "{{1}}", "subtitle": "s", "body": "b"}}, "Bo\nb\ns", []),
        ({"whatsapp/card": CARD}, "Shop\nOrder Bo\nBye", []),
        ({"twilio/location": PLACE}, "Shop\nMain Street\n1.5, -2", []),
        (
            {"whatsapp/authentication": CODE},
            (
                "Bo is your verification code.\nFor your security, do not share this code.\n"
                "This code expires in 5 minutes."
            ),
            ["Copy"],
        ),
    ],
)
def test_each_type_becomes_words(types: Any, by_whatsapp: str, actions: list[str]) -> None:
    """Placeholders are filled wherever they stand; what can be tapped is listed."""
    store = stage()
    content = store.content(created(store, types))
    assert content is not None
    found = variants.variant(content, {"1": "Bo"}, "whatsapp", unfilled="refused")

    assert (found.body, list(found.actions), found.error_code) == (by_whatsapp, actions, 0)
    assert found.type == next(iter(types))


def test_each_channel_renders_its_own() -> None:
    """WhatsApp gets buttons, SMS the plain text; the message has the plain words."""
    store = stage()
    sid = approved(store, {**GREETING, "twilio/quick-reply": ACTIONS})
    status, message = post(store, sid, {"1": "Bo"})
    robert, alicia = last(store, ROBERT), last(store, ALICIA)

    assert (status, message["body"], message["content_sid"]) == (201, "Hi Bo, welcome.", sid)
    assert (robert.body, robert.status) == ("Shall Bo come?", "delivered")
    assert robert.content == {"type": "twilio/quick-reply", "actions": ["Yes", "No"], "error_code": 0}
    assert (alicia.body, alicia.content["type"]) == ("Hi Bo, welcome.", "twilio/text")
    _, phones = admin(store, "GET", "phones")
    shown = phones["phones"][1]["threads"][0]["messages"][0]
    assert (shown["content_sid"], shown["content"]) == (sid, robert.content)


def test_the_words_of_a_message() -> None:
    """Its plain text whatever else there is, else the words of its richest type."""
    store = stage()
    both = {**GREETING, "twilio/media": PICTURE}
    bodies = [
        post(store, approved(store, types), {"1": "Bo"})[1]["body"]
        for types in (both, {"twilio/media": PICTURE})
    ]

    assert bodies == ["Hi Bo, welcome.", "Look, Bo"]


def test_pictures_go_by_mms() -> None:
    """Media of a content are the message's on each handset."""
    store = stage()
    post(store, approved(store, {"twilio/media": PICTURE}))
    alicia = last(store, ALICIA)

    assert (alicia.sid[:2], [one["content_type"] for one in alicia.media]) == ("MM", ["image/jpeg"])


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    names=st.sets(st.sampled_from(list(TYPES)), min_size=1),
    channel=st.sampled_from(["sms", "whatsapp", "rcs"]),
)
def test_a_channel_gets_the_richest_it_can_show(names: set[str], channel: str) -> None:
    """Of several types the last in the order of complexity that Conversations sends there."""
    store, samples = world(), {**SAMPLES}
    content = store.content(created(store, {name: samples[name] for name in names}))
    assert content is not None
    found = variants.variant(content, {}, channel, unfilled="kept")
    alone = {
        name: variants.variant(
            store.content(created(store, {name: samples[name]})) or content, {}, channel, unfilled="kept"
        )
        for name in names
    }
    shown = [name for name in TYPES if name in names and not alone[name].error_code]

    assert found.type == (shown[-1] if shown else None)
    assert found == (alone[shown[-1]] if shown else variants.Variant(None, error_code=63021))


SAMPLES: dict[str, Any] = {
    "twilio/text": GREETING["twilio/text"],
    "twilio/media": PICTURE,
    "twilio/location": PLACE,
    "twilio/quick-reply": ACTIONS,
    "twilio/call-to-action": CALLS,
    "twilio/list-picker": PICKER,
    "twilio/card": {"title": "t", "subtitle": "s"},
    "twilio/carousel": {
        "body": "b",
        "cards": [
            {
                "body": "c",
                "media": "https://example.com/a.png",
                "actions": [{"type": "QUICK_REPLY", "title": "x"}],
            }
        ],
    },
    "twilio/catalog": {"body": "b"},
    "twilio/schedule": {"id": "1", "title": "t", "timeSlots": "s"},
    "twilio/flows": {
        "body": "b",
        "button_text": "go",
        "type": "OTHER",
        "pages": [{"id": "1", "title": "t", "layout": [{"type": "TEXT"}]}],
    },
    "whatsapp/card": CARD,
    "whatsapp/flows": {"body": "b", "button_text": "go", "flow_id": "1"},
    "whatsapp/authentication": CODE,
}
UNSENT = ("twilio/carousel", "twilio/catalog", "twilio/schedule", "twilio/flows", "whatsapp/flows")
ALWAYS = {
    "twilio/text",
    "twilio/media",
    "twilio/location",
    "twilio/quick-reply",
    "twilio/list-picker",
    "twilio/card",
}
NEVER_OUTSIDE = {"twilio/location", "twilio/list-picker"}


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in UNSENT])
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("is_approved", [True, False])
def test_what_whatsapp_takes_and_when(name: str, inside: bool, is_approved: bool) -> None:
    """The table of sessions: what needs approval within the window, and what never goes out without one."""
    store = stage()
    if inside:
        store.phones.send(ROBERT, WA, "hi")
    sid = created(store, {name: SAMPLES[name]})
    if is_approved and name not in variants.NEVER_APPROVED:
        requested(store, sid)
        admin(store, "PUT", f"approvals/{sid}", {"status": "approved"})
    assert post(store, sid)[0] == 201
    passes = (inside and (name in ALWAYS or is_approved)) or (is_approved and name not in NEVER_OUTSIDE)

    robert = last(store, ROBERT)
    assert (robert.status, robert.error_code) == (("delivered", 0) if passes else ("undelivered", 63016))


@pytest.mark.parametrize("name", UNSENT)
def test_types_that_conversations_does_not_send(name: str) -> None:
    """50542, unless there is another type beside it."""
    store = stage()

    assert post(store, created(store, {name: SAMPLES[name]}))[1]["code"] == 50542
    assert post(store, created(store, {name: SAMPLES[name], **GREETING}))[0] == 201


def test_buttons_decide_within_the_window() -> None:
    """A link goes without approval, a number to call does not."""
    store = stage()
    store.phones.send(ROBERT, WA, "hi")
    post(store, created(store, {"twilio/call-to-action": LINK}))
    post(store, created(store, {"twilio/call-to-action": CALLS}))

    assert [row.status for row in store.phones[ROBERT].all()[1:]] == ["delivered", "undelivered"]


@pytest.mark.parametrize("status", ["received", "pending", "rejected", "paused", "disabled"])
def test_only_approved_is_approved(status: str) -> None:
    """Whatever else became of a request, it opens no door; free text says the same."""
    store = stage()
    sid = created(store)
    requested(store, sid)
    admin(store, "PUT", f"approvals/{sid}", {"status": status})
    post(store, sid)

    assert last(store, ROBERT).error_code == 63016
    assert last(store, ALICIA).status == "delivered"


def test_a_deleted_template_opens_no_door() -> None:
    """A message by what is gone is refused."""
    store = stage()
    sid = approved(store)
    call(store, "DELETE", f"/v1/Content/{sid}")

    assert post(store, sid)[1]["code"] == 50526


def test_switches_of_sending() -> None:
    """Unknown content, the body that is read, unapproved content: the other answers."""
    assert post(stage(unknown_content_code=20404), NOBODY)[1]["code"] == 20404
    assert post(stage(), NOBODY)[1]["code"] == 50526
    quiet = stage(template_body="null")
    message = post(quiet, approved(quiet))[1]
    assert (message["body"], last(quiet, ROBERT).body) == (None, GREETED)
    strict = stage(unapproved_template_code=63027)
    post(strict, created(strict))
    refused = last(strict, ROBERT)
    assert (refused.status, refused.error_code) == ("undelivered", 63027)


def test_variables_fall_back_to_the_contents_own() -> None:
    """What is given counts, an empty value does not; with neither the leg is refused."""
    store = stage()
    sid = approved(store, {"twilio/text": {"body": "Hi {{1}}, {{2}}."}}, variables={"1": "you"})
    bodies = []
    for values in ({"1": "Bo", "2": 7}, {"2": "there"}, {"1": "", "2": "there"}):
        post(store, sid, values)
        bodies.append(last(store, ALICIA).body)
    post(store, sid)
    refused = [last(store, address) for address in (ROBERT, ALICIA)]

    assert bodies == ["Hi Bo, 7.", "Hi you, there.", "Hi you, there."]
    assert [(row.status, row.error_code) for row in refused] == [("failed", 63028)] * 2


def test_variables_are_whole_characters() -> None:
    """Half of one could not be sent on to anybody: 50527, as what is no JSON."""
    store = stage()
    form = {"ContentSid": approved(store), "ContentVariables": '{"1": "\\ud800"}'}

    assert ask(store, "POST", "/Conversations/x/Messages", form)[1]["code"] == 50527


def test_an_unfilled_placeholder_may_be_kept() -> None:
    """The switch's other answer."""
    store = stage(unfilled_placeholder="kept")
    post(store, approved(store, {"twilio/text": {"body": "Hi {{2}}."}}, variables={}))

    assert last(store, ALICIA).body == "Hi {{2}}."


def test_a_type_that_a_channel_cannot_show() -> None:
    """Buttons alone reach WhatsApp, and SMS is told why not."""
    store = stage()
    post(store, approved(store, {"twilio/quick-reply": ACTIONS}))
    alicia = last(store, ALICIA)

    assert last(store, ROBERT).status == "delivered"
    assert (alicia.status, alicia.error_code) == ("failed", 63021)
    assert (
        "twilio/text"
        in admin(store, "GET", "phones")[1]["phones"][0]["threads"][0]["messages"][0]["explanation"]
    )


def test_stop_is_stronger() -> None:
    """Who sent STOP gets no template by SMS."""
    store = stage()
    store.phones.stop(ALICIA, SMS)
    post(store, approved(store))

    assert last(store, ALICIA).error_code == 21610


def test_matching_by_body_is_over() -> None:
    """Since April 2025 the words of an approved template are free text; a switch has the old way."""
    for old in (False, True):
        store = stage(template_by_body=old)
        sid = approved(store, {"twilio/quick-reply": {**ACTIONS, "body": "Shall {{1}} come?"}})
        created(store, {"twilio/text": {"body": "Never mind."}})
        for body in ("Shall Bo come?", "Shall Bo come", "Shall  come?!", "Never mind."):
            ask(store, "POST", "/Conversations/x/Messages", {"Body": body})
        rows = store.phones[ROBERT].all()

        assert [row.status == "delivered" for row in rows] == [old, False, False, False]
        assert rows[0].content_sid == (sid if old else None)
        assert rows[0].body == "Shall Bo come?"
        assert (rows[0].content or {}).get("actions") == (["Yes", "No"] if old else None)


PARTS = st.lists(st.text(st.sampled_from("ab .?"), min_size=1, max_size=6), min_size=1, max_size=4)
VALUES = st.lists(st.text(st.sampled_from("ab .{}1"), min_size=1, max_size=6), min_size=3, max_size=3)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(parts=PARTS, values=VALUES)
def test_a_filled_template_is_recognised(parts: list[str], values: list[str]) -> None:
    """Whatever stands in the placeholders; and filled with what is found it is that text again."""
    template = "".join(f"{part}{{{{{n + 1}}}}}" for n, part in enumerate(parts[:3])) + parts[-1]
    known = {name: values[int(name) - 1] for name in placeholders.names(template) if name in "123"}
    body = placeholders.filled(template, known)
    found = placeholders.taken(template, body)

    assert found is not None
    assert placeholders.filled(template, found) == body


# --- the stock SDK -----------------------------------------------------------------------------------------


def test_the_stock_sdk_works_with_it() -> None:
    """Create, list, update, ask for approval, fetch and delete, as the SDK for Python does it."""
    store = world()
    with running(store) as url:
        client = Client(ACCOUNT_SID, AUTH_TOKEN)
        client.content.base_url = f"{url}/content.twilio.com"
        contents = client.content.v1.contents
        text = {"twilio/text": {"body": "Hi {{1}}, welcome."}, "twilio/quick-reply": ACTIONS}
        types = {"language": "en", "friendly_name": "hi", "variables": {"1": "you"}, "types": text}
        made = contents.create(content_create_request=_request("ContentCreateRequest", types))
        changed = contents(made.sid).update(content_update_request=_request("ContentUpdateRequest", types))
        asked = _request("ContentApprovalRequest", {"name": "hi_1", "category": "UTILITY"})
        request = contents(made.sid).approval_create.create(content_approval_request=asked)
        store.advance(300)
        fetched = contents(made.sid).approval_fetch().fetch()
        names = [one.friendly_name for one in client.content.v2.contents.stream(content_name="^h")]
        approvals = [
            one.approval_requests["status"] for one in client.content.v1.content_and_approvals.list()
        ]
        older = client.content.v1.legacy_contents.list()
        gone = contents(made.sid).delete()

    assert (made.types, changed.types) == (text, text)
    assert (request.status, fetched.whatsapp["status"]) == ("received", "approved")
    assert (names, approvals, older, gone) == (["hi"], ["approved"], [], True)


def _request(name: str, body: dict[str, Any]) -> Any:
    from twilio.rest.content.v1.content import ContentList
    from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

    home = ApprovalCreateList if name == "ContentApprovalRequest" else ContentList
    return getattr(home, name)(body)
