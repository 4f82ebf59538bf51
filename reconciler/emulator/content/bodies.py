"""What a call says: turns its JSON body into checked properties, and its path into a content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError

from .rows import Content

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked

NAME_CHARS = 512


def body_of(call: Asked) -> dict[str, Any]:
    """Return the body, a JSON object; a form is none (documented: ``application/json``)."""
    kind = call.request.headers.get("content-type", "")
    try:
        found = fields.sound_json(call.request.body.decode()) if "json" in kind.lower() else None
    except ValueError as error:
        raise ApiError(20001, "The body is not valid JSON") from error
    if not isinstance(found, dict):
        raise ApiError(20001, "The body must be a JSON object of type application/json")
    return found


def text_in(body: dict[str, Any], name: str, *, needed: bool = False) -> str | None:
    """Return a property that is text; null is as if it was not there."""
    value = body.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str) or (needed and not value):
        raise ApiError(20001, f"{name} is required" if value in (None, "") else f"{name} must be a string")
    if len(value) > NAME_CHARS:
        raise ApiError(20001, f"{name} is longer than {NAME_CHARS} characters")
    return value


def named(call: Asked, parameter: str = "Sid") -> Content:
    """Return the content that the path names, or refuse with 20404."""
    return call.row(Content, parameter)
