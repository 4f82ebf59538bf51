"""Laws of every kind, and throw-away kinds that prove what the kernel carries without knowing any of them."""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ACCOUNT, Answer, VirtualClock, answer, gateway_over, refusal, run

from reconciler.desired import read_desired
from reconciler.diff import Removal, diff
from reconciler.documents import read_stack
from reconciler.executor import carry_out
from reconciler.kinds import KINDS
from reconciler.kinds.attributes import ATTRIBUTES, attributes_text, live_attributes, split_attributes
from reconciler.kinds.base import (
    Claim,
    Declared,
    Kind,
    MarkHome,
    Site,
    Way,
    captures_of,
    collection_path,
    crud_steps,
    instance_path,
    named_form,
)
from reconciler.kinds.fields import NONE, Spec, Text, duration_s, iso_duration
from reconciler.model import Action, Address, Event, EventKind, Graph, Half, Owner, Ref, Resource, Target
from reconciler.observed import observe
from reconciler.step import Form, JsonBody, Multipart, Part, Step, Until
from reconciler.variables import Inputs
from reconciler.workflow import make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.model import Change, Fields, Plan, Value
    from reconciler.step import Body, Row

# --- laws of every kind ------------------------------------------------------------------------------------

WORDS = st.text(min_size=1, max_size=20)
SIDS = st.integers(0, 16**32 - 1).map(lambda n: f"{n:032x}")
JSON_LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(10**9), 10**9),
    WORDS,
    st.lists(st.one_of(st.integers(0, 9), WORDS), max_size=3),
)
NAMES_OF_LISTS = ("Configuration.Filters", "Configuration.Triggers")
NAMES_OF_NUMBERS = ("Configuration.ReplayAfter",)
TEXTS = {"url": "https://example.com/", "flow": "FW"}


def values(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[tuple[str, ...], Any]]:
    """Return fields of one name each, any of which may be missing."""
    return st.fixed_dictionaries({}, optional={(name,): value for name, value in strategies.items()})


ATTRIBUTE_LEAVES = st.dictionaries(
    st.one_of(
        st.tuples(st.just(ATTRIBUTES), st.sampled_from("abc")),
        st.tuples(st.just(ATTRIBUTES), st.sampled_from("xyz"), st.sampled_from(["a.b", "c", "ü"])),
    ),
    JSON_LEAVES,
    max_size=4,
)
FIELDS: dict[str, st.SearchStrategy[dict[tuple[str, ...], Any]]] = {
    "conversation": st.builds(
        lambda plain, leaves: plain | leaves,
        values(friendly_name=WORDS, unique_name=WORDS, messaging_service_sid=SIDS.map("MG{}".format)),
        ATTRIBUTE_LEAVES,
    ),
    "participant": st.builds(
        lambda plain, leaves: plain | leaves,
        values(identity=WORDS, address=WORDS, proxy=WORDS, projected=WORDS, role=SIDS.map("RL{}".format)),
        ATTRIBUTE_LEAVES,
    ),
    "webhook": st.builds(
        lambda target, plain, names: {("target",): target, **plain, **names},
        st.sampled_from(["webhook", "studio"]),
        values(
            url=WORDS, method=st.sampled_from(["get", "post"]), flow=WORDS, replay_after=st.integers(0, 99)
        ),
        values(filters=st.lists(WORDS, min_size=1, max_size=3)),
    )
    | st.builds(
        lambda plain, triggers: {("target",): "trigger", ("triggers",): triggers, **plain},
        values(url=WORDS, filters=st.lists(WORDS, min_size=1, max_size=3)),
        st.lists(WORDS, min_size=1, max_size=5),
    ),
}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def row_of(form: Body) -> Row:
    """Return the row Twilio would answer to a form, as its names go: A.BeeCee → a: {bee_cee: …}."""
    assert isinstance(form, Form)
    row: dict[str, Any] = {}
    for name, value in form.pairs:
        here = row
        *above, last = map(snake, name.split("."))
        for part in above:
            here = here.setdefault(part, {})
        if name in NAMES_OF_LISTS:
            here.setdefault(last, []).append(value)
        else:
            here[last] = int(str(value)) if name in NAMES_OF_NUMBERS else value
    return row


def sent(kind: Kind, fields: Fields) -> Body:
    """Return the body that creates `fields`, the leaves of attributes as the one text Twilio keeps."""
    plain, leaves = split_attributes(fields)
    return kind.to_form(plain | ({(ATTRIBUTES,): attributes_text(leaves, None)} if leaves else {}))


def form_names(kind: Kind) -> Mapping[tuple[str, ...], str]:
    """Return the table of a kind's form names, which stands in its own file."""
    names: Mapping[tuple[str, ...], str] = sys.modules[kind.declare.__module__].NAMES
    return names


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Give every kind in turn."""
    found: Kind = request.param
    return found


def test_every_kind_is_drawn_here() -> None:
    """A new kind gets its line in FIELDS, and so all laws below."""
    assert [kind.name for kind in KINDS] == list(FIELDS)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data())
@pytest.mark.parametrize("name", FIELDS)
def test_what_is_sent_is_read_back(name: str, data: st.DataObject) -> None:
    """from_live ∘ to_form is the identity, up to how values compare."""
    (kind,) = (kind for kind in KINDS if kind.name == name)
    fields = data.draw(FIELDS[name])
    found = kind.from_live(row_of(sent(kind, fields)))

    assert {path: kind.comparable(path, value) for path, value in found.items()} == {
        path: kind.comparable(path, value) for path, value in fields.items()
    }


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.data())
@pytest.mark.parametrize("name", FIELDS)
def test_keys_and_claims_are_stable(name: str, data: st.DataObject) -> None:
    """They hash, need no order, do not hang on attributes, and are the same of specs and of live rows."""
    (kind,) = (kind for kind in KINDS if kind.name == name)
    fields = data.draw(FIELDS[name])
    address = Address.of(kind.name, "k", Address.of("parent", "p") if kind.parent else None)
    bare = dict(reversed([(path, value) for path, value in fields.items() if path[0] != ATTRIBUTES]))
    live = kind.from_live(row_of(sent(kind, fields)))
    keys = {kind.natural_key(one) for one in (fields, bare, live)}
    claims = {kind.claims(address, one) for one in (fields, bare, live)} if _claimable(fields) else set()

    assert len(keys) == 1
    assert len(claims) <= 1
    assert all(isinstance(claim[0], str) for found in claims for claim in found)


def _claimable(fields: Mapping[tuple[str, ...], Any]) -> bool:
    """Whether fields are a pair or none: a proxy alone is no resource anybody can describe."""
    return ("proxy",) not in fields or ("address",) in fields


def test_names_of_fields_are_real(kind: Kind) -> None:
    """What is create-only, write-only or can be cleared is a field that is sent under a name."""
    fields = {path[0] for path in form_names(kind)}

    assert kind.create_only <= fields
    assert kind.write_only <= fields
    assert kind.clear.keys() <= fields
    assert not kind.clear.keys() & kind.create_only


def test_what_is_never_answered_is_kept_in_a_mark(kind: Kind) -> None:
    """A write-only field is compared with the mark, so there has to be one."""
    assert not kind.write_only or kind.mark is MarkHome.ATTRIBUTES


def test_a_kind_stands_behind_what_it_stands_in(kind: Kind) -> None:
    """Parents are listed before children, and a mark kept by the parent has a parent that carries one."""
    before = KINDS[: KINDS.index(kind)]

    assert kind.parent is None or kind.parent in before
    assert kind.mark is not MarkHome.PARENT or (kind.parent and kind.parent.mark is MarkHome.ATTRIBUTES)
    assert kind.name not in {one.name for one in before}
    assert kind.plural not in {one.plural for one in before}


def test_a_kind_says_what_it_is(kind: Kind) -> None:
    """Its file and its spec have words for the reader, and the spec gives a JSON schema."""
    module = sys.modules[kind.declare.__module__]
    assert kind.spec is not None

    assert len(str(module.__doc__)) > 40
    assert kind.spec.__doc__
    assert kind.spec.model_json_schema()["additionalProperties"] is False


def test_an_empty_attributes_object_is_the_same_as_none() -> None:
    """`{}` means that no key is ours, so nothing is sent and nothing is read."""
    for kind in KINDS:
        if kind.mark is MarkHome.ATTRIBUTES:
            assert kind.from_live({"attributes": "{}"}) == kind.from_live({})


# --- an API that knows no kind -----------------------------------------------------------------------------


@dataclass
class Api:
    """Rows by path, over HTTP: a path that ends in a row is that row, any other a collection or nothing.

    Collections are named by `sids` (last segment → prefix of its sids). Names are unique in `unique`.
    """

    sids: Mapping[str, str]
    unique: frozenset[str] = frozenset()
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """What a row's state becomes, one by one, whenever it is read."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Answer one call."""
        del timeout_s
        parts = urlsplit(url)
        path = parts.netloc + unquote(parts.path)
        content_type = headers.get("Content-Type", "")
        self.calls.append((method, path))
        if method != "GET":
            self.types.append(content_type.partition(";")[0])
        if path in self.rows:
            return self._row(method, path, _told(content_type, body))
        above, _, last = path.rpartition("/")
        if last not in self.sids or (above.count("/") > 1 and above not in self.rows):
            return refusal(404, 20404, f"The requested resource {path} was not found")
        return self._collection(method, path, last, _told(content_type, body))

    def _collection(self, method: str, path: str, last: str, told: dict[str, Any]) -> Answer:
        inside = [row for at, row in self.rows.items() if at.rpartition("/")[0] == path]
        if method == "GET":
            return answer(200, {last.lower(): inside, "meta": {"next_page_url": None}})
        if last in self.unique and told.get("name") in {row["name"] for row in inside}:
            return refusal(409, 50353, f"the name {told['name']} is taken")
        sid = f"{self.sids[last]}{len(self.calls):032x}"
        self.rows[f"{path}/{sid}"] = row = {"sid": sid, "url": f"https://{path}/{sid}", **told}
        return answer(201, row)

    def _row(self, method: str, path: str, told: dict[str, Any]) -> Answer:
        row = self.rows[path]
        if method == "DELETE":
            gone = [at for at in self.rows if at == path or at.startswith(f"{path}/")]
            for at in gone:
                del self.rows[at]
            return answer(204)
        if method != "GET":
            row.update(told)
        elif "state" in row and self.states:
            row["state"] = self.states.pop(0)
        return answer(200, row)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The calls that were no reads, by method and last collection."""
        found = [(method, path.split("/v1/")[1]) for method, path in self.calls if method != "GET"]
        return [(method, re.sub(r"/?[A-Z]{2}[0-9a-f]{32}", "", path)) for method, path in found]

    def named(self, last: str) -> dict[str, dict[str, Any]]:
        """Return the rows of all collections called `last`, by their names."""
        return {row["name"]: row for at, row in self.rows.items() if at.split("/")[-2] == last}

    def add(self, collection: str, **fields: Any) -> str:
        """Put a row there as somebody else would; returns its path."""
        last = collection.rpartition("/")[2]
        sid = f"{self.sids[last]}{'f' * 24}{len(self.rows):08x}"
        self.rows[f"{collection}/{sid}"] = {"sid": sid, **fields}
        return f"{collection}/{sid}"


def _told(content_type: str, body: bytes) -> dict[str, Any]:
    if content_type.startswith("multipart/"):
        message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
        parts = [part for part in message.walk() if not part.is_multipart()]
        names = [str(part.get_param("name", header="content-disposition")) for part in parts]
        texts = [bytes(part.get_payload(decode=True) or b"").decode() for part in parts]
        return dict(zip(map(snake, names), texts, strict=True))
    if content_type == "application/json":
        told: dict[str, Any] = json.loads(body)
        return told
    return {snake(name): value for name, value in parse_qsl(body.decode(), keep_blank_values=True)}


# --- throw-away kinds --------------------------------------------------------------------------------------

NAMED = ("name", "color")
FORM_NAMES: dict[tuple[str, ...], str] = {(name,): name.title() for name in (*NAMED, ATTRIBUTES)}


def plain_row(row: Row) -> Fields:
    """Read a row's own names, and its attributes where it has any."""
    return {(name,): row[name] for name in NAMED if row.get(name)} | live_attributes(row)


def by_name(fields: Fields) -> str | None:
    name = fields.get(("name",))
    return name if isinstance(name, str) else None


def throw_away(name: str, plural: str, **more: Any) -> Kind:
    """Return a kind with a name and a color, sent as a form, in a collection called by its plural."""
    settings: dict[str, Any] = {
        "host": "things",
        "collection": (plural.title(),) if more.get("parent") else ("v1", plural.title()),
        "list_key": plural,
        "declare": lambda spec, site: Declared({}),  # noqa: ARG005 - the shape of a hook
        "natural_key": by_name,
        "to_form": partial(named_form, FORM_NAMES),
        "from_live": plain_row,
    }
    return Kind(name=name, plural=plural, **(settings | more))


OWNER = Owner("proof")
TARGET = Target(OWNER, "IS" + "0" * 32, account_sid=ACCOUNT)
Wanted = dict[Address, Resource]


def want(kind: Kind, key: str, parent: Address | None = None, **fields: Any) -> Wanted:
    """Return one desired resource; its name is its key unless it says another."""
    address = Address.of(kind.name, key, parent)
    said = {"name": key, **fields}
    return {address: Resource(address, {tuple(name.split("__")): value for name, value in said.items()})}


@dataclass(frozen=True)
class Applied:
    """What one apply did: its plan, its events, and its writes."""

    plan: Plan
    events: list[Event]
    writes: list[tuple[str, str]]

    @property
    def actions(self) -> dict[str, str]:
        """What was planned, by address."""
        return {str(change.address): str(change.action) for change in self.plan.visible}

    @property
    def failures(self) -> list[str]:
        """What went wrong, in words."""
        return [event.detail for event in self.events if event.kind in (EventKind.FAILED, EventKind.SKIPPED)]


def apply(api: Api, wanted: Wanted, *kinds: Kind, removal: Removal = Removal.CLOSE) -> Applied:
    """Observe, compare, carry out."""

    async def play() -> Applied:
        gateway = gateway_over(api)
        desired, observed = await observe(gateway, Graph(wanted), kinds, TARGET)
        plan = diff(desired, observed, kinds, TARGET, removal)
        written = len(api.writes)
        events = [event async for event in carry_out(plan, kinds, gateway, VirtualClock())]
        return Applied(plan, events, api.writes[written:])

    return run(play())


def settle(api: Api, wanted: Wanted, *kinds: Kind) -> Applied:
    """Apply, and insist that nothing failed and that nothing is left to do."""
    applied = apply(api, wanted, *kinds)
    again = apply(api, wanted, *kinds)

    assert applied.failures == []
    assert again.plan.changes == ()
    assert again.plan.diagnostics == ()
    assert again.writes == []
    return applied


def test_a_singleton_is_only_ever_updated() -> None:
    """One row that is always there: no creation, no removal, no sid in its path."""
    settings_ = throw_away(
        "settings", "settings", singleton=True, ways=frozenset({Way.GET, Way.UPDATE}), clear={"color": ""}
    )
    api = Api({}, rows={"things.twilio.com/v1/Settings": {"name": "them", "color": "red"}})
    wanted = want(settings_, "main", name="them", color="blue")

    assert settle(api, wanted, settings_).writes == [("POST", "Settings")]
    assert api.rows["things.twilio.com/v1/Settings"]["color"] == "blue"
    assert apply(api, {}, settings_).plan.changes == ()


def test_a_singleton_inside_what_is_made_is_set_with_it() -> None:
    """It comes into being with what it stands in, and things may stand in it in turn."""
    inner = throw_away(
        "config", "config", parent=SHELF, singleton=True, ways=frozenset({Way.GET, Way.UPDATE})
    )
    entry = throw_away("entry", "entries", parent=inner)

    class WithConfig(Api):
        """Every shelf has its configuration."""

        def _collection(self, method: str, path: str, last: str, told: dict[str, Any]) -> Answer:
            made = super()._collection(method, path, last, told)
            if method == "POST" and last == "Shelves":
                self.rows[f"{path}/{json.loads(made[2])['sid']}/Config"] = {"name": "config"}
            return made

    api = WithConfig({"Shelves": "SH", "Entries": "EN"})
    config = Address.of("config", "config", ROOM)
    wanted = want(SHELF, "s") | want(inner, "config", ROOM, color="red") | want(entry, "e", config)
    applied = settle(api, wanted, SHELF, inner, entry)

    assert applied.actions == {
        "shelf/s": "create",
        "shelf/s/config/config": "update",
        "shelf/s/config/config/entry/e": "create",
    }
    assert applied.writes == [
        ("POST", "Shelves"),
        ("POST", "Shelves/Config"),
        ("POST", "Shelves/Config/Entries"),
    ]

    later = settle(api, wanted | want(entry, "e", config, color="blue"), SHELF, inner, entry)

    assert later.writes == [("POST", "Shelves/Config/Entries")]


def taken_name(address: Address, fields: Fields) -> frozenset[Claim]:
    """Claim the name: no second row may have it."""
    return frozenset({(address.kind, by_name(fields))})


TICKET = throw_away("ticket", "tickets", ways=frozenset(Way) - {Way.UPDATE})


def test_without_update_any_change_is_a_replacement() -> None:
    """The new row comes before the old one goes."""
    api = Api({"Tickets": "TK"})
    settle(api, want(TICKET, "a", color="red"), TICKET)
    applied = settle(api, want(TICKET, "a", color="blue"), TICKET)

    assert applied.actions == {"ticket/a": "replace"}
    assert applied.writes == [("POST", "Tickets"), ("DELETE", "Tickets")]
    assert [row["color"] for row in api.rows.values()] == ["blue"]


def test_a_replacement_deletes_first_where_the_name_is_held() -> None:
    """A name that no two rows may have is let go before it is taken, and only then."""
    unique = replace(TICKET, claims=taken_name)
    api = Api({"Tickets": "TK"}, unique=frozenset({"Tickets"}))
    settle(api, want(unique, "a", color="red"), unique)
    applied = settle(api, want(unique, "a", color="blue"), unique)

    assert applied.writes == [("DELETE", "Tickets"), ("POST", "Tickets")]
    assert [row["color"] for row in api.rows.values()] == ["blue"]


def building(kind: Kind, half: Half, change: Change, target: Target) -> tuple[Step, ...]:
    """Create, then ask until it is done; a steps hook of its own."""
    if half is not Half.MAKE:
        return crud_steps(kind, half, change, target)
    (create,) = crud_steps(kind, half, change, target)
    until = Until(
        instance_path(kind, change, target),
        "state",
        done=frozenset({"completed"}),
        failed=frozenset({"failed"}),
        interval_s=2.0,
        timeout_s=20.0,
    )
    body = kind.to_form({**change.fields})
    assert isinstance(body, Form)
    return (replace(create, name="build", body=Form((*body.pairs, ("State", "building"))), until=until),)


BUILD = throw_away("build", "builds", steps=building, ways=frozenset(Way) - {Way.UPDATE})
RELEASE = throw_away("release", "releases")


def after_build(states: list[str]) -> tuple[Applied, float]:
    """Build, with something that needs the build; return what happened and how long it took."""
    api = Api({"Builds": "ZB", "Releases": "RE"}, states=states)
    build = want(BUILD, "b")
    (address,) = build
    wanted = build | want(RELEASE, "r", color=Ref(address, "sid"))

    async def play() -> tuple[Applied, float]:
        gateway, clock, kinds = gateway_over(api), VirtualClock(), (BUILD, RELEASE)
        desired, observed = await observe(gateway, Graph(wanted), kinds, TARGET)
        plan = diff(desired, observed, kinds, TARGET)
        events = [event async for event in carry_out(plan, kinds, gateway, clock)]
        return Applied(plan, events, api.writes), clock.monotonic()

    return run(play())


def test_a_step_that_takes_time_is_waited_for() -> None:
    """What refers to the build is made once the build says that it is done."""
    applied, took_s = after_build(["building", "building", "completed"])

    assert applied.failures == []
    assert applied.writes == [("POST", "Builds"), ("POST", "Releases")]
    assert took_s == 4.0


def test_a_step_that_ends_badly_skips_what_needs_it() -> None:
    """And says as what it ended."""
    applied, took_s = after_build(["building", "failed"])

    assert applied.failures == ["build ended as failed", "needs build/b"]
    assert applied.writes == [("POST", "Builds")]
    assert took_s == 2.0


def test_a_step_that_does_not_end_is_given_up() -> None:
    """After its time, with the state it was left in."""
    applied, took_s = after_build(["building"] * 99)

    assert applied.failures == ["build is still building after 20 s", "needs build/b"]
    assert took_s == 20.0


def to_json(fields: Fields) -> Body:
    """Write a body with structure, as the Content API wants it."""
    said = {path[0]: value for path, value in fields.items()}
    return JsonBody({"name": said["name"], "types": {"twilio/text": {"body": said.get("color")}}})


def from_json(row: Row) -> Fields:
    return {("name",): row["name"], ("color",): row["types"]["twilio/text"]["body"]}


def test_another_host_with_json_and_put() -> None:
    """The kind says where it lives and how it is written; what it refers to may live elsewhere."""
    template = throw_away(
        "template",
        "templates",
        host="content",
        update_method="PUT",
        to_form=to_json,
        from_live=from_json,
    )
    api = Api({"Templates": "HX", "Tickets": "TK"})
    ticket = want(TICKET, "t")
    (address,) = ticket
    settle(api, ticket | want(template, "greeting", color=Ref(address, "sid")), TICKET, template)
    sid = api.named("Tickets")["t"]["sid"]

    assert api.named("Templates")["greeting"]["types"] == {"twilio/text": {"body": sid}}

    applied = settle(api, ticket | want(template, "greeting", color="Hello"), TICKET, template)
    (path,) = (at for at in api.rows if "Templates" in at)

    assert applied.actions == {"template/greeting": "update"}
    assert api.calls.count(("PUT", path)) == 1
    assert path.startswith("content.twilio.com/v1/Templates/HX")
    assert api.types == ["application/x-www-form-urlencoded", "application/json", "application/json"]
    assert api.named("Templates")["greeting"]["types"] == {"twilio/text": {"body": "Hello"}}


def to_upload(fields: Fields) -> Body:
    """Write a file, as the upload host wants it."""
    content = str(fields[("color",)]).encode()
    name = str(fields[("name",)]).encode()
    return Multipart((Part("Name", name), Part("Color", content, "handler.js", "application/javascript")))


def test_a_file_is_uploaded() -> None:
    """A multipart create; a change of the content uploads it anew."""
    upload = throw_away("upload", "uploads", to_form=to_upload, ways=frozenset(Way) - {Way.UPDATE})
    api = Api({"Uploads": "ZN"})
    settle(api, want(upload, "hook", color="exports.handler = 1;\r\n"), upload)

    assert api.named("Uploads")["hook"]["color"] == "exports.handler = 1;\r\n"
    assert api.types == ["multipart/form-data"]

    applied = settle(api, want(upload, "hook", color="exports.handler = 2;"), upload)

    assert applied.actions == {"upload/hook": "replace"}


def test_without_a_mark_nothing_is_ever_removed() -> None:
    """What is marked nowhere is created and updated; once out of the specs it is like what others own."""
    api = Api({"Releases": "RE"})
    api.add("things.twilio.com/v1/Releases", name="theirs")
    settle(api, want(RELEASE, "a", color="red") | want(RELEASE, "b"), RELEASE)
    applied = settle(api, want(RELEASE, "a", color="blue"), RELEASE)

    assert applied.actions == {"release/a": "update"}
    assert applied.writes == [("POST", "Releases")]
    assert sorted(api.named("Releases")) == ["a", "b", "theirs"]
    assert apply(api, {}, RELEASE, removal=Removal.DELETE).plan.changes == ()


# --- three levels ------------------------------------------------------------------------------------------

SHELF = throw_away(
    "shelf", "shelves", mark=MarkHome.ATTRIBUTES, clear={ATTRIBUTES: "{}", "color": ""}, takes_over=False
)
BOX = throw_away(
    "box", "boxes", parent=SHELF, mark=MarkHome.ATTRIBUTES, clear={ATTRIBUTES: "{}"}, claims=taken_name
)
LABEL = throw_away("label", "labels", parent=BOX, mark=MarkHome.PARENT, claims=taken_name)
NOTE = throw_away("note", "notes", parent=BOX)
FURNITURE = (SHELF, BOX, LABEL, NOTE)
SEGMENTS = {"Shelves": "SH", "Boxes": "BX", "Labels": "LB", "Notes": "NT"}
ROOM = Address.of("shelf", "s")
INSIDE = Address.of("box", "b", ROOM)


def furnished() -> Wanted:
    """Return a shelf with a box with two labels and a note."""
    return (
        want(SHELF, "s", attributes__owner="me")
        | want(BOX, "b", ROOM, color="red", attributes__size=3)
        | want(LABEL, "l", INSIDE, color="red")
        | want(LABEL, "m", INSIDE, color="red")
        | want(NOTE, "n", INSIDE, color="red")
    )


def without(wanted: Wanted, *addresses: Address) -> Wanted:
    """Return the resources without some, and without what stands in them."""
    gone = {str(address) for address in addresses}
    return {
        address: resource
        for address, resource in wanted.items()
        if not any(str(address) == one or str(address).startswith(f"{one}/") for one in gone)
    }


def test_three_levels_are_made_from_the_outside_in() -> None:
    """Each row stands in the row above, found by the sid that was captured when that one was made."""
    api = Api(SEGMENTS)
    applied = settle(api, furnished(), *FURNITURE)
    paths = {at.split("/")[-2]: re.sub(r"/[A-Z]{2}[0-9a-f]{32}", "", at) for at in api.rows}
    mark = json.loads(api.named("Boxes")["b"]["attributes"])["reconciler"]

    assert applied.writes[:2] == [("POST", "Shelves"), ("POST", "Shelves/Boxes")]
    assert paths["Labels"] == "things.twilio.com/v1/Shelves/Boxes/Labels"
    assert mark["w"] == {name: row["sid"] for name, row in api.named("Labels").items()}


def test_edits_on_every_level_are_found() -> None:
    """An edit, a replacement, an addition and a removal on the third level, and edits above."""
    api = Api(SEGMENTS)
    settle(api, furnished(), *FURNITURE)
    later = without(furnished(), Address.of("label", "m", INSIDE))
    later |= want(SHELF, "s", attributes__owner="you")
    later |= want(LABEL, "l", INSIDE, color="blue") | want(LABEL, "new", INSIDE, color="red")
    later |= want(NOTE, "n", INSIDE, color="blue")
    applied = settle(api, later, *FURNITURE)

    assert applied.actions == {
        "shelf/s": "update",
        "shelf/s/box/b/label/l": "update",
        "shelf/s/box/b/label/m": "delete",
        "shelf/s/box/b/label/new": "create",
        "shelf/s/box/b/note/n": "update",
    }
    assert sorted(api.named("Labels")) == ["l", "new"]


def test_others_things_on_every_level_stay() -> None:
    """Rows of others beside and inside ours are reported and left alone, whatever is done to ours."""
    api = Api(SEGMENTS)
    settle(api, furnished(), *FURNITURE)
    (shelf,) = (at for at in api.rows if at.split("/")[-2] == "Shelves")
    (box,) = (at for at in api.rows if at.split("/")[-2] == "Boxes")
    theirs = [
        api.add("things.twilio.com/v1/Shelves", name="x", attributes="{}"),
        api.add(f"{shelf}/Boxes", name="x", attributes='{"reconciler": "odd"}'),
        api.add(f"{box}/Labels", name="x"),
        api.add(f"{box}/Notes", name="x"),
    ]
    later = without(furnished(), Address.of("label", "m", INSIDE), Address.of("note", "n", INSIDE))
    applied = settle(api, later | want(LABEL, "l", INSIDE, color="blue"), *FURNITURE)
    seen = sorted(str(row.address) for row in applied.plan.strangers)

    assert [at for at in theirs if at not in api.rows] == []
    assert [re.sub("/[A-Z]{2}[0-9a-f]{32}", "", at) for at in seen] == [
        "shelf/s/box",
        "shelf/s/box/b/label",
        "shelf/s/box/b/note",
        "shelf/s/box/b/note",
    ]
    assert sorted(api.named("Notes")) == ["n", "x"]


def test_a_replaced_row_takes_what_stands_in_it_along() -> None:
    """A new box is filled with new labels before the old one goes, full as it is."""
    fixed = replace(BOX, create_only=frozenset({"color"}), claims=lambda address, fields: frozenset())  # noqa: ARG005
    label, note = (replace(kind, parent=fixed) for kind in (LABEL, NOTE))
    kinds = (SHELF, fixed, label, note)
    api = Api(SEGMENTS)
    settle(api, furnished(), *kinds)
    applied = settle(api, furnished() | want(fixed, "b", ROOM, color="blue", attributes__size=3), *kinds)

    assert applied.actions["shelf/s/box/b"] == "replace"
    assert {name: len(api.named(name)) for name in SEGMENTS} == {
        "Shelves": 1,
        "Boxes": 1,
        "Labels": 2,
        "Notes": 1,
    }


def test_removing_the_outermost_removes_all_with_one_call() -> None:
    """What stands in a row that is deleted goes with it."""
    api = Api(SEGMENTS)
    settle(api, furnished(), *FURNITURE)
    applied = settle(api, {}, *FURNITURE)

    assert applied.actions == {"shelf/s": "delete"}
    assert applied.writes == [("DELETE", "Shelves")]
    assert api.rows == {}


def test_a_name_held_two_levels_down_is_freed_by_removing_the_outermost() -> None:
    """Who wants a name waits for whoever takes it away, however deep it is held."""
    depth = replace(LABEL, claims=lambda address, fields: frozenset({("label", by_name(fields))}))  # noqa: ARG005
    kinds = (SHELF, BOX, depth, NOTE)
    api = Api(SEGMENTS)
    settle(api, furnished(), *kinds)
    other = Address.of("shelf", "a")
    box = Address.of("box", "b", other)
    moved = want(SHELF, "a") | want(BOX, "b", other) | want(depth, "l", box)
    plan = apply(api, moved, *kinds).plan
    waits = {(str(e.before.address), str(e.before.half), str(e.after.address)) for e in plan.edges}

    assert ("shelf/s", "drop", "shelf/a/box/b/label/l") in waits


# --- several calls for one change --------------------------------------------------------------------------


def deploying(kind: Kind, half: Half, change: Change, target: Target) -> tuple[Step, ...]:
    """Make a function, upload a version of it, and switch that version on: three calls, two sids."""
    if half is not Half.MAKE:
        return crud_steps(kind, half, change, target)
    here, path = change.address, collection_path(kind, change.address, target)
    sid, version = Ref(here, "sid"), Ref(here, "version")
    name = Form((("Name", str(change.fields[("name",)])),))
    source = Multipart((Part("Source", str(change.fields[("color",)]).encode(), "f.js"),))
    make = Step("create", "POST", kind.host, path, name, capture=captures_of(kind))
    upload = Step("upload", "POST", kind.host, (*path, sid, "Versions"), source, capture={"version": "sid"})
    switch = Step(
        "switch on",
        "POST",
        kind.host,
        (*path, sid, "Versions", version),
        JsonBody({"live": version, "of": [sid]}),
        capture={"version_url": "url"},
    )
    color = Form((("Color", str(change.fields[("color",)])),))
    note = Step("note", "POST", kind.host, (*path, sid), color, capture={})
    first = () if change.action is Action.UPDATE else (make,)
    return (*first, upload, switch, note)


def test_steps_may_use_what_earlier_steps_brought() -> None:
    """A captured sid stands in a later path and in a later body; others may refer to any of them."""
    function = throw_away("function", "functions", steps=deploying)
    api = Api({"Functions": "ZH", "Versions": "ZN", "Tickets": "TK"})
    wanted = want(function, "f", color="v1")
    (address,) = wanted
    wanted |= want(TICKET, "t", color=Ref(address, "version_url"))
    settle_once = apply(api, wanted, function, TICKET)
    function_sid = api.named("Functions")["f"]["sid"]
    (version,) = (row for at, row in api.rows.items() if "/Versions/" in at)

    assert settle_once.failures == []
    assert settle_once.writes == [
        ("POST", "Functions"),
        ("POST", "Functions/Versions"),
        ("POST", "Functions/Versions"),
        ("POST", "Functions"),
        ("POST", "Tickets"),
    ]
    assert (version["source"], version["live"], version["of"]) == ("v1", version["sid"], [function_sid])
    assert api.named("Tickets")["t"]["color"] == version["url"]

    later = settle(api, want(function, "f", color="v2"), function)

    assert later.writes == [("POST", "Functions/Versions")] * 2 + [("POST", "Functions")]


def test_a_kind_that_fails_halfway_is_finished_later() -> None:
    """When the second call is refused, the row of the first stays, and the next apply goes on there."""
    function = throw_away("function", "functions", steps=deploying)
    api = Api({"Functions": "ZH"})
    wanted = want(function, "f", color="v1")
    first = apply(api, wanted, function)

    assert len(first.failures) == 1
    assert api.named("Functions")["f"].get("color") is None

    whole = Api({"Functions": "ZH", "Versions": "ZN"}, rows=api.rows)
    settle(whole, wanted, function)

    assert len(whole.named("Functions")) == 1


# --- one file and one line ---------------------------------------------------------------------------------


class ShelfSpec(Spec):
    """A shelf as written."""

    color: Text = NONE


class BoxSpec(Spec):
    """A box as written."""

    color: Text


def declare(spec: ShelfSpec | BoxSpec, site: Site) -> Declared:
    """Return what a spec asks for; the key is the name."""
    fields: dict[tuple[str, ...], Value] = {("name",): site.key}
    return Declared(fields | ({("color",): spec.color} if spec.given("color") else {}))


TEXT = """
stack: {name: proof, record: none}
shelves:
  s:
    color: brown
    boxes:
      small: {color: red}
      large: {color: "${shelves.s.boxes.small.sid}"}
"""


def test_a_new_kind_is_one_value_in_the_tuple(tmp_path: Path) -> None:
    """Given a spec model, YAML with places, references, order, plan and apply come by themselves."""
    shelf = replace(SHELF, spec=ShelfSpec, declare=declare)
    box = replace(BOX, spec=BoxSpec, declare=declare, parent=shelf)
    kinds = (shelf, box)
    (tmp_path / "spec.yaml").write_text(TEXT, encoding="utf-8")
    stack, warnings = read_desired(read_stack(tmp_path / "spec.yaml"), kinds, Inputs())
    service = {"conversations.twilio.com/v1/Configuration": {"default_chat_service_sid": "IS1"}}
    api = Api(SEGMENTS, rows=service)

    async def play() -> tuple[Plan, Plan]:
        gateway = gateway_over(api)
        first = (await make_plan(stack, gateway, kinds=kinds)).plan
        async for event in carry_out(first, kinds, gateway, VirtualClock()):
            assert event.kind in (EventKind.STARTED, EventKind.DONE), event.detail
        return first, (await make_plan(stack, gateway, kinds=kinds)).plan

    first, second = run(play())
    small = api.named("Boxes")["small"]

    assert warnings == ()
    assert [(str(change.address), change.place and change.place.line) for change in first.visible] == [
        ("shelf/s", 4),
        ("shelf/s/box/large", 8),
        ("shelf/s/box/small", 7),
    ]
    assert second.changes == ()
    assert api.named("Boxes")["large"]["color"] == small["sid"]


def test_a_ref_waits_for_what_it_names() -> None:
    """Whatever the order of keys, what is referred to is made first."""
    api = Api(SEGMENTS)
    small = Address.of("box", "z", ROOM)
    wanted = want(SHELF, "s") | want(BOX, "a", ROOM, color=Ref(small, "sid")) | want(BOX, "z", ROOM)
    settle(api, wanted, *FURNITURE)
    made: dict[str, int] = defaultdict(int)
    for n, path in enumerate(api.rows):
        made[api.rows[path]["name"]] = n

    assert made["z"] < made["a"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9 - 1) | st.none(), min_size=5, max_size=5))
def test_a_duration_in_short_is_the_same_in_iso_8601(parts: list[int | None]) -> None:
    """Weeks to seconds, any of them left out; what is ISO 8601 stays as it is, to the letter."""
    short = "".join(
        f"{number}{unit}" for number, unit in zip(parts, "wdhms", strict=True) if number is not None
    )
    days, time = (
        "".join(f"{number}{unit}" for number, unit in zip(some, units, strict=True) if number is not None)
        for some, units in ((parts[:2], "WD"), (parts[2:], "HMS"))
    )
    iso = f"P{days}{'T' if time else ''}{time}" if short else None
    seconds = sum(size * (n or 0) for size, n in zip((604_800, 86_400, 3_600, 60, 1), parts, strict=True))

    assert iso_duration(short) == iso
    assert duration_s(short) == (seconds if short else None)
    assert (iso_duration(iso or ""), duration_s(iso or "")) == (iso, duration_s(short))


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1", "h", "1d2", "1h1d", "1 h", "1.5h", "-1h", "1H", "P1h", "٣d", "P٣D"]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    """Units in their order, each with its number."""
    assert (iso_duration(text), duration_s(text)) == (None, None)
