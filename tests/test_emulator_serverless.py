"""Serverless: operations with every parameter of the OpenAPI, uploads, builds, domains, random plays."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import sqlite3
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import requests
from deploying import BOUNDARY, SERVICES, UPLOADS, Project, body_of, part, posted, uploaded
from openapi import ROOT, Oracle, described, needs_openapi
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from reconciler.emulator import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    Clock,
    Effect,
    InProcess,
    Match,
    Rule,
    Store,
    Switches,
    WorldError,
    ask,
)
from reconciler.emulator.callbacks.signatures import signature
from reconciler.emulator.control.routes import control
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.doors.server import running
from reconciler.emulator.faults import Interrupted
from reconciler.emulator.handle import TABLES, handle
from reconciler.emulator.serverless import uploads
from reconciler.emulator.serverless.builds import RUNTIMES
from reconciler.emulator.serverless.multipart import MultipartError, parts_of
from reconciler.emulator.serverless.rows import SERVERLESS_KINDS
from reconciler.emulator.state import exported, imported
from reconciler.emulator.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.emulator.operations import Operation

OPERATIONS = {each.name: each for each in TABLES["serverless"].operations}
WITH_FORM = [name for name, each in OPERATIONS.items() if each.method == "POST"]
LISTS = [name for name in OPERATIONS if name.startswith("List")]
NO_SID = "0" * 32
README = ROOT / "reconciler" / "emulator" / "README.md"


def world(path: Path | None = None, **answers: Any) -> Store:
    return Store(path=path, clock=Clock.frozen(), switches=Switches(**answers))


def admin(store: Store, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    sent = b"" if body is None else json.dumps(body).encode()
    response = control(store, Request(method, f"/_emulator/{path}", {}, sent, host="127.0.0.1:8010"))
    return response.status, json.loads(response.body)


def rows_of(store: Store) -> dict[str, Any]:
    return {sid: asdict(row) for sid, row in store.index.rows.items()}


def code(answer: tuple[int, Any]) -> int:
    """Return the status of a success, the code of a refusal."""
    return answer[0] if answer[0] < 400 else int(answer[1]["code"])


# --- every operation, every parameter ----------------------------------------------------------------------


class World:
    """A world with one of everything, and the paths to it."""

    def __init__(self, **answers: Any) -> None:
        self.store = world(**answers)
        self.project = project = Project(self.store, suffix="dev")
        self.function = project.version("function", "/optin")
        self.asset = project.version("asset", "/logo.svg", b"<svg/>")
        self.deployment = project.deploy(self.function)
        self.build = project.build(self.function, self.asset)
        self.store.advance(2)
        self.variable = project.made(project.environment["links"]["variables"], Key="A", Value="1")
        self.ids = {
            "ServiceSid": project.service["sid"],
            "EnvironmentSid": project.environment["sid"],
            "FunctionSid": self.function["function_sid"],
            "AssetSid": self.asset["asset_sid"],
            "Services": project.service["sid"],
            "Environments": project.environment["sid"],
            "Functions": self.function["function_sid"],
            "Assets": self.asset["asset_sid"],
            "Builds": self.build["sid"],
            "Variables": self.variable["sid"],
            "Deployments": self.deployment["sid"],
            "Logs": "NO" + NO_SID,
        }

    def path(self, operation: Operation, **instead: str) -> str:
        """Return where an operation finds the one there is, or what is named ``instead``."""
        of_asset = "/Assets/" in operation.path
        ids = {**self.ids, "Versions": (self.asset if of_asset else self.function)["sid"], **instead}
        before, found = "", []
        for segment in operation.path.split("/"):
            name = segment[1:-1] if segment.startswith("{") else ""
            found.append((ids.get(name) or ids[before]) if name else segment)
            before = segment
        return "/".join(found)

    def call(self, name: str, form: Any = None, query: str = "") -> tuple[int, Any]:
        operation = OPERATIONS[name]
        url = f"https://serverless.twilio.com/v1{self.path(operation)}{query}"
        return ask(self.store, operation.method, url, form)


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle(described("serverless"))


@cache
def parameters(name: str) -> dict[str, Any]:
    """Return the form parameters of an operation, as the OpenAPI has them."""
    operation = OPERATIONS[name]
    way = described("serverless")["paths"][f"/v1{operation.path}"][operation.method.lower()]
    schema = way["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    return dict(schema["properties"])


def needed(name: str) -> list[str]:
    operation = OPERATIONS[name]
    way = described("serverless")["paths"][f"/v1{operation.path}"][operation.method.lower()]
    schema = way["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    return list(schema.get("required", ()))


def base(one: World, name: str) -> dict[str, Any]:
    """Return a request that says what it has to, and no more."""
    return {
        "CreateService": {"UniqueName": "other", "FriendlyName": "Other"},
        "CreateEnvironment": {"UniqueName": "staging", "DomainSuffix": "stage"},
        "CreateFunction": {"FriendlyName": "f"},
        "CreateAsset": {"FriendlyName": "a"},
        "UpdateFunction": {"FriendlyName": "f"},
        "UpdateAsset": {"FriendlyName": "a"},
        "CreateVariable": {"Key": "B", "Value": "2"},
        "CreateBuild": {"FunctionVersions": one.function["sid"]},
        "CreateDeployment": {"BuildSid": one.build["sid"]},
    }.get(name, {})


def valid(one: World, parameter: str) -> list[tuple[Any, Any]]:
    """Return values a parameter may have, and what the answer shows then."""
    flags: list[tuple[Any, Any]] = [("true", True), ("False", False)]
    found: dict[str, list[tuple[Any, Any]]] = {
        "UniqueName": [("n" * 50, "n" * 50), ("A-b_9", "A-b_9")],
        "FriendlyName": [("n" * 255, "n" * 255), ("Ü ?", "Ü ?")],
        "IncludeCredentials": flags,
        "UiEditable": flags,
        "DomainSuffix": [("s" * 16, "s" * 16), ("Stage-2", "stage-2"), ("", None)],
        "Key": [("k" * 128, "k" * 128)],
        "Value": [("v" * 450, "v" * 450), ("ü" * 225, "ü" * 225), ("", "")],
        "FunctionVersions": [(one.function["sid"], [one.function["sid"]])],
        "AssetVersions": [(one.asset["sid"], [one.asset["sid"]])],
        "Dependencies": [
            ('[{"name": "twilio", "version": "5"}]', [{"name": "twilio", "version": "5"}]),
            ('"[{"name":"@a/b","version":"*"}]"', [{"name": "@a/b", "version": "*"}]),
            ("", []),
        ],
        "Runtime": [(name, name) for name in RUNTIMES],
        "BuildSid": [(one.build["sid"], one.build["sid"]), ("", None)],
        "IsPlugin": [(text, ...) for text, _ in flags],
    }
    return found[parameter]


BROKEN: dict[str, list[Any]] = {
    "UniqueName": ["", "n" * 101],
    "FriendlyName": ["", "n" * 256],
    "IncludeCredentials": ["perhaps", ""],
    "UiEditable": ["perhaps"],
    "DomainSuffix": ["s" * 17, "a.b", "-a", "a_b"],
    "Key": ["", "k" * 129],
    "Value": ["v" * 451, "ü" * 226],
    "FunctionVersions": ["", "ZN" + NO_SID, "optin", ["x"] * 3],
    "AssetVersions": ["", "ZN" + NO_SID],
    "Dependencies": ["{", "{}", "[1]", '[{"name": "a"}]', '[{"name": "", "version": "1"}]', '"[{]"'],
    "Runtime": ["node9", "NODE22", "python3"],
    "BuildSid": ["ZB" + NO_SID, "latest"],
    "IsPlugin": ["perhaps"],
}


def shown(body: dict[str, Any], parameter: str) -> Any:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", parameter).lower()
    if parameter.endswith("Versions"):
        return [version["sid"] for version in body[name]]
    return body.get(name, ...)


@needs_openapi
@pytest.mark.parametrize("name", WITH_FORM)
def test_every_parameter_is_taken_and_shown(oracle: Oracle, name: str) -> None:
    """Each value it may have, beside what is needed; the answer is as Twilio describes it."""
    for parameter in parameters(name):
        for at in range(len(valid(World(), parameter))):
            one = World()
            value, seen = valid(one, parameter)[at]
            status, body = one.call(name, {**base(one, name), parameter: value})

            assert oracle.problems("POST", f"/v1{one.path(OPERATIONS[name])}", status, body) == []
            assert shown(body, parameter) == seen, (parameter, value)


@needs_openapi
@pytest.mark.parametrize("name", WITH_FORM)
def test_every_broken_value_is_refused_without_a_trace(name: str) -> None:
    """And so is a request that lacks what it needs: 400 with a code."""
    one = World()
    form, before = base(one, name), rows_of(one.store)
    broken = [{**form, parameter: value} for parameter in parameters(name) for value in BROKEN[parameter]]
    broken += [{key: value for key, value in form.items() if key != gone} for gone in needed(name)]
    if name == "CreateBuild":
        broken += [{}, {"FunctionVersions": [one.function["sid"]] * 2}]
        broken += [{"FunctionVersions": one.asset["sid"]}, {"AssetVersions": one.function["sid"]}]
    for wrong in broken:
        status, body = one.call(name, wrong)

        assert (status, body["code"]) == (400, 20001), wrong
        assert rows_of(one.store) == before, wrong


@needs_openapi
def test_every_operation_answers_as_described(oracle: Oracle) -> None:
    """All that is read, and deleted, is checked; logs alone cannot be found, because there are none."""
    order = sorted(OPERATIONS, key=lambda name: (name.startswith("Delete"), name == "DeleteService"))
    for name in order:
        operation, one = OPERATIONS[name], World(delete_in_use="allowed")
        status, body = one.call(name, base(one, name))
        if name == "FetchLog":
            assert (status, body["code"]) == (404, 20404)
            oracle.checked.add(name)
        else:
            assert oracle.problems(operation.method, f"/v1{one.path(operation)}", status, body) == [], name

    assert oracle.checked == {*OPERATIONS}


@needs_openapi
def test_links_are_those_of_the_examples() -> None:
    """The OpenAPI gives them no schema: the names are compared with its examples."""
    paths, one = described("serverless")["paths"], World()
    for name in (each for each in OPERATIONS if each.startswith("Fetch") and each != "FetchLog"):
        content = paths[f"/v1{OPERATIONS[name].path}"]["get"]["responses"]["200"]["content"]
        example = next(iter(content["application/json"]["examples"].values()))["value"]
        body = one.call(name)[1]

        assert set(body) == set(example), name
        assert set(body.get("links", ())) == set(example.get("links", ())), name


def test_every_link_leads_somewhere() -> None:
    """Each url of each answer is one that answers."""
    one = World()
    for name in (each for each in OPERATIONS if each.startswith("Fetch") and each != "FetchLog"):
        body = one.call(name)[1]
        for url in (body["url"], *body.get("links", {}).values()):
            assert ask(one.store, "GET", url)[0] == 200, url


@pytest.mark.parametrize("name", LISTS)
def test_lists_have_pages(name: str) -> None:
    """Of any size up to 1000; each row once."""
    one = World()
    if name.startswith("ListService"):
        Project(one.store, "other")
    key = one.call(name)[1]["meta"]["key"]
    whole = one.call(name)[1][key]
    found, url = [], f"https://serverless.twilio.com/v1{one.path(OPERATIONS[name])}?PageSize=1"
    while url:
        page = ask(one.store, "GET", url)[1]
        found += page[key]
        url = page["meta"]["next_page_url"]

    assert found == whole
    assert bool(whole) == (name != "ListLog")
    assert one.call(name, query="?PageSize=1000")[0] == 200
    assert [code(one.call(name, query=f"?PageSize={size}")) for size in (0, 1001, "x")] == [20001] * 3


@pytest.mark.parametrize("name", [name for name in OPERATIONS if not name.startswith("List")])
def test_nobody_finds_what_is_elsewhere(name: str) -> None:
    """Under another service, environment or function, or under no SID: 404 in Twilio's words."""
    one, other = World(), OPERATIONS[name]
    there = Project(one.store, "other")
    strangers = [
        {"Services": "ZS" + NO_SID},
        {"ServiceSid": there.service["sid"]},
        {"ServiceSid": "nobody"},
        {"EnvironmentSid": there.environment["sid"]},
        {"FunctionSid": one.ids["AssetSid"]},
        {"AssetSid": one.ids["FunctionSid"]},
    ]
    for instead in strangers:
        path = one.path(other, **instead)
        if path != one.path(other) and (other.path.count("{") > 1 or "Services" in instead):
            status, body = ask(
                one.store, other.method, f"https://serverless.twilio.com/v1{path}", base(one, name)
            )
            assert (status, body["code"]) == (404, 20404)
            assert body["message"] == f"The requested resource {path} was not found"


def test_logs_are_filtered_and_empty() -> None:
    """What may be asked for is checked, although nothing is ever found."""
    one = World()
    for query in (f"FunctionSid=ZH{NO_SID}", "StartDate=2026-01-01T00:00:00Z", "EndDate=2026-01-01"):
        assert one.call("ListLog", query=f"?{query}")[1]["logs"] == []
    for query in ("FunctionSid=optin", "StartDate=soon", "EndDate="):
        assert code(one.call("ListLog", query=f"?{query}")) == 20001


# --- names, limits, references -----------------------------------------------------------------------------


def test_a_service_is_addressed_by_its_name() -> None:
    """In every path, as by its SID; the answer's urls have the SID."""
    project = Project(world())
    store, sid = project.store, project.service["sid"]

    assert ask(store, "GET", f"{SERVICES}/shop") == (200, project.service)
    assert ask(store, "GET", f"{SERVICES}/shop/Environments")[1]["environments"] == [project.environment]
    assert ask(store, "POST", f"{SERVICES}/shop", {"FriendlyName": "X"})[1]["url"] == f"{SERVICES}/{sid}"
    assert ask(store, "DELETE", f"{SERVICES}/shop")[0] == 204


def test_names_are_taken_once() -> None:
    """In the account, in the service (an environment's suffix, too), in the environment."""
    project = Project(world(), suffix="dev")
    store, links = project.store, project.environment["links"]
    environments = project.service["links"]["environments"]
    project.made(links["variables"], Key="A", Value="1")
    other = project.made(links["variables"], Key="B", Value="1")
    taken = [
        (SERVICES, {"UniqueName": "shop", "FriendlyName": "x"}),
        (environments, {"UniqueName": "production", "DomainSuffix": "x"}),
        (environments, {"UniqueName": "x", "DomainSuffix": "dev"}),
        (links["variables"], {"Key": "A", "Value": "2"}),
        (other["url"], {"Key": "A"}),
    ]
    before = rows_of(store)

    assert [ask(store, "POST", url, form)[0] for url, form in taken] == [409] * 5
    assert rows_of(store) == before
    assert ask(store, "POST", other["url"], {"Key": "B", "Value": "2"})[1]["value"] == "2"
    assert ask(store, "POST", other["url"], {"Key": "C"})[1]["key"] == "C"
    assert code(ask(store, "POST", links["variables"], {"Key": "B", "Value": "3"})) == 201
    assert Project(store, "other", "dev").environment["unique_name"] == "production"


def test_a_domain_follows_from_the_names() -> None:
    """The same in every world of that seed, in whatever order; another one under another seed."""
    one, other = world(), world()
    Project(other, "first")
    domains = [Project(store, "My_Shop", "dev").environment["domain_name"] for store in (one, other)]

    assert domains[0] == domains[1]
    assert re.fullmatch(r"my-shop-\d{4}-dev\.twil\.io", domains[0])
    assert Project(Store(clock=Clock.frozen(), seed=7), "My_Shop", "dev").domain != f"https://{domains[0]}"


def test_an_account_has_fifty_services() -> None:
    """The next one is refused in the words that were seen; a place that is given up can be taken."""
    store = world()
    for number in range(50):
        assert code(ask(store, "POST", SERVICES, {"UniqueName": f"s{number}", "FriendlyName": "s"})) == 201
    full = ask(store, "POST", SERVICES, {"UniqueName": "more", "FriendlyName": "s"})

    assert (full[0], full[1]["message"]) == (400, "Services are limited to less than or equal to 50")
    assert ask(store, "DELETE", f"{SERVICES}/s7")[0] == 204
    assert code(ask(store, "POST", SERVICES, {"UniqueName": "more", "FriendlyName": "s"})) == 201


def test_what_is_in_use_is_not_deleted() -> None:
    """A function of a build, a build of an environment; once nothing has them, they go."""
    one = World()
    other = one.project.version("function", "/other")
    delete = [one.call(name) for name in ("DeleteFunction", "DeleteAsset")]
    deployed = f"{one.project.service['url']}/Builds/{one.deployment['build_sid']}"

    assert [code(answer) for answer in (*delete, ask(one.store, "DELETE", deployed))] == [20001] * 3
    assert ask(one.store, "DELETE", other["url"].partition("/Versions")[0])[0] == 204
    assert one.call("CreateDeployment", {"BuildSid": ""})[0] == 201  # takes it down
    assert ask(one.store, "DELETE", deployed)[0] == 204
    assert one.call("DeleteBuild")[0] == 204
    assert [one.call(name)[0] for name in ("DeleteFunction", "DeleteAsset")] == [204, 204]


def test_deleting_what_is_in_use_is_a_switch() -> None:
    """Allowed: a build keeps the versions it has, an environment loses its build."""
    one = World(delete_in_use="allowed")
    assert one.call("DeleteAsset")[0] == 204
    assert one.call("FetchBuild")[1]["asset_versions"][0]["sid"] == one.asset["sid"]
    assert ask(one.store, "GET", one.asset["url"])[0] == 404
    assert one.call("CreateDeployment", {"BuildSid": one.build["sid"]})[0] == 201
    assert one.project.get("/logo.svg").body == b"<svg/>"
    assert one.call("DeleteBuild")[0] == 204

    assert one.call("FetchEnvironment")[1]["build_sid"] is None
    assert one.project.get("/logo.svg").status == 404
    assert one.asset["sid"] not in one.store.index.rows  # nobody had it any more


@pytest.mark.parametrize("answer", ["refused", "allowed"])
def test_a_deleted_service_leaves_nothing(answer: str) -> None:
    """Nor does an environment, of what stands in it."""
    one = World(delete_in_use=answer)
    found = {"DeleteAsset": one.call("DeleteAsset")[0]}
    assert found["DeleteAsset"] == (204 if answer == "allowed" else 400)
    assert one.call("DeleteEnvironment")[0] == 204
    assert one.variable["sid"] not in one.store.index.rows
    assert one.deployment["sid"] not in one.store.index.rows
    assert one.call("DeleteService")[0] == 204

    assert rows_of(one.store) == rows_of(world())
    assert one.store.index.serverless.content_chars == 0
    assert not one.store.index.serverless.built
    assert not one.store.index.serverless.deployed
    again = Project(one.store, suffix="dev")
    assert again.environment["domain_name"] != one.project.environment["domain_name"]


def test_the_oldest_runtime_is_a_switch() -> None:
    """Any that is described, or what Node still keeps."""
    one = World(oldest_runtime="node20")
    asked = {
        name: one.call("CreateBuild", {**base(one, "CreateBuild"), "Runtime": name})[0] for name in RUNTIMES
    }

    assert {name for name, status in asked.items() if status == 201} == {"node20", "node22"}
    assert one.call("CreateBuild", base(one, "CreateBuild"))[1]["runtime"] == "node22"


# --- uploads -----------------------------------------------------------------------------------------------

PATH, VISIBLE = part("Path", b"/a"), part("Visibility", b"public")
CONTENT = part("Content", b"x", "text/plain")


@pytest.fixture
def asset() -> tuple[Store, dict[str, Any]]:
    project = Project(world())
    return project.store, project.made(project.service["links"]["assets"], FriendlyName="a")


def upload(made: tuple[Store, dict[str, Any]], *parts: bytes, kind: str | None = None) -> tuple[int, Any]:
    store, asset = made
    url = f"{UPLOADS}/shop/Assets/{asset['sid']}/Versions"
    return posted(store, url, body_of(*parts), kind)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("/a", "/a"),
        ("a/b.html", "/a/b.html"),
        ("/", "/"),
        ("/" + "a" * 254, "/" + "a" * 254),
        ("/a%20b", "/a%20b"),
        ("a" * 255, None),
        ("/" + "a" * 255, None),
        ("", None),
        ("/a b", None),
        ("/a?b", None),
        ("/a#b", None),
        ("/ü", None),
        ("/a\r\nX: b", None),
    ],
)
def test_paths_begin_with_a_slash(asset: tuple[Store, dict[str, Any]], given: str, kept: str | None) -> None:
    """One is put before those that have none; 255 characters, as urls have them."""
    status, body = upload(asset, part("Path", given.encode()), VISIBLE, CONTENT)

    assert (status, body.get("path")) == ((201, kept) if kept else (400, None))


@pytest.mark.parametrize("visibility", ["public", "Protected", "PRIVATE", "", "secret"])
def test_visibility_is_shown_small_and_in_builds_large(
    asset: tuple[Store, dict[str, Any]], visibility: str
) -> None:
    """As the facts have it; taken in any letter case."""
    status, body = upload(asset, PATH, part("Visibility", visibility.encode()), CONTENT)
    if visibility in ("", "secret"):
        assert (status, body["code"]) == (400, 20001)
        return
    build = ask(asset[0], "POST", f"{SERVICES}/shop/Builds", {"AssetVersions": body["sid"]})[1]

    assert (status, body["visibility"]) == (201, visibility.lower())
    assert build["asset_versions"][0]["visibility"] == visibility.upper()


@pytest.mark.parametrize(
    "parts", [(VISIBLE, CONTENT), (PATH, CONTENT), (PATH, VISIBLE), (), (PATH, VISIBLE, CONTENT, b"--x\r\n")]
)
def test_an_upload_has_three_parts(asset: tuple[Store, dict[str, Any]], parts: tuple[bytes, ...]) -> None:
    """What lacks one is refused and leaves no trace; what comes besides is not looked at."""
    before = rows_of(asset[0])
    status, body = upload(asset, *parts)

    if len(parts) == 4:
        assert status == 201
        return
    assert (status, body["code"]) == (400, 20001)
    assert rows_of(asset[0]) == before


def test_of_a_repeated_part_the_first_counts(asset: tuple[Store, dict[str, Any]]) -> None:
    """As with the parameters of forms."""
    found = parts_of(KIND, body_of(CONTENT, part("Content", b"y", "text/html"), part("Path", b"/p")))
    status, body = upload(asset, PATH, part("Path", b"/b"), VISIBLE, CONTENT)

    assert {name: one.text for name, one in found.items()} == {"Content": "x", "Path": "/p"}
    assert (status, body["path"]) == (201, "/a")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("text/html", "text/html"),
        ("text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("text/html; charset=utf-8; x=\x01", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("text/\xe4", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_a_type_that_cannot_be_given_back_is_not_kept(given: str, kept: str) -> None:
    """A header takes no more than a type and a charset; a world with another type would not open again."""
    project = Project(world())
    head = f'Content-Disposition: form-data; name="Content"\r\nContent-Type: {given}'.encode("latin-1")
    content = b"--" + BOUNDARY.encode() + b"\r\n" + head + b"\r\n\r\nx\r\n"
    one = project.made(project.service["links"]["assets"], FriendlyName="a")
    url = f"{UPLOADS}/shop/Assets/{one['sid']}/Versions"
    version = posted(project.store, url, body_of(PATH, VISIBLE, content))[1]
    project.deploy(version)

    assert project.get("/a").headers["Content-Type"] == kept
    imported(project.store, exported(project.store))


@pytest.mark.parametrize("seed", range(20))
def test_content_is_kept_byte_by_byte(seed: int) -> None:
    """Whatever it is: line ends, bytes that are no text, almost the boundary itself."""
    dice = random.Random(seed)
    pieces = [
        b"\r\n",
        b"\n",
        b"--",
        BOUNDARY.encode()[:-1],
        b"\x00\xff",
        b"",
        b"abc",
        b"\r\n--" + BOUNDARY[:5].encode(),
    ]
    content = b"".join(dice.choice(pieces) for _ in range(dice.randrange(40)))
    project = Project(world())
    project.deploy(project.version("asset", "/it", content))

    assert project.get("/it").body == content


def test_a_function_can_be_read() -> None:
    """Its text as it was sent; bytes that are no text are marked."""
    project = Project(world())
    for content, text in (
        (b"exports.handler = '\xc3\xbc';\n", "exports.handler = 'ü';\n"),
        (b"\xff", "\ufffd"),
    ):
        made = project.version("function", "/f", content)
        assert ask(project.store, "GET", made["links"]["function_version_content"])[1]["content"] == text


KIND = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"Path=/a"),
        ("", b""),
        ("multipart/form-data", body_of(CONTENT)),
        ("multipart/form-data; boundary=\udcff", body_of(CONTENT)),
        ("multipart/form-data; boundary*=utf-8''%FF%0D; boundary", body_of(CONTENT)),
        ("multipart/form-data; boundary=" + "b" * 71, body_of(CONTENT)),
        ("multipart/mixed; boundary=" + BOUNDARY, body_of(CONTENT)),
        (KIND, b""),
        (KIND, CONTENT),
        (KIND, body_of(CONTENT)[:-4]),
        (KIND, body_of(b"--" + BOUNDARY.encode() + b"\r\n\r\nno head\r\n")),
        (KIND, body_of(b"--" + BOUNDARY.encode() + b"\r\nContent-Type: a/b\r\n\r\nno name\r\n")),
        (KIND, body_of(b"--" + BOUNDARY.encode() + b"no line\r\n\r\nx\r\n")),
        (KIND, body_of(*[CONTENT] * 32)),
    ],
)
def test_bodies_that_are_not_in_parts(kind: str, body: bytes, asset: tuple[Store, dict[str, Any]]) -> None:
    """Are refused with what is wrong."""
    with pytest.raises(MultipartError):
        parts_of(kind, body)
    store, one = asset
    answer = posted(store, f"{UPLOADS}/shop/Assets/{one['sid']}/Versions", body, kind or "x/y")
    assert code(answer) == 20001


@pytest.mark.parametrize("seed", range(30))
def test_damaged_bodies_end_in_a_refusal_or_a_version(seed: int) -> None:
    """Cut, doubled or with strange bytes: never a crash."""
    dice, whole = random.Random(seed), bytearray(body_of(PATH, VISIBLE, CONTENT))
    project = Project(world())
    one = project.made(project.service["links"]["assets"], FriendlyName="a")
    for _ in range(30):
        body = bytearray(whole)
        at = dice.randrange(len(body))
        body[at : at + dice.randrange(1, 9)] = dice.randbytes(dice.randrange(6))
        answer = posted(project.store, f"{UPLOADS}/shop/Assets/{one['sid']}/Versions", bytes(body))
        assert code(answer) in (201, 20001)


def test_uploads_are_bounded(monkeypatch: pytest.MonkeyPatch, asset: tuple[Store, dict[str, Any]]) -> None:
    """One by Twilio's 25 MB, all of a world by ours; what is deleted makes room."""
    monkeypatch.setattr(uploads, "CONTENT_BYTES", 100)
    monkeypatch.setattr(uploads, "KEPT_CHARS", 200)
    store, one = asset
    assert code(upload(asset, PATH, VISIBLE, part("Content", b"x" * 101))) == 20001
    assert code(upload(asset, PATH, VISIBLE, part("Content", b"x" * 100))) == 201
    status, body = upload(asset, PATH, VISIBLE, part("Content", b"x" * 100))
    assert (status, "keeps no more" in body["message"]) == (400, True)
    assert ask(store, "DELETE", one["url"])[0] == 204

    again = ask(store, "POST", f"{SERVICES}/shop/Assets", {"FriendlyName": "a"})[1]
    assert upload((store, again), PATH, VISIBLE, part("Content", b"x" * 100))[0] == 201


def test_the_readme_shows_the_uploads() -> None:
    """Their table stands beside those of the products."""
    text = README.read_text(encoding="utf-8")

    assert uploads.TABLE.parity() in text
    assert uploads.TABLE.summary() in text


def test_the_upload_host_knows_two_operations() -> None:
    """Both by POST alone, with credentials; its answers speak of the other host."""
    project = Project(world())
    store, url = project.store, f"{UPLOADS}/shop/Assets/ZH{NO_SID}/Versions"
    made = project.version("asset", "/a")

    assert made["url"].startswith(f"{SERVICES}/{project.service['sid']}/Assets/")
    assert ask(store, "GET", made["url"]) == (200, made)
    assert code(ask(store, "GET", url)) == 20004
    assert code(ask(store, "POST", f"{UPLOADS}/shop/Builds")) == 20501
    assert code(posted(store, url, body_of(PATH, VISIBLE, CONTENT))) == 20404
    stranger = handle(
        store, Request("POST", "/v1/Services/shop/Assets/x/Versions", {}, b"", host=UPLOADS[8:36])
    )
    assert stranger.status == 401


# --- builds, by policy and by hand -------------------------------------------------------------------------


def ends(store: Store, build: dict[str, Any]) -> str:
    status, body = ask(store, "GET", build["links"]["build_status"])
    assert status == 200
    return str(body["status"])


def test_a_build_takes_two_seconds() -> None:
    """Unless the policy says otherwise; it is dated when it ended."""
    project = Project(world())
    build = project.build(project.version("function", "/f"))
    store = project.store
    store.advance(1)
    assert (build["status"], ends(store, build)) == ("building", "building")
    assert (
        code(ask(store, "POST", project.environment["links"]["deployments"], {"BuildSid": build["sid"]}))
        == 20001
    )
    store.advance(10)

    assert ends(store, build) == "completed"
    assert ask(store, "GET", build["url"])[1]["date_updated"] == "2026-01-01T00:00:02Z"


@pytest.mark.parametrize(
    ("policy", "seen"),
    [
        ({"after_s": 0}, ["completed", "completed", "completed"]),
        ({"after_s": 30}, ["building", "building", "completed"]),
        ({"verdict": "failed"}, ["building", "failed", "failed"]),
        ({"verdict": "failed", "after_s": 0, "reason": "No such package"}, ["failed", "failed", "failed"]),
        ({"verdict": None}, ["building", "building", "building"]),
        ({}, ["building", "completed", "completed"]),
    ],
)
def test_the_policy_says_how_builds_end(policy: dict[str, Any], seen: list[str]) -> None:
    """And when; a reset brings the first one back. Those that have begun go on as they were told."""
    project = Project(world())
    store = project.store
    status, shown = admin(store, "PUT", "builds/policy", policy)
    assert (status, shown) == (200, {"verdict": "completed", "after_s": 2.0, "reason": "", **policy})
    build = project.build(project.version("function", "/f"))
    admin(store, "PUT", "builds/policy", {"verdict": None})
    found = []
    for seconds in (0, 2, 100):
        store.advance(seconds)
        found.append(ends(store, build))

    assert found == seen
    told = admin(store, "GET", "builds")[1]["builds"]
    assert [(one["sid"], one["service"], one["reason"]) for one in told] == [
        (build["sid"], "shop", policy.get("reason"))
    ]
    assert admin(store, "POST", "reset")[0] == 200
    assert admin(store, "GET", "builds/policy")[1]["verdict"] == "completed"
    assert admin(store, "GET", "builds")[1] == {"builds": []}


@pytest.mark.parametrize(
    "body", [{"verdict": "perhaps"}, {"after_s": -1}, {"after_s": "2"}, {"reason": 1}, {"moons": 2}]
)
def test_a_policy_that_is_none_is_refused(body: dict[str, Any]) -> None:
    """With what is wrong, and the old one stays."""
    store = world()
    status, told = admin(store, "PUT", "builds/policy", body)

    assert (status, next(iter(body)) in told["message"]) == (400, True)
    assert admin(store, "GET", "builds/policy")[1]["after_s"] == 2.0


def test_what_a_policy_leaves_out_stays() -> None:
    """As with limits: what was said before holds."""
    store = world()
    admin(store, "PUT", "builds/policy", {"verdict": "failed", "reason": "No such package"})

    said = {"verdict": "failed", "after_s": 7, "reason": "No such package"}
    assert admin(store, "PUT", "builds/policy", {"after_s": 7}) == (200, said)


def test_a_build_of_many_versions_is_answered() -> None:
    """Each is looked at once: with all of them compared to all others this would take minutes."""
    project = Project(world())
    version = project.version("function", "/f")
    again = {"FunctionVersions": [version["sid"]] * 60_000}

    status, told = ask(project.store, "POST", project.service["links"]["builds"], again)
    assert (status, told["message"]) == (400, "More than one version has the path /f")


def test_somebody_decides_a_build() -> None:
    """Once, while it is building; time has nothing to say afterwards."""
    project = Project(world())
    store = project.store
    build = project.build(project.version("function", "/f"))
    at = f"builds/{build['sid']}"
    events = store.events.last
    status, told = admin(store, "PUT", at, {"status": "failed", "reason": "by hand"})
    assert (status, told["status"], told["verdict"], told["due_s"]) == (200, "failed", None, None)
    store.advance(100)

    assert ends(store, build) == "failed"
    assert admin(store, "PUT", at, {"status": "completed"})[0] == 409
    assert admin(store, "PUT", at, {"status": "building"})[0] == 400
    assert admin(store, "PUT", f"builds/ZB{NO_SID}", {"status": "failed"})[0] == 404
    assert admin(store, "GET", at)[1]["reason"] == "by hand"
    (event,) = [one for one in store.events.since(events) if one.type == "build.changed"]
    assert event.data == {
        "BuildSid": build["sid"],
        "ServiceSid": project.service["sid"],
        "Status": "failed",
        "Reason": "by hand",
    }


def test_a_build_stands_on_the_ruler() -> None:
    """Until it has ended; one that waits for somebody does not."""
    project = Project(world())
    build = project.build(project.version("function", "/f"))
    admin(project.store, "PUT", "builds/policy", {"verdict": None})
    project.build(project.version("function", "/g"))
    (due,) = admin(project.store, "GET", "page")[1]["dues"]

    assert due["at_s"] == project.store.now_s() + 2
    assert due["build"] == {"sid": build["sid"], "service": "shop", "verdict": "completed"}
    project.store.advance(2)
    assert admin(project.store, "GET", "page")[1]["dues"] == []


def test_a_build_goes_on_in_the_next_process(tmp_path: Path) -> None:
    """Killed while it is building: it ends at its time, or at once if that has passed."""
    file = tmp_path / "world.db"
    project = Project(world(file))
    build = project.build(project.version("function", "/f"))
    later = project.build(project.version("asset", "/a"))
    before = rows_of(project.store)
    project.store.close()
    store = Store(path=file)

    assert rows_of(store) == before
    store.advance(2)
    assert (ends(store, build), ends(store, later)) == ("completed", "completed")
    store.close()


def test_a_deleted_build_does_not_end() -> None:
    """Time finds nothing to do."""
    project = Project(world())
    build = project.build(project.version("function", "/f"))
    assert ask(project.store, "DELETE", build["url"])[0] == 204
    project.store.advance(5)

    assert ask(project.store, "GET", build["url"])[0] == 404


def test_deployments_replace_each_other() -> None:
    """All are listed; the same build twice is a conflict in the words that were seen."""
    project = Project(world())
    store, url = project.store, project.environment["links"]["deployments"]
    again = ask(store, "POST", url)
    assert (again[0], again[1]["message"]) == (409, "Environment already has requested deployment.")
    first = project.deploy(project.version("asset", "/a", b"1"))
    assert code(ask(store, "POST", url, {"BuildSid": first["build_sid"]})) == 20409
    second = project.deploy(project.version("asset", "/b", b"2"))
    found = ask(store, "GET", project.environment["url"])[1]

    assert ask(store, "GET", url)[1]["deployments"] == [first, second]
    assert found["build_sid"] == second["build_sid"]
    assert [project.get(path).status for path in ("/a", "/b")] == [404, 200]
    assert ask(store, "POST", url, {"BuildSid": first["build_sid"]})[0] == 201


def test_a_failed_build_is_not_deployed() -> None:
    """20001; what is there stays."""
    project = Project(world())
    project.deploy(project.version("asset", "/a"))
    admin(project.store, "PUT", "builds/policy", {"verdict": "failed", "after_s": 0})
    build = project.build(project.version("asset", "/b"))

    url = project.environment["links"]["deployments"]
    assert "failed" in ask(project.store, "POST", url, {"BuildSid": build["sid"]})[1]["message"]
    assert project.get("/a").status == 200


# --- domains -----------------------------------------------------------------------------------------------


@pytest.fixture
def site() -> Project:
    project = Project(world())
    project.deploy(
        *(project.version("asset", f"/{seen}.txt", seen.encode(), seen) for seen in uploads.VISIBILITIES),
        *(project.version("function", f"/{seen}", b"x", seen) for seen in uploads.VISIBILITIES),
    )
    return project


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/public.txt", 200),
        ("/public.txt?a=b", 200),
        ("/protected.txt", 403),
        ("/private.txt", 404),
        ("/public", 501),
        ("/protected", 403),
        ("/private", 404),
        ("/nothing", 404),
        ("/", 404),
        ("/public.txt/", 404),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_domain_serves_what_is_deployed(site: Project, method: str, path: str, status: int) -> None:
    """Public assets to everybody, nothing private, functions not at all; nobody needs credentials."""
    answer = site.get(path, method)
    if (status, method) == (200, "POST"):
        assert answer.status == 405
        return
    assert answer.status == status
    if status == 200:
        assert answer.headers["Content-Type"] == "application/javascript"
        assert answer.body == (b"" if method == "HEAD" else b"public")
    if status == 501:
        assert "deployed here, but not run" in json.loads(answer.body)["message"]


@pytest.mark.parametrize(("path", "status"), [("/protected.txt", 200), ("/protected?a=b&c", 501)])
def test_what_is_protected_needs_a_signature(site: Project, path: str, status: int) -> None:
    """Of this url, by the account's token; by GET, or by POST over its form."""
    good = signature(AUTH_TOKEN, site.domain + path, {})
    assert site.get(path, X_Twilio_Signature=good).status == status
    for wrong in ("", "x", signature("other", site.domain + path, {}), good[:-1], "ü", "\udcff"):
        assert site.get(path, X_Twilio_Signature=wrong).status == 403
    form = {"From": "+15550100301", "Body": "yes please"}
    good = signature(AUTH_TOKEN, f"{site.domain}/protected", form)
    sent = (b"Body=yes+please", b"From=%2B15550100301")
    assert site.get("/protected", "POST", sent, X_Twilio_Signature=good).status == 501
    assert site.get("/protected", "POST", sent[:1], X_Twilio_Signature=good).status == 403


def test_a_domain_that_nobody_has_says_so() -> None:
    """Loudly: it may be one of an account that is elsewhere."""
    store = world()
    answer = handle(store, Request("GET", "/optin", {}, b"", "https", "courier-1234.twil.io"))

    assert answer.status == 501
    assert json.loads(answer.body)["message"].startswith("courier-1234.twil.io is not emulated")


def test_environments_serve_apart() -> None:
    """One build on each of two domains, another on one of them."""
    one = Project(world())
    other = one.made(one.service["links"]["environments"], UniqueName="staging", DomainSuffix="stage")
    first = one.deploy(one.version("asset", "/a", b"1"))
    one.made(other["links"]["deployments"], BuildSid=first["build_sid"])
    one.deploy(one.version("asset", "/a", b"2"))
    staging = handle(one.store, Request("GET", "/a", {}, b"", "https", other["domain_name"]))

    assert (one.get("/a").body, staging.body) == (b"2", b"1")


@pytest.mark.parametrize(
    "path", ["/it.html", "/{domain}/it.html", "//{domain}/it.html", "/https://{domain}/it.html"]
)
def test_no_asset_is_served_in_the_origin_of_the_page(path: str) -> None:
    """Whose Host is this machine's gets none; whose Host is a domain's gets no page and no admin path."""
    project = Project(world())
    project.deploy(project.version("asset", "/it.html", b"<script>here</script>"))
    domain = project.environment["domain_name"]
    with running(project.store) as url:
        for host in (url.removeprefix("http://"), "localhost", "127.0.0.1"):
            target = url + path.format(domain=domain)
            found = requests.get(target, headers={"Host": host}, timeout=10)
            assert b"<script>" not in found.content
            assert found.headers["Content-Type"].startswith("application/json")
        for host in (domain, f"{domain}:80", domain.upper()):
            for own in ("/", "/_page/main.js", "/_emulator/info", "/_emulator/page"):
                assert requests.get(url + own, headers={"Host": host}, timeout=10).status_code == 403
            assert b"<script>" in requests.get(f"{url}/it.html", headers={"Host": host}, timeout=10).content


# --- clients, faults, calls --------------------------------------------------------------------------------


def test_the_stock_sdk_deploys_and_reads() -> None:
    """twilio-python has all but the upload, which is plain HTTP; its lists page."""
    with running(world()) as url:
        client = Client(ACCOUNT_SID, AUTH_TOKEN)
        client.serverless.base_url = f"{url}/serverless.twilio.com"
        services = client.serverless.v1.services
        made = services.create(unique_name="shop", friendly_name="Shop", ui_editable=True)
        service = services("shop")
        function_sid = service.functions.create(friendly_name="optin").sid
        sent = requests.post(
            f"{url}/serverless-upload.twilio.com/v1/Services/{made.sid}/Functions/{function_sid}/Versions",
            auth=(ACCOUNT_SID, AUTH_TOKEN),
            data={"Path": "optin", "Visibility": "protected"},
            files={"Content": ("optin.js", b"exports.handler = 1;\n", "application/javascript")},
            timeout=10,
        )
        assert sent.status_code == 201, sent.text
        assert sent.json()["url"].startswith(f"{url}/serverless.twilio.com/v1/Services/")
        environment_sid = service.environments.create(unique_name="production").sid
        environment = service.environments(environment_sid)
        environment.variables.create(key="A", value="1").update(value="2")
        build_sid = service.builds.create(function_versions=[sent.json()["sid"]], runtime="node22").sid
        assert requests.post(f"{url}/_emulator/clock/advance", json={"seconds": 3}, timeout=10).ok
        assert service.builds(build_sid).build_status().fetch().status == "completed"
        environment.deployments.create(build_sid=build_sid)
        versions = service.functions(function_sid).function_versions

        assert [one.path for one in versions.list(page_size=1)] == ["/optin"]
        content = versions(sent.json()["sid"]).function_version_content().fetch().content
        assert content == "exports.handler = 1;\n"
        assert [one.value for one in environment.variables.list(page_size=1)] == ["2"]
        assert environment.fetch().build_sid == build_sid
        with pytest.raises(TwilioRestException) as refused:
            services.create(unique_name="shop", friendly_name="Shop")
        assert (refused.value.status, refused.value.code) == (409, 20409)
        host = {"Host": environment.fetch().domain_name}
        assert requests.get(f"{url}/optin", headers=host, timeout=10).status_code == 403
        assert made.delete()


def test_a_large_upload_comes_over_a_socket() -> None:
    """Longer than other bodies may be, and no longer than Twilio's."""
    project = Project(world())
    one = project.made(project.service["links"]["assets"], FriendlyName="film")
    content = random.Random(0).randbytes(3_000_000)
    with running(project.store) as url:
        at = f"{url}/serverless-upload.twilio.com/v1/Services/shop/Assets/{one['sid']}/Versions"
        given: dict[str, Any] = {"auth": (ACCOUNT_SID, AUTH_TOKEN), "timeout": 30}
        form = {"Path": "/film.mp4", "Visibility": "public"}
        sent = requests.post(at, data=form, files={"Content": ("film.mp4", content, "video/mp4")}, **given)
        assert sent.status_code == 201, sent.text
        project.deploy(sent.json())
        host = {"Host": project.environment["domain_name"]}
        back = requests.get(f"{url}/film.mp4", headers=host, timeout=30)
        assert (back.content, back.headers["Content-Type"]) == (content, "video/mp4")
        too_long = requests.post(at, data=b"x" * (uploads.BODY_BYTES + 1), **given)
        assert too_long.status_code == 413


def test_a_lost_answer_leaves_its_version() -> None:
    """Faults meet uploads and domains as they meet all calls."""
    store = world()
    project = Project(store)
    one = project.made(project.service["links"]["assets"], FriendlyName="a")
    store.faults.add(Rule(Effect("drop_after_commit"), Match(operation="CreateAssetVersion")))
    store.faults.add(Rule(Effect("status", status=503), Match(host=project.environment["domain_name"])))
    door = InProcess(store)
    headers = {"Authorization": authorization(store.account), "Content-Type": KIND}
    url = f"{UPLOADS}/shop/Assets/{one['sid']}/Versions"
    with pytest.raises(Interrupted):
        asyncio.run(door.send("POST", url, headers, body_of(PATH, VISIBLE, CONTENT), 5))
    assert len(ask(store, "GET", one["links"]["asset_versions"])[1]["asset_versions"]) == 1
    status, told, _ = asyncio.run(door.send("GET", f"{project.domain}/a", {}, b"", 5))
    assert (status, told["X-API-Domain"]) == (503, project.environment["domain_name"])


def test_values_of_variables_are_not_told() -> None:
    """Whoever reads the latest calls sees their keys."""
    one = World()
    one.call("CreateVariable", {"Key": "TOKEN", "Value": "hush-hush"})
    one.call("UpdateVariable", {"Value": "hush-hush"})
    told = admin(one.store, "GET", "requests")[1]["requests"]

    assert "hush-hush" not in json.dumps(told)
    assert told[-2]["form"] == {"Key": ["TOKEN"], "Value": ["(hidden)"]}
    assert {call["operation"] for call in told} >= {
        "CreateFunctionVersion",
        "CreateAssetVersion",
        "UpdateVariable",
    }


# --- worlds ------------------------------------------------------------------------------------------------


def test_a_file_of_an_older_format_is_taken_over(tmp_path: Path) -> None:
    """It has no services yet, and takes some."""
    file = tmp_path / "world.db"
    Store(path=file, clock=Clock.frozen()).close()
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 3")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    store = Store(path=file)

    assert ask(store, "GET", SERVICES)[1]["services"] == []
    assert Project(store).service["unique_name"] == "shop"
    store.close()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("build", {"status": "sunny"}),
        ("build", {"verdict": "sunny"}),
        ("build", {"function_versions": ["ZN" + NO_SID]}),
        ("build", {"service_sid": "ZS" + NO_SID}),
        ("environment", {"build_sid": "ZB" + NO_SID}),
        ("version", {"content": "***"}),
        ("version", {"content_type": "a/b\r\nX: y"}),
        ("environment", {"domain_name": "OTHER"}),
        ("variable", {"environment_sid": "ZE" + NO_SID}),
        ("build", {"due_s": -1.0}),
    ],
)
def test_a_document_that_is_torn_is_refused(kind: str, change: dict[str, Any]) -> None:
    """As a whole: nothing has changed."""
    one = World()
    other = one.project.made(one.project.service["links"]["environments"], UniqueName="x", DomainSuffix="x")
    document = admin(one.store, "GET", "state")[1]
    before = rows_of(one.store)
    row = next(row for row in document["rows"] if row["kind"] == kind)
    row.update({name: other["domain_name"] if value == "OTHER" else value for name, value in change.items()})
    status, told = admin(one.store, "PUT", "state", document)

    assert (status, rows_of(one.store)) == (400, before), told


@pytest.mark.parametrize("seed", range(12))
def test_damage_is_refused_or_harmless(seed: int) -> None:
    """One value of a document put in the place of another: never a crash, then or later."""
    dice, document = random.Random(seed), admin(World().store, "GET", "state")[1]
    ours = [at for at, row in enumerate(document["rows"]) if row["kind"] in SERVERLESS_KINDS]
    for _ in range(40):
        spoilt = json.loads(json.dumps(document))
        row, other = (spoilt["rows"][dice.choice(ours)] for _ in range(2))
        row[dice.choice([*row])] = dice.choice([*other.values(), None, "", 7, [], {}])
        one = World(delete_in_use="allowed")
        before = rows_of(one.store)
        status, told = admin(one.store, "PUT", "state", spoilt)
        if status == 400:
            assert rows_of(one.store) == before, told
            continue
        for name in sorted(OPERATIONS, key=lambda name: (name.startswith("Delete"), name == "DeleteService")):
            assert one.call(name, base(one, name))[0] < 500, name
        assert one.project.get("/optin").status in (404, 501)
        one.store.advance(5)
        assert admin(one.store, "GET", "builds")[0] == 200


def test_a_torn_file_is_left_as_it_is(tmp_path: Path) -> None:
    """A build whose version is missing: said, and not repaired."""
    file = tmp_path / "world.db"
    project = Project(world(file))
    version = project.version("function", "/f")
    project.build(version)
    project.store.close()
    with sqlite3.connect(file) as db:
        db.execute("DELETE FROM row WHERE sid = ?", [version["sid"]])
    db.close()

    with pytest.raises(WorldError, match=r"torn: build ZB\w+ lacks its version ZN"):
        Store(path=file)


class Play:
    """Random deeds, and beside them a model of what every domain serves, every build and name."""

    def __init__(self, seed: int, switches: Switches, path: Path | None = None) -> None:
        self.dice = random.Random(seed)
        self.switches, self.path = switches, path
        self.store = Store(path=path, clock=Clock.frozen(), switches=switches)
        self.services: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.contents: dict[str, bytes] = {}
        self.builds: dict[str, tuple[str, list[str], float]] = {}
        self.deployed: dict[str, str | None] = {}
        self.environments: dict[str, list[dict[str, Any]]] = {}

    def run(self, steps: int) -> Play:
        deeds: list[Callable[[], None]] = [
            *(self.make, self.upload, self.upload, self.build, self.build, self.deploy, self.deploy),
            *(self.environment, self.forget, self.forget_build, self.wait, self.reopen, self.move),
        ]
        for _ in range(steps):
            self.dice.choice(deeds)()
            self.check()
        return self

    def ask(self, method: str, url: str, form: Any = None) -> tuple[int, Any]:
        return ask(self.store, method, url, form)

    def one(self) -> str | None:
        return self.dice.choice([*self.services]) if self.services else None

    def make(self) -> None:
        name = f"s{self.dice.randrange(4)}"
        status, body = self.ask("POST", SERVICES, {"UniqueName": name, "FriendlyName": "S"})
        assert status == (409 if name in self.services else 201)
        if status == 201:
            self.services[name], self.versions[name], self.environments[name] = body, [], []

    def environment(self) -> None:
        if name := self.one():
            suffix = f"e{self.dice.randrange(3)}"
            form = {"UniqueName": f"env-{suffix}", "DomainSuffix": suffix}
            status, body = self.ask("POST", f"{SERVICES}/{name}/Environments", form)
            taken = {each["domain_suffix"] for each in self.environments[name]}
            assert status == (409 if suffix in taken else 201)
            if status == 201:
                self.environments[name].append(body)
                self.deployed[body["sid"]] = None

    def upload(self) -> None:
        if name := self.one():
            content, path = self.dice.randbytes(5), f"/p{self.dice.randrange(3)}"
            seen = self.dice.choice(uploads.VISIBILITIES)
            parent = self.ask("POST", f"{SERVICES}/{name}/Assets", {"FriendlyName": "a"})[1]
            made = uploaded(self.store, parent, path, content, seen)
            self.versions[name].append(made)
            self.contents[made["sid"]] = content

    def build(self) -> None:
        if name := self.one():
            some = self.dice.sample(
                self.versions[name], min(len(self.versions[name]), self.dice.randrange(4))
            )
            paths = [each["path"] for each in some]
            form = {"AssetVersions": [each["sid"] for each in some]}
            status, body = self.ask("POST", f"{SERVICES}/{name}/Builds", form)
            assert status == (201 if some and len({*paths}) == len(paths) else 400)
            if status == 201:
                self.builds[body["sid"]] = name, form["AssetVersions"], self.store.now_s() + 2

    def deploy(self) -> None:
        places = [each for some in self.environments.values() for each in some]
        if places and self.builds:
            place, sid = self.dice.choice(places), self.dice.choice([*self.builds, None])
            status, _ = self.ask("POST", place["links"]["deployments"], {"BuildSid": sid} if sid else {})
            if self.deployed[place["sid"]] == sid:
                assert status == 409
                return
            name, _, due_s = self.builds[sid] if sid else ("", [], 0)
            fits = not sid or (place in self.environments[name] and due_s <= self.store.now_s())
            assert status == (201 if fits else 400)
            if fits:
                self.deployed[place["sid"]] = sid

    def forget(self) -> None:
        if (name := self.one()) and self.dice.random() < 0.3:
            assert self.ask("DELETE", f"{SERVICES}/{name}")[0] == 204
            for place in self.environments.pop(name):
                del self.deployed[place["sid"]]
            self.builds = {sid: build for sid, build in self.builds.items() if build[0] != name}
            del self.services[name], self.versions[name]

    def forget_build(self) -> None:
        if self.builds:
            sid = self.dice.choice([*self.builds])
            status, _ = self.ask("DELETE", f"{SERVICES}/{self.builds[sid][0]}/Builds/{sid}")
            is_used = sid in self.deployed.values()
            assert status == (400 if is_used and self.switches.delete_in_use == "refused" else 204)
            if status == 204:
                del self.builds[sid]
                self.deployed = {at: None if had == sid else had for at, had in self.deployed.items()}

    def wait(self) -> None:
        self.store.advance(self.dice.choice((0.5, 1, 3)))

    def reopen(self) -> None:
        if self.path is not None:
            self.store.close()
            self.store = Store(path=self.path, switches=self.switches)

    def move(self) -> None:
        """Go on in a world made of this one's document."""
        if self.path is None:
            document = admin(self.store, "GET", "state")[1]
            self.store = Store(clock=Clock.frozen(), switches=self.switches)
            assert admin(self.store, "PUT", "state", document)[0] == 200

    def check(self) -> None:
        """Compare every build, and what one domain serves."""
        for sid, (name, _, due_s) in self.builds.items():
            status = self.ask("GET", f"{SERVICES}/{name}/Builds/{sid}/Status")[1]["status"]
            assert status == ("completed" if due_s <= self.store.now_s() else "building")
        for name, places in self.environments.items():
            known = {each["sid"]: each for each in self.versions[name]}
            for place in places[:1]:
                built = self.deployed[place["sid"]]
                there = {known[one]["path"]: known[one] for one in (self.builds[built][1] if built else ())}
                for path in ("/p0", "/p1", "/p2"):
                    answer = handle(self.store, Request("GET", path, {}, b"", "https", place["domain_name"]))
                    found = there.get(path)
                    wanted = {"public": 200, "protected": 403}.get(found["visibility"], 404) if found else 404
                    assert answer.status == wanted
                    if found and wanted == 200:
                        assert answer.body == self.contents[found["sid"]]
        kept = sum(
            len(base64.b64encode(self.contents[each["sid"]]))
            for some in self.versions.values()
            for each in some
        )
        assert self.store.index.serverless.content_chars == kept


VARIANTS = [
    name for name in Switches.variants() if name.split("=")[0] in ("default", "delete_in_use", "list_order")
]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("seed", range(6))
def test_random_plays_agree_with_a_model(seed: int, variant: str, tmp_path: Path) -> None:
    """In memory, moved from document to document, and in a file that is opened again and again."""
    switches = Switches.variants()[variant]
    first = Play(seed, switches).run(120)
    Play(seed, switches, tmp_path / "world.db").run(120).store.close()

    assert len(first.contents) > 3


def test_plays_repeat_themselves() -> None:
    """The same seed, the same SIDs and the same world."""
    one, other = (Play(3, Switches()).run(80) for _ in range(2))

    assert rows_of(one.store) == rows_of(other.store)
    assert one.deployed == other.deployed
