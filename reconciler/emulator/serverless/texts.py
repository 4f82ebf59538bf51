"""Texts of Serverless: turns a form's parameter into a checked text, or 20001 with the reason. Pure.

The lengths are the OpenAPI's; that an empty text is none is our reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.emulator.errors import ApiError

if TYPE_CHECKING:
    from reconciler.emulator.wire import Form

FRIENDLY_NAME_CHARS = 255


def needed(form: Form, name: str, chars: int) -> str:
    """Return a text that has to be given, of at most so many characters."""
    value = form.get(name)
    if not value:
        raise ApiError(20001, f"{name} is not provided")
    if len(value) > chars:
        raise ApiError(20001, f"{name} is longer than {chars} characters")
    return value


def friendly_name(form: Form) -> str:
    """Return the name that services, functions and assets have to have."""
    return needed(form, "FriendlyName", FRIENDLY_NAME_CHARS)
