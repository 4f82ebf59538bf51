"""Attachments: turns SIDs and URLs into what a message tells of its media; their bytes are not here."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.emulator.store import Store

_UNKNOWN = "application/octet-stream"
_GIVEN = {"url": str, "content_type": str, "size": int, "filename": str}


def medium(sid: str, content_type: str = _UNKNOWN, name: str | None = None) -> dict[str, Any]:
    """Return what a message tells of one attachment."""
    return {"sid": sid, "size": 0, "content_type": content_type, "filename": name}


def from_urls(store: Store, given: Iterable[str | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what a message tells of what is at these URLs, of which nothing is fetched.

    One that is given as ``{url, content_type?, size?, filename?}`` says itself what it is.
    """
    return [_described(store, one if isinstance(one, Mapping) else {"url": one}) for one in given]


def problem(given: Iterable[str | Mapping[str, Any]]) -> str | None:
    """Return what is wrong with attachments, None if they are URLs, or say what they are as they should."""
    for number, one in enumerate(given):
        if not isinstance(one, Mapping):
            if not isinstance(one, str) or not one:
                return f"media[{number}]: is neither a URL nor {{{', '.join(_GIVEN)}}}"
            continue
        if strange := sorted({*one} - {*_GIVEN}):
            return f"media[{number}].{strange[0]}: is not known here; there are {', '.join(_GIVEN)}"
        if not one.get("url"):
            return f"media[{number}].url: is missing"
        for name, value in one.items():
            is_sound = isinstance(value, _GIVEN[name]) and not isinstance(value, bool) and value != ""
            if not is_sound or (name == "size" and value < 0):
                return f"media[{number}].{name}: is not {'a number of bytes' if name == 'size' else 'text'}"
    return None


def _described(store: Store, given: Mapping[str, Any]) -> dict[str, Any]:
    url = given["url"]
    kind = given.get("content_type") or mimetypes.guess_type(url)[0] or _UNKNOWN
    name = given.get("filename") or url.rpartition("/")[2] or None
    found = medium(store.mint("ME", "/Media", url), kind, name)
    return {**found, "size": given.get("size", 0)}
