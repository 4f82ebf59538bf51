"""Each open question has a default and other answers, and each answer is what the emulator then does."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from reconciler.emulator import Clock, Store, Switches, ask

PAIR = {"MessagingBinding.Address": "+15550100301", "MessagingBinding.ProxyAddress": "+15550100200"}
X, Y = "/Conversations/x", "/Conversations/y"
TRIGGER = {"Target": "trigger", "Configuration.Url": "https://example.com", "Configuration.Triggers": ["yes"]}


def world(**answers: Any) -> Store:
    store = Store(clock=Clock.frozen(), switches=Switches(**answers))
    for name in "xy":
        ask(store, "POST", "/Conversations", {"UniqueName": name})
    return store


def code(store: Store, method: str, path: str, form: Any = None) -> int:
    status, body = ask(store, method, path, form)
    return status if status < 400 else int(body["code"])


def test_variants_depart_from_the_default_one_by_one() -> None:
    """Every switch has other answers, each a variant of its own; the default is among them."""
    variants = Switches.variants()

    assert variants["default"] == Switches()
    assert {name.partition("=")[0] for name in variants} == {"default", *Switches.questions()}
    for name, variant in variants.items():
        changed = [f.name for f in dataclasses.fields(variant) if getattr(variant, f.name) != f.default]
        assert changed == ([] if name == "default" else [name.partition("=")[0]])


def test_a_draw_repeats() -> None:
    """The same seed gives the same combination, another seed another."""
    assert Switches.drawn(7) == Switches.drawn(7)
    assert len({Switches.drawn(seed) for seed in range(20)}) > 15


@pytest.mark.parametrize("name", Switches.variants())
def test_the_common_path_works_under_every_variant(name: str) -> None:
    """No answer to an open question changes what is not in question."""
    store = Store(clock=Clock.frozen(), switches=Switches.variants()[name])

    assert code(store, "POST", "/Conversations", {"UniqueName": "x", "Attributes": '{"a":1}'}) == 201
    assert code(store, "POST", f"{X}/Participants", PAIR) == 201
    assert code(store, "POST", f"{X}/Webhooks", TRIGGER) == 201
    assert code(store, "POST", f"{X}/Messages", {"Body": "a"}) == 201
    assert code(store, "POST", X, {"FriendlyName": "a"}) == 200
    assert code(store, "POST", X, {"State": "closed"}) == 200
    assert code(store, "POST", X, {"State": "active"}) == 50377
    assert code(store, "DELETE", X) == 204


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_uncertain_statuses_are_drawn_and_sure_ones_are_not(seed: int | None) -> None:
    """The code is always Twilio's; only a status nobody saw moves, and the same way for the same seed."""
    store = world(status_seed=seed)
    sure, body = ask(store, "POST", "/Conversations", {"UniqueName": "x"})
    statuses = [ask(store, "POST", X, {"State": state})[0] for state in ("", "", "odd", "odd")]

    assert (sure, body["code"]) == (409, 50353)
    assert statuses[0::2] == statuses[1::2] or statuses[0] == statuses[1]
    assert all(400 <= status < 410 for status in statuses)


@pytest.mark.parametrize(
    ("order", "status", "name", "state"),
    [
        ("together", 200, "new", "closed"),
        ("name_dropped", 200, "x", "closed"),
        ("refused", 400, "x", "active"),
    ],
)
def test_closing_and_renaming_in_one_call(order: str, status: int, name: str, state: str) -> None:
    """Both, only the state, or neither."""
    store = world(closing_update=order)
    sid = ask(store, "GET", X)[1]["sid"]
    answered = ask(store, "POST", X, {"State": "closed", "UniqueName": "new"})[0]
    _, body = ask(store, "GET", f"/Conversations/{sid}")

    assert (answered, body["unique_name"], body["state"]) == (status, name, state)


@pytest.mark.parametrize(("answer", "expected"), [("clears", None), ("ignored", "x"), ("refused", "x")])
def test_an_empty_unique_name(answer: str, expected: str | None) -> None:
    """Clears, does nothing, or is refused."""
    store = world(empty_unique_name=answer)
    sid = ask(store, "GET", X)[1]["sid"]
    status, _ = ask(store, "POST", X, {"UniqueName": ""})

    assert (status == 400) == (answer == "refused")
    assert ask(store, "GET", f"/Conversations/{sid}")[1]["unique_name"] == expected


@pytest.mark.parametrize("key", ["triggers", "filters"])
def test_trigger_echo(key: str) -> None:
    """Keywords are shown under one key or the other."""
    _, body = ask(world(trigger_echo=key), "POST", f"{X}/Webhooks", TRIGGER)

    assert body["configuration"][key] == ["yes"]


@pytest.mark.parametrize(
    ("echo", "expected"),
    [("verbatim", '{ "b":1, "a":"Ü"}'), ("compact", '{"b":1,"a":"Ü"}'), ("sorted", '{"a":"Ü","b":1}')],
)
def test_attributes_echo(echo: str, expected: str) -> None:
    """The text as sent, or its value written anew."""
    _, body = ask(world(attributes_echo=echo), "POST", X, {"Attributes": '{ "b":1, "a":"Ü"}'})

    assert body["attributes"] == expected


@pytest.mark.parametrize(("scope", "expected"), [("account", 50416), ("service", 201)])
def test_pair_scope(scope: str, expected: int) -> None:
    """A pair is exclusive in the account or in the service."""
    store = world(pair_scope=scope)
    ask(store, "POST", f"{X}/Participants", PAIR)
    service = ask(store, "POST", "/Services", {"FriendlyName": "s"})[1]["sid"]
    at = f"/Services/{service}/Conversations"
    ask(store, "POST", at, {"UniqueName": "z"})

    assert code(store, "POST", f"{at}/z/Participants", PAIR) == expected
    assert code(store, "POST", f"{Y}/Participants", PAIR) == 50416


@pytest.mark.parametrize("answer", [50416, 50437])
def test_own_pair(answer: int) -> None:
    """The same pair twice in one conversation."""
    store = world(own_pair_code=answer)
    ask(store, "POST", f"{X}/Participants", PAIR)

    assert code(store, "POST", f"{X}/Participants", PAIR) == answer


@pytest.mark.parametrize("how", ["closed", "deleted"])
def test_a_pair_released_late_by_seconds(how: str) -> None:
    """For two seconds the old holder is still named."""
    store = world(pair_release_lag_s=2.0)
    ask(store, "POST", f"{X}/Participants", PAIR)
    ask(store, "DELETE", X) if how == "deleted" else ask(store, "POST", X, {"State": "closed"})

    assert code(store, "POST", f"{Y}/Participants", PAIR) == 50416
    store.advance(2)
    assert code(store, "POST", f"{Y}/Participants", PAIR) == 201


def test_a_pair_released_late_by_calls() -> None:
    """For two calls the pair is refused, the third has it."""
    store = world(pair_release_lag_calls=2)
    sid = ask(store, "POST", f"{X}/Participants", PAIR)[1]["sid"]
    ask(store, "DELETE", f"{X}/Participants/{sid}")

    assert [code(store, "POST", f"{Y}/Participants", PAIR) for _ in range(3)] == [50416, 50416, 201]


def test_a_name_released_late() -> None:
    """After a delete or a rename the name is refused as a conflict for a while (50391)."""
    store = world(name_release_lag_s=2.0)
    ask(store, "DELETE", X)
    ask(store, "POST", Y, {"UniqueName": "z"})

    assert [code(store, "POST", "/Conversations", {"UniqueName": name}) for name in "xy"] == [50391] * 2
    store.advance(2)
    assert [code(store, "POST", "/Conversations", {"UniqueName": name}) for name in "xy"] == [201] * 2
    by_calls = world(name_release_lag_calls=1)
    ask(by_calls, "DELETE", X)
    assert [code(by_calls, "POST", "/Conversations", {"UniqueName": "x"}) for _ in "ab"] == [50391, 201]


def test_list_order() -> None:
    """As created, the newest first, or by SID."""
    created, newest, by_sid = (
        [row["sid"] for row in ask(world(list_order=order), "GET", "/Conversations")[1]["conversations"]]
        for order in ("created", "created_desc", "sid")
    )

    assert created == newest[::-1]
    assert by_sid == sorted(created)


@pytest.mark.parametrize(("echo", "expected"), [("as_sent", "Get"), ("upper", "GET"), ("lower", "get")])
def test_method_echo(echo: str, expected: str) -> None:
    """The letter case of a webhook's method."""
    _, body = ask(
        world(method_echo=echo), "POST", f"{X}/Webhooks", {**TRIGGER, "Configuration.Method": "Get"}
    )

    assert body["configuration"]["method"] == expected


@pytest.mark.parametrize(("answer", "expected"), [(False, 50377), (True, 204)])
def test_children_of_a_closed_conversation(answer: bool, expected: int) -> None:
    """Deletable or not."""
    store = world(closed_children_deletable=answer)
    forms: dict[str, Any] = {"Participants": PAIR, "Webhooks": TRIGGER, "Messages": {"Body": "a"}}
    sids = {kind: ask(store, "POST", f"{X}/{kind}", form)[1]["sid"] for kind, form in forms.items()}
    ask(store, "POST", X, {"State": "closed"})

    assert [code(store, "DELETE", f"{X}/{kind}/{sid}") for kind, sid in sids.items()] == [expected] * 3


@pytest.mark.parametrize(("answer", "expected"), [(True, 50382), (False, 201)])
def test_timers_without_state(answer: bool, expected: int) -> None:
    """The page refuses what published code does."""
    assert (
        code(world(timers_need_state=answer), "POST", "/Conversations", {"Timers.Closed": "P1D"}) == expected
    )


@pytest.mark.parametrize(("answer", "expected"), [(50347, 50347), (20161, 20161), (0, 200)])
def test_an_update_without_parameters(answer: int, expected: int) -> None:
    """Refused with one code or the other, or accepted as nothing."""
    assert code(world(empty_update_code=answer), "POST", X) == expected
