"""The emulator's own paths: the world as a document, the latest calls, and that the description is true."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import http.client
import itertools
import json
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from contents import created, requested
from deploying import uploaded
from playing import ACCOUNT, Play

from reconciler.emulator import Clock, Effect, InProcess, Match, Request, Rule, Store, Switches, ask
from reconciler.emulator.control.routes import control
from reconciler.emulator.doors.in_process import authorization
from reconciler.emulator.doors.server import running
from reconciler.emulator.faults import Interrupted
from reconciler.emulator.presets import PRESETS
from reconciler.emulator.request_log import KEPT
from reconciler.emulator.rows import FORMAT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LATE = [name for name in Switches.variants() if "_lag_" in name]
VARIANTS = {name: one for name, one in Switches.variants().items() if name not in LATE}
CUSTOMER, SENDER = "+15550100301", "+15550100201"


def admin(store: Store, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask an admin path; a body that is bytes is sent as it is."""
    sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    response = control(store, Request(method, f"/_emulator/{path}", {}, sent, host="127.0.0.1:8010"))
    return response.status, json.loads(response.body)


def rows_of(store: Store) -> dict[str, str]:
    return {sid: repr(row) for sid, row in store.index.rows.items()}


def another(play: Play, path: Path | None = None) -> Store:
    """Return a world of the same settings that holds other things."""
    store = Store(path=path, account=ACCOUNT, switches=play.switches, clock=Clock.frozen(), seed=7)
    ask(store, "POST", "/Conversations", {"UniqueName": "old"})
    ask(store, "POST", "/Roles", {"FriendlyName": "old", "Type": "service", "Permission": "addParticipant"})
    return store


# --- the world as a document -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_a_world_goes_on_from_its_document(name: str, tmp_path: Path) -> None:
    """Exported and imported halfway, into memory and into a file, a play ends as it does in one go."""
    whole = Play(11, VARIANTS[name]).run(120)
    for path in (None, tmp_path / "world.db"):
        play = Play(11, VARIANTS[name]).run(60)
        document = admin(play.store, "GET", "state")[1]
        old, play.store, play.path = play.store, another(play, path), path
        assert admin(play.store, "PUT", "state", document) == (
            200,
            {"status": "ok", "rows": len(old.index.rows)},
        )
        assert play.rows() == {sid: repr(row) for sid, row in old.index.rows.items()}
        assert admin(play.store, "GET", "state")[1] == document
        play.store.events.last = play._seen  # whoever plays follows the events of one world
        play.run(60)
        assert play.rows() == whole.rows()
        if path is not None:
            before = play.rows()
            play.reopen()
            assert play.rows() == before
        play.store.close()


def test_an_import_replaces_everything(tmp_path: Path) -> None:
    """What was there is gone, names and numbers are free again, and a process that is killed keeps it all."""
    empty = Store(clock=Clock.frozen())
    document = admin(empty, "GET", "state")[1]
    store = Store(path=tmp_path / "world.db", clock=Clock.frozen())
    first = ask(store, "POST", "/Conversations", {"UniqueName": "order"})[1]
    store.faults.add(Rule(Effect("drop")))
    store.advance(60)
    assert admin(store, "PUT", "state", document)[0] == 200

    assert rows_of(store) == rows_of(empty)
    assert (store.faults.rules(), store.now_s()) == ([], empty.now_s())
    assert ask(store, "GET", "/Conversations/order")[0] == 404
    again = ask(store, "POST", "/Conversations", {"UniqueName": "order"})[1]
    assert again["sid"] == first["sid"]  # as often as this name was used in the world that was imported
    reopened = rows_of(store)
    store.close()
    assert rows_of(Store(path=tmp_path / "world.db")) == reopened


@pytest.mark.parametrize("deed", ["reset", "import"])
def test_a_world_that_begins_anew_is_the_old_or_the_new_one(deed: str, tmp_path: Path) -> None:
    """Killed before any statement of it: the file has one of the two, whole, with its time and its events."""
    path, copies = tmp_path / "world.db", tmp_path / "copies"
    store = Store(path=path, clock=Clock.frozen())
    document = admin(store, "GET", "state")[1]
    for n in range(700):
        ask(store, "POST", "/Conversations", {"UniqueName": f"c{n}"})
    store.advance(3600)
    old, now_s = rows_of(store), store.now_s()

    def keep(_: str) -> None:
        folder = copies / f"{len(list(copies.iterdir())):03}"
        folder.mkdir()
        for name in ("world.db", "world.db-wal"):
            shutil.copy(tmp_path / name, folder)

    copies.mkdir()
    assert store._disk is not None
    store._disk._db.set_trace_callback(keep)
    assert (
        admin(store, "POST" if deed == "reset" else "PUT", "reset" if deed == "reset" else "state", document)[
            0
        ]
        == 200
    )
    store._disk._db.set_trace_callback(None)
    keep("")
    new, new_s = rows_of(store), store.now_s()
    store.close()
    worlds = [Store(path=folder / "world.db") for folder in sorted(copies.iterdir())]
    found = [(rows_of(world), world.now_s()) for world in worlds]
    for world in worlds:
        world.close()

    assert len(found) > 5
    assert [one for one in found if one not in ((old, now_s), (new, new_s))] == []
    assert (found[0], found[-1]) == ((old, now_s), (new, new_s))


def test_what_was_put_aside_is_gone_in_the_end(tmp_path: Path) -> None:
    """Bit by bit with later writes, or when the file is opened again; in memory with later calls."""
    path = tmp_path / "world.db"
    store = Store(path=path, clock=Clock.frozen())
    for _ in range(2):
        for n in range(600):
            ask(store, "POST", "/Conversations", {"UniqueName": f"c{n}"})
        store.reset()
    assert len(tables(path)) > 3
    for _ in range(12):
        ask(store, "POST", "/Conversations")
    assert (tables(path), store._leftovers._tables) == ({"row", "mint", "meta"}, [])
    store.reset()
    store.close()
    Store(path=path).close()
    assert tables(path) == {"row", "mint", "meta"}


def tables(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.mark.parametrize("rate", [0.0, 1.0, 60.0])
def test_time_goes_on_as_it_did(rate: float) -> None:
    """An import stands, runs or hurries as the world did that was exported."""
    store = Store(clock=Clock.frozen())
    store.clock.run_at(rate)
    document = admin(store, "GET", "state")[1]
    other = Store()
    assert admin(other, "PUT", "state", document)[0] == 200

    assert other.clock.rate == rate
    assert 0 <= other.now_s() - document["clock"]["now_s"] < 60 * max(rate, 1)


def played() -> tuple[Store, Any]:
    play = Play(2, Switches()).run(150)
    return play.store, admin(play.store, "GET", "state")[1]


def test_a_newer_document_is_refused() -> None:
    """With the two numbers, and the world stays as it is."""
    store, document = played()
    before = rows_of(store)
    status, told = admin(store, "PUT", "state", {**document, "format": FORMAT + 1, "moons": 2})

    assert (status, rows_of(store)) == (400, before)
    assert f"format {FORMAT + 1}, this one reads {FORMAT}" in told["message"]
    assert "nothing was changed" in told["message"]


def test_half_a_document_is_refused() -> None:
    """Cut anywhere, and nothing has changed."""
    store, document = played()
    before, text = rows_of(store), json.dumps(document).encode()
    for end in (0, 1, len(text) // 3, len(text) // 2, len(text) - 1):
        assert admin(store, "PUT", "state", text[:end])[0] == 400
    assert admin(store, "PUT", "state", b"[" * 100_000)[0] == 400

    assert rows_of(store) == before


WRONG: dict[str, Callable[[Any], object]] = {
    "no rows": lambda d: d.pop("rows"),
    "no mints": lambda d: d.pop("mints"),
    "something else": lambda d: d.update(moons=2),
    "rows are no list": lambda d: d.update(rows={}),
    "no configuration": lambda d: d.update(rows=[one for one in d["rows"] if one["kind"] != "configuration"]),
    "format is text": lambda d: d.update(format="3"),
    "a clock without rate": lambda d: d["clock"].pop("rate"),
    "a clock before 1970": lambda d: d["clock"].update(now_s=-1),
    "a clock that is no number": lambda d: d["clock"].update(now_s=float("nan")),
    "a mint that is no number": lambda d: d["mints"].update(moon=1),
    "a mint of many bits": lambda d: d["mints"].update({"9" * 19: 1}),
    "an unknown kind": lambda d: d["rows"][-1].update(kind="moon"),
    "a row that is no object": lambda d: d["rows"].append(None),
    "a row twice": lambda d: d["rows"].append(d["rows"][-1]),
    "an unknown state": lambda d: first(d, "conversation").update(state="asleep"),
    "a far future": lambda d: first(d, "message").update(date_created=10**15),
    "a sid that is none": lambda d: first(d, "message").update(sid="IM1"),
    "a place that is none": lambda d: first(d, "message").update(seq=1 << 60),
    "a draft without address": lambda d: first(d, "conversation").update(pending=[{}]),
}


def first(document: Any, kind: str) -> Any:
    return next(row for row in document["rows"] if row["kind"] == kind)


@pytest.mark.parametrize("name", WRONG)
def test_a_document_that_makes_no_world_is_refused(name: str) -> None:
    """What is wrong is said, and nothing has changed."""
    store, document = played()
    before = admin(store, "GET", "state")[1]
    WRONG[name](document)
    status, told = admin(store, "PUT", "state", document)

    assert (status, told["message"].endswith("; nothing was changed")) == (400, True)
    assert admin(store, "GET", "state")[1] == before


@pytest.mark.parametrize("seed", range(3))
def test_damage_is_refused_or_harmless(seed: int) -> None:
    """Whatever single value is lost or replaced: a refusal that changes nothing, or a world that works."""
    store, document = played()
    dice, taken = random.Random(seed), 0
    for _ in range(150):
        damaged = copy.deepcopy(document)
        row = dice.choice(damaged["rows"])
        name = dice.choice(sorted(row))
        if dice.random() < 0.3:
            damaged["rows"].remove(row)
        else:
            row[name] = dice.choice([None, 0, -1, True, "", "x", [], {}, 1e300, [None], "CH" + "0" * 32])
        before = rows_of(store)
        status, _ = admin(store, "PUT", "state", damaged)
        assert status in (200, 400)
        if status == 400:
            assert rows_of(store) == before
            continue
        taken += 1
        assert ask(store, "GET", "/Conversations")[0] == 200
        assert admin(store, "GET", "phones")[0] == 200
        assert admin(store, "GET", "page")[0] == 200
        again = admin(store, "GET", "state")[1]
        assert {row["sid"]: row for row in again["rows"]} == {row["sid"]: row for row in damaged["rows"]}
    assert 0 < taken < 150


def test_a_large_world_comes_in_over_a_socket() -> None:
    """Longer than any call of Twilio may be."""
    store = Store(clock=Clock.frozen())
    for n in range(40):
        ask(store, "POST", "/Conversations", {"Attributes": json.dumps({"n": n, "text": "x" * 15_000})})
    document = json.dumps(admin(store, "GET", "state")[1])
    other = Store(clock=Clock.frozen())
    with running(other) as url:
        for path, expected in (("/_emulator/state", 200), ("/v1/Conversations", 413)):
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
            connection.request("PUT", path, (document + " " * (1 << 20)).encode())
            assert connection.getresponse().status == expected
            connection.close()

    assert rows_of(other) == rows_of(store)


def test_a_world_in_memory_is_not_kept(tmp_path: Path) -> None:
    """`emulator --memory` answers as any other, and leaves nothing in the folder."""
    line = [sys.executable, "-m", "reconciler", "emulator", str(tmp_path), "--memory", "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().split("http://")[1].split()[0]
            connection = http.client.HTTPConnection(address, timeout=30)
            connection.request("POST", "/_emulator/phones/send", json.dumps(EXAMPLES["POST", "phones/send"]))
            assert connection.getresponse().status == 200
            connection.close()
        finally:
            process.terminate()
            process.communicate(timeout=30)

    assert list(tmp_path.iterdir()) == []


# --- the latest calls --------------------------------------------------------------------------------------


def requests(store: Store, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin(store, "GET", f"requests{query}")[1]["requests"]
    return found


def test_calls_are_told_with_their_ends() -> None:
    """Operation, status, Twilio's code, the id in the answer's header, and what was sent."""
    store = Store(clock=Clock.frozen())
    sid = ask(store, "POST", "/Conversations", {"UniqueName": "order"})[1]["sid"]
    ask(store, "POST", "/Conversations", {"UniqueName": "order"})
    ask(store, "GET", "/Conversations/order/Messages?Order=desc")
    ask(store, "GET", "https://studio.twilio.com/v2/Flows")
    made, refused, read, strange = requests(store)

    assert {**made, "duration_ms": 0} == {
        "number": 1,
        "at": "2026-01-01T00:00:00Z",
        "method": "POST",
        "host": "conversations.twilio.com",
        "path": "/v1/Conversations",
        "query": "",
        "form": {"UniqueName": ["order"]},
        "operation": "CreateConversation",
        "sids": [sid],
        "status": 201,
        "error_code": None,
        "request_id": f"RQ{1:032x}",
        "duration_ms": 0,
    }
    assert 0 < made["duration_ms"] < 60_000
    assert (refused["status"], refused["error_code"]) == (409, 50353)
    assert (read["operation"], read["query"], read["status"]) == (
        "ListConversationMessage",
        "Order=desc",
        200,
    )
    assert (strange["host"], strange["operation"], strange["error_code"]) == (
        "studio.twilio.com",
        None,
        20501,
    )
    assert [one["sids"] for one in (refused, read, strange)] == [[], [], []]
    assert [one["number"] for one in requests(store, "?since=2")] == [3, 4]
    assert [one["number"] for one in requests(store, "?limit=1")] == [4]
    assert requests(store, "?limit=0") == []
    assert admin(store, "GET", "requests?limit=x")[0] == 400
    store.reset()
    assert requests(store) == []


def test_only_so_many_calls_are_kept() -> None:
    """A ring: the latest, and no long bodies."""
    store = Store(clock=Clock.frozen())
    ask(store, "POST", "/Conversations", {"FriendlyName": "x" * 200_000})
    assert len(requests(store)[0]["form"]["FriendlyName"][0]) < 20_000
    for _ in range(KEPT + 5):
        ask(store, "GET", "/Conversations/none")

    assert len(requests(store)) == 100
    assert [one["number"] for one in requests(store, "?limit=99999")] == list(range(7, KEPT + 7))


def test_no_secret_is_told() -> None:
    """Neither credentials of the call nor those in it, nor passwords in urls."""
    store = Store(clock=Clock.frozen())
    form = {"Type": "apn", "Certificate": "s3cret-a", "PrivateKey": "s3cret-b", "Sandbox": "true"}
    assert ask(store, "POST", "/Credentials", form)[0] == 201
    ask(store, "POST", "/Credentials", {"Type": "fcm", "Secret": "s3cret-c", "ApiKey": "s3cret-d"})
    ask(store, "POST", "/Configuration/Webhooks", {"PostWebhookUrl": "https://me:s3cret-e@example.com/"})
    ask(store, "GET", "/Conversations", headers={"Authorization": "Basic czNjcmV0LWY6czNjcmV0LWY="})
    text = json.dumps(requests(store))

    assert "s3cret" not in text
    assert "czNjcmV0" not in text
    assert store.account.auth_token not in text
    assert "https://example.com/" in text


@pytest.mark.parametrize("kind", ["drop", "drop_after_commit", "status"])
def test_calls_that_met_a_fault_are_told(kind: Any) -> None:
    """A cut one has no status; an error by a fault has its own."""
    store = Store(clock=Clock.frozen())
    effect = Effect("status", status=503, code=20503) if kind == "status" else Effect(kind)
    store.faults.add(Rule(effect, Match(method="POST")))
    store.faults.add(Rule(Effect("latency", seconds=2.0)))
    door = InProcess(store)
    url = "https://conversations.twilio.com/v1/Conversations"

    async def call() -> None:
        await door.send("POST", url, {"Authorization": authorization(store.account)}, b"", 30.0)

    if kind == "status":
        finished(call())
    else:
        with pytest.raises(Interrupted):
            finished(call())
    (told,) = requests(store)

    assert (told["status"], told["error_code"]) == ((503, 20503) if kind == "status" else (None, None))
    assert 2000 <= told["duration_ms"] < 60_000


def test_calls_that_do_not_fit_in_are_told() -> None:
    """They arrived, as numbered calls with 429/20429, and were not processed; `info` counts them."""
    store = Store(clock=Clock.frozen())
    store.limits.in_flight = 1
    store.faults.add(Rule(Effect("latency", seconds=1.0), Match(method="POST")))
    url, known = "https://conversations.twilio.com/v1/Conversations", authorization(store.account)

    async def call() -> int:
        return (await InProcess(store).send("POST", url, {"Authorization": known}, b"", 30.0))[0]

    async def both() -> list[int]:
        return list(await asyncio.gather(call(), call()))

    assert asyncio.run(both()) == [201, 429]
    turned_away, made = requests(store)
    told = ("number", "operation", "status", "error_code", "request_id")
    assert [turned_away[name] for name in told] == [2, "CreateConversation", 429, 20429, f"RQ{2:032x}"]
    assert [made[name] for name in told[:3]] == [1, "CreateConversation", 201]
    info = admin(store, "GET", "info")[1]
    assert [info[name] for name in ("calls", "writes", "committed", "turned_away")] == [2, 2, 1, 1]
    assert [rule["matched"] for rule in admin(store, "GET", "faults")[1]["rules"]] == [1]


def finished(coroutine: Any) -> None:
    """Run a coroutine to its end."""
    asyncio.run(coroutine)


# --- latency profiles --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["instant", "typical", "adversarial", "fixed"])
def test_a_profile_only_takes_time(name: str) -> None:
    """Every call is answered as without it; virtual time passes, except for `instant`."""
    assert {rule.effect.kind for rule in PRESETS[name]} == {"latency"}
    store = Store(clock=Clock.frozen())
    store.faults.use(name, seed=3)
    door, start_s = InProcess(store), store.now_s()
    url, known = "https://conversations.twilio.com/v1/Conversations", authorization(store.account)

    async def call(method: str) -> int:
        return (await door.send(method, url, {"Authorization": known}, b"", 30.0))[0]

    for method, expected in (("POST", 201), ("GET", 200)):
        statuses: list[int] = []

        async def noted(method: str = method, statuses: list[int] = statuses) -> None:
            statuses.append(await call(method))

        finished(noted())
        assert statuses == [expected]

    assert (store.now_s() > start_s) == (name != "instant")
    assert store.now_s() - start_s < 1


# --- the description ---------------------------------------------------------------------------------------


def described() -> list[tuple[str, str, dict[str, Any]]]:
    """Return path, method and description of every admin operation."""
    return [
        (path.removeprefix("/_emulator/"), method.upper(), operation)
        for path, ways in DOCUMENT["paths"].items()
        for method, operation in ways.items()
    ]


DOCUMENT = admin(Store(clock=Clock.frozen()), "GET", "openapi.json")[1]
DESCRIBED = described()
OPERATIONS = pytest.mark.parametrize(
    ("path", "method", "operation"), DESCRIBED, ids=[f"{method} {path}" for path, method, _ in DESCRIBED]
)
EXAMPLES: dict[tuple[str, str], Any] = {
    ("POST", "phones/send"): {
        "from": CUSTOMER,
        "to": SENDER,
        "body": "Hello?",
        "media": ["https://example.com/a.png", {"url": "https://example.com/b", "size": 7}],
        "subject": None,
    },
    ("POST", "phones/read"): {"address": CUSTOMER, "sender": SENDER},
    ("POST", "phones/offline"): {"address": CUSTOMER},
    ("POST", "phones/online"): {"address": CUSTOMER},
    ("POST", "phones/stop"): {"address": CUSTOMER, "sender": SENDER},
    ("PUT", "clock"): {"mode": "frozen", "rate": 0},
    ("POST", "clock/advance"): {"seconds": 1},
    ("PUT", "switches"): {"attach_delay_s": 7.5, "unread_before_reading": None, "own_pair_code": 50437},
    ("PUT", "limits"): {"in_flight": 3, "actions_per_s": None},
    ("POST", "faults"): {"effect": {"kind": "drop"}, "match": {"method": "POST"}, "when": {"nth": 2}},
    ("PUT", "faults"): {"preset": "typical", "seed": 3},
    ("PUT", "approvals/policy"): {"verdict": "rejected", "after_s": 5, "reason": "No"},
    ("PUT", "approvals/{id}"): {"status": "rejected", "reason": "Somebody said so"},
    ("PUT", "builds/policy"): {"verdict": "failed", "after_s": 5, "reason": "No such package"},
    ("PUT", "builds/{id}"): {"status": "failed", "reason": "Somebody said so"},
}
WAITING = "wait?event=onConversationAdded&since=0&timeout_s=0"


def populated() -> Store:
    store = Store(clock=Clock.frozen())
    ask(store, "POST", "/Conversations", {"UniqueName": "order", "Timers.Closed": "P1D", "State": "active"})
    for address, proxy in ((CUSTOMER, SENDER), (f"whatsapp:{CUSTOMER}", f"whatsapp:{SENDER}")):
        pair = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        ask(store, "POST", "/Conversations/order/Participants", pair)
        store.phones.send(address, proxy, "Hello?")
    hook = {"Target": "webhook", "Configuration.Url": "http://127.0.0.1:9/", "Configuration.Method": "POST"}
    ask(store, "POST", "/Conversations/order/Webhooks", {**hook, "Configuration.Filters": "onMessageAdded"})
    store.phones.send(CUSTOMER, SENDER, "Hello?", media=["https://example.com/a.png"])
    ask(store, "POST", "/Conversations/none")
    built(store)
    greeting = created(store)
    requested(store, greeting)
    ask(store, "POST", "/Conversations/order/Messages", {"ContentSid": greeting})
    store.faults.add(Rule(Effect("drop")))
    return store


def built(store: Store) -> None:
    """Give a world a Serverless build that is building."""
    url = "https://serverless.twilio.com/v1/Services"
    service = ask(store, "POST", url, {"UniqueName": "shop", "FriendlyName": "Shop"})[1]
    one = ask(store, "POST", service["links"]["functions"], {"FriendlyName": "optin"})[1]
    version = uploaded(store, one, "/optin", b"exports.handler = 1;")
    assert ask(store, "POST", service["links"]["builds"], {"FunctionVersions": version["sid"]})[0] == 201


def placed(store: Store, path: str) -> str:
    """Return a path that names what is there."""
    if "webhooks/" in path:
        return path.replace("{id}", next(iter(store.deliveries)).id)
    if "approvals/" in path:
        return path.replace("{id}", next(iter(store.index.content.approval_of)))
    if "builds/" in path:
        return path.replace("{id}", next(store.index.serverless.all_builds()).sid)
    return path.replace("{id}", "f1")


def example(store: Store, path: str, method: str) -> Any:
    return (
        admin(store, "GET", "state")[1]
        if (method, path) == ("PUT", "state")
        else EXAMPLES.get((method, path))
    )


def resolved(schema: Any) -> Any:
    """Return what a reference means."""
    return (
        DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    )


def bodies_of(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the bodies that an operation takes."""
    if "requestBody" not in operation:
        return []
    schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
    return [resolved(one) for one in schema.get("anyOf", [schema])]


def answered(path: str, method: str, operation: dict[str, Any]) -> tuple[Any, Any]:
    """Return a real answer and its schema."""
    store = populated()
    target = WAITING if path == "wait" else placed(store, path)
    body = example(store, path, method)
    assert (body is not None) == bool(bodies_of(operation)), "EXAMPLES needs one, or has one too many"
    status, payload = admin(store, method, target, body)
    assert str(status) in operation["responses"], payload
    return payload, operation["responses"][str(status)]["content"]["application/json"]["schema"]


def fits(schema: Any, value: Any) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return bool(jsonschema.Draft202012Validator(whole).is_valid(value))


@pytest.mark.parametrize("operation", [one for *_, one in DESCRIBED], ids=lambda one: one["operationId"])
def test_every_path_is_described(operation: dict[str, Any]) -> None:
    """With a summary and a typed answer (see `control/openapi.py`)."""
    (done,) = (answer for status, answer in operation["responses"].items() if status != "default")

    assert done["content"]["application/json"]["schema"], "nobody described its answer"
    assert re.match(r"(?!(?:GET|POST|PUT|DELETE)\b)\S", operation["summary"]), (
        "its docstring has another form"
    )


@OPERATIONS
def test_every_path_answers_as_described(path: str, method: str, operation: dict[str, Any]) -> None:
    """A real answer of each has the shape that is described, and its body is one that is described."""
    payload, schema = answered(path, method, operation)
    whole = {**schema, "components": DOCUMENT["components"]}
    problems = [str(one) for one in jsonschema.Draft202012Validator(whole).iter_errors(payload)]
    body = example(populated(), path, method)

    assert problems == []
    assert body is None or sum(fits(one, body) for one in bodies_of(operation)) == 1


@OPERATIONS
def test_a_spoilt_answer_is_noticed(path: str, method: str, operation: dict[str, Any]) -> None:
    """Whatever is left out, added or of another type: the description does not fit any more."""
    payload, schema = answered(path, method, operation)
    spoilt = list(itertools.islice(spoilings(payload, path), 200))

    assert spoilt or path == "openapi.json"
    assert [where for where, one in spoilt if fits(schema, one)] == []


FREE = re.compile(r"(openapi\.json|events\.\d+\.data|wait\.data)\..*|.*\.(webhook_filters|notifications)\..*")


def spoilings(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Give what an answer would be with one place of it spoilt, where it is not free to be anything."""
    if FREE.match(f"{where}."):
        return
    if isinstance(value, dict):
        is_table = re.search(
            r"\.(form|parameters|headers|mints|operations|inbound_s|effect|match|when|places)$", where
        )
        for name in value:
            if not is_table:
                yield f"{where}.{name} left out", {key: one for key, one in value.items() if key != name}
            for at, one in spoilings(value[name], f"{where}.{name}"):
                yield at, {**value, name: one}
        yield f"{where} with more", {**value, "moons": object()}
    elif isinstance(value, list):
        for n, element in enumerate(value[:3]):
            for at, one in spoilings(element, f"{where}.{n}"):
                yield at, [*value[:n], one, *value[n + 1 :]]
    yield f"{where} replaced", object()


def test_the_document_is_sound() -> None:
    """Each schema is one, each reference leads somewhere."""
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))

    assert named == {*DOCUMENT["components"]["schemas"]}


@OPERATIONS
def test_bodies_are_those_that_are_described(path: str, method: str, operation: dict[str, Any]) -> None:
    """A field that is not described is refused, and where the refusal lists the known ones, it is these."""
    store = populated()
    status, payload = admin(store, method, placed(store, path), {"moons": 2})
    known = {name for schema in bodies_of(operation) for name in schema["properties"]}
    listed = re.search(
        r"there are ([\w, ]+)$", payload.get("message", "") if isinstance(payload, dict) else ""
    )

    if known:
        assert status == 400
        assert listed is None or set(listed[1].split(", ")) == known
    else:
        assert listed is None


@OPERATIONS
def test_a_field_of_a_wrong_type_is_named(path: str, method: str, operation: dict[str, Any]) -> None:
    """400 with the name of the field, and nothing has changed; so it is where a needed one is missing."""
    store = populated()
    before, body = rows_of(store), example(store, path, method)
    for schema in bodies_of(operation) if fits_one(operation, body) else []:
        for name in schema["properties"]:
            base = body if fits(schema, body) else {"rules": []}
            for wrong in ([None], {"moons": 2}, True):
                if fits(schema, {**base, name: wrong}):
                    continue
                status, payload = admin(store, method, placed(store, path), {**base, name: wrong})
                assert (status, name in payload["message"]) == (400, True), (name, wrong, payload)
        for name in schema["required"] if fits(schema, body) else ():
            less = {key: one for key, one in body.items() if key != name}
            status, payload = admin(store, method, placed(store, path), less)
            assert (status, name in payload["message"]) == (400, True), (name, payload)
    assert rows_of(store) == before


def fits_one(operation: dict[str, Any], body: Any) -> bool:
    return any(fits(schema, body) for schema in bodies_of(operation))


@OPERATIONS
def test_no_method_is_left_out(path: str, method: str, operation: dict[str, Any]) -> None:
    """What is not described is refused with 405, and every operation has one name."""
    ways = {way for name, way, _ in DESCRIBED if name == path}
    answers = {}
    for way in ("GET", "POST", "PUT", "DELETE"):
        store = populated()
        answers[way] = admin(store, way, placed(store, path))[0]

    assert method in ways
    assert {way for way, status in answers.items() if status != 405} == ways
    assert [one["operationId"] for *_, one in DESCRIBED].count(operation["operationId"]) == 1


def test_what_is_no_path_is_said_to_be_none() -> None:
    """Neighbours of paths that are there are not taken for them."""
    for path in ("", "faultsy", "faults/f1/more", "phones/", "state/", "requests/1", "openapi"):
        assert admin(populated(), "GET", path)[0] == 404, path
