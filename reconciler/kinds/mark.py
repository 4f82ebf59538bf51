"""A Mark → the JSON under one reserved key of `attributes`, and back; what we last set, as short hashes.

Chat clients can read marks, so nothing in one may give a secret away: of a value that is sensitive or may
hold a phone number only that we set it is recorded, because a phone number has too few guesses.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from reconciler.model import Joined, Lookup, Mark, Owner, Ref, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Path, Value

KEY = "reconciler"
"""The reserved key of `attributes`."""

VERSION = 1
LIMIT_BYTES = 1024
SET_UNSEEN = "?"
"""What the field map holds of a value whose hash would give it away."""
SET_SECRET = "!"  # noqa: S105 - a sign, not a password
"""What the field map holds of a sensitive value: never shown, also not once it is no longer sensitive."""
WHOLE = ""
"""The path under which a child that bears no mark of its own has one print for all of it."""
_DIGITS = re.compile(r"\d{9,}")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s().-]+(?=\d)")


def canonical(value: Any) -> str:
    """Return JSON text that is equal exactly where the values are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(value: Value) -> str:
    """Return what the field map holds of a value that we set."""
    if isinstance(value, Secret):
        return SET_SECRET
    if isinstance(value, Ref | Joined | Lookup):
        return SET_UNSEEN
    if _DIGITS.search(_BETWEEN_DIGITS.sub("", canonical(value))):  # it may well be a phone number
        return SET_UNSEEN
    return hashlib.sha256(canonical(value).encode(errors="surrogatepass")).hexdigest()[:6]


def name_print(name: str) -> str:
    """Return what the field map holds of a name, which whoever reads the mark can read too: always a hash."""
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]


def dotted(path: Path) -> str:
    """Write a path as one text; a dot inside a name is doubled so that the text stays unambiguous."""
    return ".".join(name.replace(".", "..") for name in path)


def encode(mark: Mark) -> dict[str, Any]:
    """Return the JSON of a mark, empty parts left out."""
    owner = {"o": mark.owner.stack, "e": mark.owner.environment}
    maps = {"f": dict(mark.fields), "w": dict(mark.children), "p": dict(mark.prints)}
    rest = {**maps, "c": int(mark.closing), "r": mark.predecessor, "x": int(mark.protected)}
    return {"v": VERSION, "k": mark.key} | {key: value for key, value in (owner | rest).items() if value}


def decode(data: Any) -> Mark | None:
    """Read a mark from live attributes; garbage is no mark. A newer version's mark names an unknown owner."""
    version = data.get("v") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return None
    if version > VERSION:
        return Mark(Owner(""), "", newer=True)
    stack, key = data.get("o"), data.get("k")
    if not (isinstance(stack, str) and isinstance(key, str) and stack and key):
        return None
    owner = Owner(stack, _text(data.get("e")))
    fields, children, prints = (_texts(data.get(name)) for name in "fwp")
    closing = data.get("c") == 1
    replaced, protected = _text(data.get("r")), data.get("x") == 1
    return Mark(owner, key, fields, children, prints, closing, predecessor=replaced, protected=protected)


def size_bytes(mark: Mark) -> int:
    """Return how much of `attributes` a mark takes."""
    return len(canonical({KEY: encode(mark)}).encode(errors="surrogatepass"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> Mapping[str, str]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in pairs if isinstance(text, str)}
