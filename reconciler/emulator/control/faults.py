"""Admin paths of faults: turns ``faults`` and ``faults/{id}`` into rules in force, presets included."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from reconciler.emulator.faults import Effect, FaultError, Match, Rule, When
from reconciler.emulator.presets import PRESETS

from .admin import AdminError, Ways, answer, described, id_of
from .shapes import COUNT, TEXT, WHOLE, choice, either, fields_like, listed, named, record, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request, Response


_MATCH = {f"{f.name}?": table(TEXT) if f.name == "form" else TEXT for f in dataclasses.fields(Match)}
_RULE = {
    "effect": named("Effect", record(fields_like(Effect, needed=False))),
    "match?": named("Match", record(_MATCH)),
    "when?": named("When", record(fields_like(When, needed=False))),
}
_ARMED = named(
    "Fault",
    record(
        {
            "id": TEXT,
            **{name.rstrip("?"): shape for name, shape in _RULE.items()},
            "matched": COUNT,
            "fired": COUNT,
        }
    ),
)
_FAULTS = named(
    "Faults", record({"seed": WHOLE, "rules": listed(_ARMED), "late": COUNT, "presets": listed(TEXT)})
)
_REPLACEMENT = either(
    record({"rules": listed(record(_RULE)), "seed?": WHOLE}),
    record({"preset": choice(*PRESETS), "seed?": WHOLE}),
)


@described(gives=_FAULTS)
def in_force(store: Store, _: Request) -> dict[str, Any]:
    """GET: the rules in force, how many calls each has met, what is late, and the names of presets."""
    with store.lock:
        return {
            "seed": store.faults.seed,
            "rules": [armed.shown() for armed in store.faults.rules()],
            "late": store.faults.late,
            "presets": list(PRESETS),
        }


@described(takes=record(_RULE), gives=_ARMED, status=201)
def add(store: Store, request: Request) -> Response:
    """POST: one rule more, after those in force."""
    return answer(201, _understood(lambda: store.faults.add(Rule.parsed(_body(request)))).shown())


@described(takes=_REPLACEMENT, gives=_FAULTS)
def replace(store: Store, request: Request) -> dict[str, Any]:
    """PUT: these rules and no others; chance begins again."""
    _understood(lambda: store.faults.use(*_replacement(_body(request))))
    return in_force(store, request)


@described(gives=_FAULTS)
def clear(store: Store, request: Request) -> dict[str, Any]:
    """DELETE: no rule is in force; what is late still lands."""
    store.faults.clear()
    return in_force(store, request)


@described(gives=_FAULTS)
def remove(store: Store, request: Request) -> dict[str, Any]:
    """DELETE: that rule is no longer in force."""
    name = id_of(request)
    if not store.faults.remove(name):
        raise AdminError(f"There is no fault {name}", 404)
    return in_force(store, request)


PATHS: dict[str, Ways] = {
    "faults": {"GET": in_force, "POST": add, "PUT": replace, "DELETE": clear},
    "faults/{id}": {"DELETE": remove},
}


def _understood(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    except FaultError as error:
        raise AdminError(str(error)) from error


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise FaultError("the body is not JSON") from error


def _replacement(body: Any) -> tuple[str | list[Rule], int]:
    """Return what ``{"rules": […]}`` or ``{"preset": name}`` says, each with an optional seed."""
    if not isinstance(body, dict) or set(body) - {"seed"} not in ({"rules"}, {"preset"}):
        raise FaultError("the body has rules or a preset, and may have a seed")
    seed = body.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise FaultError("seed: is not a whole number")
    if "preset" in body:
        return str(body["preset"]), seed
    if not isinstance(body["rules"], list):
        raise FaultError("rules: is not a list")
    return [_numbered(n, rule) for n, rule in enumerate(body["rules"])], seed


def _numbered(number: int, rule: Any) -> Rule:
    try:
        return Rule.parsed(rule)
    except FaultError as error:
        raise FaultError(f"rules[{number}]: {error}") from error
