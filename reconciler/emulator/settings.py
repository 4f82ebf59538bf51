"""What somebody says of an emulator → its switches and the senders of its account, or what is wrong.

An answer may be said as text, as behind ``--switch``, or as the value it means. A switch that is a number
takes any sensible one, not only those that ``Switches.variants()`` has.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from .conversations.addresses import channel_of
from .switches import Switches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HINTS: Mapping[str, Any] = get_type_hints(Switches)
"""Switch → the type of its answers."""
_MOST = 10**10
_NEAREST = 3


class SettingError(Exception):
    """What was said is no switch, no answer or no sender; the text says what would be."""


def switches_of(answers: Mapping[str, object], others: Switches | None = None) -> Switches:
    """Return `others` (the defaults) with these answers. Raises SettingError."""
    found: dict[str, Any] = {name: _answer(name, given) for name, given in answers.items()}
    return dataclasses.replace(others or Switches(), **found)


def senders_of(senders: Iterable[str]) -> frozenset[str] | None:
    """Return the senders of an account; None (any is its own) where none is said. Raises SettingError."""
    found = frozenset(senders)
    if any(channel_of(one) in (None, "email") for one in found):
        raise SettingError("a sender is written +15550100200 or, for WhatsApp, whatsapp:+15550100200")
    return found or None


def _answer(name: str, given: object) -> object:
    if name not in HINTS:
        nearest = difflib.get_close_matches(name, HINTS, _NEAREST, cutoff=0)
        raise SettingError(f"there is no switch {name!r}; the nearest: {', '.join(nearest)}")
    text = given if isinstance(given, str) else json.dumps(given)
    found = _read(HINTS[name], text)
    if not found:
        raise SettingError(f"{name}: {text!r} is no answer; answers: {', '.join(_told(HINTS[name]))}")
    return found[0]


def _read(hint: Any, text: str) -> list[object]:
    """Return the value that a text means, if it means one."""
    if get_origin(hint) is Literal:
        return [one for one in get_args(hint) if str(one) == text]
    if get_args(hint):
        return [value for one in get_args(hint) for value in _read(one, text)]
    if hint in (bool, types.NoneType):
        words = {"true": True, "false": False} if hint is bool else {"none": None, "null": None}
        return [words[text.lower()]] if text.lower() in words else []
    try:
        value = hint(text)
    except ValueError:
        return []
    return [value] if 0 <= value < _MOST else []


def _told(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return [str(one) for one in get_args(hint)]
    if get_args(hint):
        return [told for one in get_args(hint) for told in _told(one)]
    words = {
        bool: ["true", "false"],
        types.NoneType: ["none"],
        int: ["any whole number of 0 or more"],
        float: ["any number of 0 or more"],
    }
    return words[hint]
