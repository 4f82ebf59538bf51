"""Content types: turns a JSON value into a checked one, or Twilio's refusal. Pure.

Source: the OpenAPI of Content v1 (properties, what is required, enums), the pages of the types (longest
texts, how many items and cards). A property that is null is one that is not given, as the SDKs send it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.emulator.errors import ApiError

Shape = Callable[[str, Any], Any]
"""(where, value) → the value as it is kept; refuses with 20001."""

_SHORT_CHARS, _LONG_CHARS = 1024, 1600
_MOST = 10
_END = 1e15


def refused(where: str, why: str) -> ApiError:
    """Return 400/20001 that says where and why."""
    return ApiError(20001, f"{where} {why}")


def text(limit: int | None = None) -> Shape:
    """Take text of at most so many characters."""

    def taken(where: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise refused(where, "must be a string")
        if limit is not None and len(value) > limit:
            raise refused(where, f"is longer than {limit} characters")
        return value

    return taken


def number(where: str, value: Any) -> Any:
    """Take a number that JSON can write again."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _END:
        raise refused(where, "must be a number")
    return value


def flag(where: str, value: Any) -> Any:
    """Take true or false."""
    if not isinstance(value, bool):
        raise refused(where, "must be true or false")
    return value


def one_of(*words: str) -> Shape:
    """Take one of these words."""

    def taken(where: str, value: Any) -> Any:
        if value not in words:
            raise refused(where, f"must be one of {', '.join(words)}")
        return value

    return taken


def many(shape: Shape, at_most: int = _MOST) -> Shape:
    """Take a list of one to so many."""

    def taken(where: str, value: Any) -> Any:
        if not isinstance(value, list) or not 1 <= len(value) <= at_most:
            raise refused(where, f"must be a list of 1 to {at_most}")
        return [shape(f"{where}[{at}]", one) for at, one in enumerate(value)]

    return taken


def record(fields: Mapping[str, Shape]) -> Shape:
    """Take an object of these properties and no others; ``name!`` has to be there."""
    shapes = {name.rstrip("!"): shape for name, shape in fields.items()}
    needed = [name.rstrip("!") for name in fields if name.endswith("!")]

    def taken(where: str, value: Any) -> Any:
        if not isinstance(value, dict):
            raise refused(where, "must be an object")
        given = {name: one for name, one in value.items() if one is not None}
        for name in given.keys() - shapes.keys():
            raise refused(f"{where}.{name}", "is not known")
        for name in needed:
            if name not in given:
                raise refused(f"{where}.{name}", "is required")
        return {name: shapes[name](f"{where}.{name}", one) for name, one in given.items()}

    return taken


def _at_least(fields: Mapping[str, Shape], count: int, one: tuple[str, ...] = ()) -> Shape:
    """Take such an object with at least so many properties, one of some among them."""
    inner = record(fields)

    def taken(where: str, value: Any) -> Any:
        found = inner(where, value)
        if len(found) < count or not (one == () or set(one) & set(found)):
            asked = f" and {' or '.join(one)}" if one else ""
            raise refused(where, f"needs {count} properties{asked}")
        return found

    return taken


TEXT, SHORT, LONG = text(), text(_SHORT_CHARS), text(_LONG_CHARS)


def _actions(types: tuple[str, ...], *, typed: str = "type!", more: tuple[str, ...] = ()) -> Shape:
    fields: dict[str, Shape] = {typed: one_of(*types), "title!": TEXT, "id": TEXT}
    return many(record({**fields, **dict.fromkeys(more, TEXT)}))


_LINK = ("url", "phone", "code")
_CARD_ACTIONS = many(
    record(
        {
            "type!": one_of("URL", "PHONE_NUMBER", "QUICK_REPLY", "COPY_CODE", "VOICE_CALL"),
            "title!": TEXT,
            **dict.fromkeys((*_LINK, "id"), TEXT),
            "webview_size": one_of("TALL", "FULL", "HALF", "NONE"),
        }
    )
)
_PAGE = record(
    {
        **dict.fromkeys(("id!", "title!", "next_page_id", "subtitle"), TEXT),
        "layout!": many(record({"type!": TEXT, "label": TEXT}), 50),
    }
)
_CAROUSEL_CARD = record(
    {
        **dict.fromkeys(("body!", "media!", "title"), TEXT),
        "actions!": _actions(("URL", "PHONE_NUMBER", "QUICK_REPLY"), more=("url", "phone")),
    }
)
_ITEM = record(
    {**dict.fromkeys(("id", "section_title", "name", "media_url", "description"), TEXT), "price": number}
)

TYPES: dict[str, Shape] = {
    "twilio/text": record({"body!": LONG}),
    "twilio/media": record({"media!": many(TEXT), "body": LONG}),
    "twilio/location": record(
        {"latitude!": number, "longitude!": number, **dict.fromkeys(("label", "id", "address"), TEXT)}
    ),
    "twilio/quick-reply": record(
        {"body!": SHORT, "actions!": _actions(("QUICK_REPLY",), typed="type")},
    ),
    "twilio/call-to-action": record(
        {
            "body!": LONG,
            "actions!": _actions(
                ("URL", "PHONE_NUMBER", "COPY_CODE", "VOICE_CALL", "VOICE_CALL_REQUEST"), more=_LINK
            ),
        }
    ),
    "twilio/list-picker": record(
        {
            "body!": SHORT,
            "button!": TEXT,
            "items!": many(record({"id!": TEXT, "item!": TEXT, "description": TEXT})),
        }
    ),
    "twilio/card": _at_least(
        {
            **dict.fromkeys(("title", "subtitle", "body"), LONG),
            "media": many(TEXT),
            "actions": _CARD_ACTIONS,
        },
        2,
        ("title", "body"),
    ),
    "twilio/carousel": record({"body!": SHORT, "cards!": many(_CAROUSEL_CARD)}),
    "twilio/catalog": record(
        {
            "body!": SHORT,
            **dict.fromkeys(("title", "subtitle", "id", "dynamic_items"), TEXT),
            "items": many(_ITEM, 30),
        }
    ),
    "twilio/schedule": record(dict.fromkeys(("id!", "title!", "timeSlots!"), TEXT)),
    "twilio/flows": record(
        {
            **dict.fromkeys(("body!", "button_text!", "type!", "subtitle", "media_url"), TEXT),
            "pages!": many(_PAGE),
        }
    ),
    "whatsapp/card": _at_least(
        {
            "body!": SHORT,
            **dict.fromkeys(("footer", "header_text"), TEXT),
            "media": many(TEXT),
            "actions": _CARD_ACTIONS,
        },
        2,
    ),
    "whatsapp/flows": record(
        {
            **dict.fromkeys(("body!", "button_text!", "flow_id!", "subtitle", "media_url"), TEXT),
            **dict.fromkeys(("flow_token", "flow_first_page_id"), TEXT),
            "is_flow_first_page_endpoint": flag,
        }
    ),
    "whatsapp/authentication": record(
        {
            "actions!": many(record({"type!": one_of("COPY_CODE"), "copy_code_text!": TEXT})),
            "add_security_recommendation": flag,
            "code_expiration_minutes": number,
        }
    ),
}
"""Every type, the least complex first: of several a channel gets the last that it can show (documented)."""


def types(where: str, value: Any) -> dict[str, Any]:
    """Return checked types, at least one."""
    found: dict[str, Any] = record(TYPES)(where, value)
    if not found:
        raise refused(where, "needs at least one type")
    return found
