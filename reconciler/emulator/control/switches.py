"""The admin path of switches: turns ``switches`` into what this process answers where nobody knows Twilio."""

from __future__ import annotations

import dataclasses
import types
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from reconciler.emulator.settings import HINTS, SettingError, switches_of
from reconciler.emulator.switches import Switches

from .admin import AdminError, Ways, body_of, described
from .shapes import COUNT, FLAG, NULL, SECONDS, TEXT, Shape, choice, either, listed, named, record

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_SHAPES: dict[Any, Shape] = {bool: FLAG, int: COUNT, float: SECONDS, types.NoneType: NULL}
_AT_START = ("list_order", "pair_scope")
"""What rows are filed by: another answer would not find those that are there."""


def _shape(hint: Any) -> Shape:
    inner = get_args(hint)
    if get_origin(hint) is Literal:
        return choice(*inner) if isinstance(inner[0], str) else {"type": "integer", "enum": list(inner)}
    return either(*(_shape(one) for one in inner)) if inner else _SHAPES[hint]


def _switch(answer: Shape) -> Shape:
    return record({"asks": TEXT, "answer": answer, "default": answer, "others": listed(answer)})


_SWITCHES = named("Switches", record({name: _switch(_shape(hint)) for name, hint in HINTS.items()}))
_ANSWERS = named("Answers", record({f"{name}?": _shape(hint) for name, hint in HINTS.items()}))


@described(gives=_SWITCHES)
def show(store: Store, _: Request) -> dict[str, Any]:
    """GET: every switch: what it asks, the answer that holds, the default, and the others that are tested."""
    return {
        f.name: {
            "asks": f.metadata["asks"],
            "answer": getattr(store.switches, f.name),
            "default": f.default,
            "others": list(f.metadata["others"]),
        }
        for f in dataclasses.fields(Switches)
    }


@described(takes=_ANSWERS, gives=_SWITCHES)
def settle(store: Store, request: Request) -> dict[str, Any]:
    """PUT: other answers from now on, for as long as this process lives; a reset keeps them."""
    answers = body_of(request, settle)
    for name in _AT_START:
        if answers.get(name, getattr(store.switches, name)) != getattr(store.switches, name):
            raise AdminError(f"{name}: is settled at the start: --switch {name}={answers[name]}", 409)
    try:
        found = switches_of(answers, store.switches)
    except SettingError as error:
        raise AdminError(str(error)) from error
    with store.lock:
        store.switches = found
        store.index.heed(found)
    return show(store, request)


PATHS: dict[str, Ways] = {"switches": {"GET": show, "PUT": settle}}
