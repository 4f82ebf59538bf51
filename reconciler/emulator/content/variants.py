"""Variants: turns a content and its variables into what one channel carries of it. Pure, but for the lookup.

Sources: the table of channels and the order of types (documented: of several a channel gets the most complex
that it can show), the table of sessions (documented: what WhatsApp takes without approval within 24 hours,
what it never takes outside), error pages 50542, 63016, 63021, 63027, 63028.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import placeholders
from .shapes import TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .rows import Content

_OTT = frozenset({"whatsapp", "messenger"})
_WHATSAPP = frozenset({"whatsapp"})
_CHANNELS: dict[str, frozenset[str]] = {
    "twilio/text": frozenset({"sms", "rcs", "whatsapp", "messenger"}),
    "twilio/media": frozenset({"sms", "rcs", "whatsapp", "messenger"}),
    "twilio/location": _WHATSAPP,
    "twilio/quick-reply": _OTT,
    "twilio/call-to-action": _OTT,
    "twilio/list-picker": _WHATSAPP,
    "twilio/card": frozenset({"rcs", "whatsapp", "messenger"}),
    "whatsapp/card": _WHATSAPP,
    "whatsapp/authentication": _WHATSAPP,
}
"""What Conversations sends, and where to; other types are 50542 (which they are is inferred)."""

NEVER_APPROVED = frozenset({"twilio/list-picker"})
_ONLY_IN_WINDOW = frozenset({"twilio/list-picker", "twilio/location"})
_FREE_IN_WINDOW = _ONLY_IN_WINDOW | {"twilio/text", "twilio/media", "twilio/quick-reply"}
_BY_BUTTONS = frozenset({"twilio/call-to-action", "twilio/card"})
_FREE_BUTTONS = frozenset({"QUICK_REPLY", "URL"})
NO_VARIANT, UNFILLED = 63021, 63028


@dataclass(frozen=True, slots=True)
class Variant:
    """What a channel carries: text, media by URL, and in words what can be tapped.

    ``error_code`` is why the channel carries nothing, 0 if it does.
    """

    type: str | None
    body: str | None = None
    media: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    error_code: int = 0


def is_sendable(content: Content) -> bool:
    """Tell whether Conversations sends one of its types at all."""
    return not _CHANNELS.keys().isdisjoint(content.types)


def richest(content: Content) -> str:
    """Return the most complex of its types, which is what WhatsApp is asked to approve."""
    return [name for name in TYPES if name in content.types][-1]


def variant(content: Content, given: Mapping[str, Any], channel: str, *, unfilled: str) -> Variant:
    """Return what a channel carries of a content; ``given`` values go before the content's own."""
    every = [name for name in TYPES if name in content.types and channel in _CHANNELS.get(name, ())]
    if not every:
        return Variant(None, error_code=NO_VARIANT)
    name, values = every[-1], _values(content, given)
    if unfilled == "refused" and not values.keys() >= set(placeholders.names(content.types[name])):
        return Variant(name, error_code=UNFILLED)
    value = placeholders.filled(content.types[name], values)
    return Variant(name, _body(name, value, values), tuple(value.get("media", ())), _actions(name, value))


def text_of(content: Content, given: Mapping[str, Any]) -> str | None:
    """Return the words of a content for who has no channel: its plain text, else its richest type's."""
    every = [name for name in TYPES if name in content.types and name in _CHANNELS]
    name, values = "twilio/text" if "twilio/text" in every else every[-1], _values(content, given)
    return _body(name, placeholders.filled(content.types[name], values), values)


def _values(content: Content, given: Mapping[str, Any]) -> dict[str, str]:
    return {**content.variables, **{name: str(one) for name, one in given.items() if one not in (None, "")}}


def needs_approval(content: Content, name: str, *, window_open: bool) -> bool:
    """Tell whether WhatsApp takes this type only if it was approved (documented; inferred for buttons)."""
    if not window_open:
        return True
    if name in _BY_BUTTONS:
        actions = content.types.get(name, {}).get("actions", ())
        return any(action["type"] not in _FREE_BUTTONS for action in actions)
    return name not in _FREE_IN_WINDOW


def opens(name: str) -> bool:
    """Tell whether an approved type goes out although the window is shut (documented)."""
    return name not in _ONLY_IN_WINDOW


def _body(name: str, value: Mapping[str, Any], values: Mapping[str, str]) -> str | None:
    if name == "whatsapp/authentication":
        return _code(value, values)
    if name == "twilio/location":
        place = (value.get("label"), value.get("address"), f"{value['latitude']}, {value['longitude']}")
        return _lines(*place)
    parts = ("title", "header_text", "body", "subtitle", "footer")
    return _lines(*(value.get(part) for part in parts))


def _lines(*parts: str | None) -> str | None:
    return "\n".join(part for part in parts if part) or None


def _code(value: Mapping[str, Any], values: Mapping[str, str]) -> str | None:
    """Return WhatsApp's own words for a one-time code; the content has none (documented)."""
    minutes = value.get("code_expiration_minutes")
    return _lines(
        f"{values.get('1', '{{1}}')} is your verification code.",
        "For your security, do not share this code." if value.get("add_security_recommendation") else None,
        None if minutes is None else f"This code expires in {minutes:g} minutes.",
    )


def _actions(name: str, value: Mapping[str, Any]) -> tuple[str, ...]:
    if name == "twilio/list-picker":
        return tuple(
            f"{item['item']}: {item['description']}" if item.get("description") else item["item"]
            for item in value["items"]
        )
    return tuple(_action(action) for action in value.get("actions", ()))


def _action(action: Mapping[str, Any]) -> str:
    title = str(action.get("title") or action.get("copy_code_text"))
    target = next((action[key] for key in ("url", "phone", "code") if action.get(key)), None)
    return f"{title} → {target}" if target else title
