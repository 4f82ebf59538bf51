"""Text → the same text with phone numbers masked, for outputs that more people can read than may know them.

A masked number keeps its country and gains a tag: `+1…·k3f9a`. The tag is made with a key, because without
one the few possible numbers could simply be tried; it lets a reader see that two numbers are the same.

What counts as a phone number:

- a plus (in a url also ``%2B``), ``00`` or ``tel:`` and at least seven digits, written together or as people
  do, with at most two separators between the digits: the country is shown where the plus or ``00`` tells it;
- 10 to 15 digits by themselves, also as an integer: `…·k3f9a`, because nobody can tell their country. Better
  one order number too many is masked than one customer shown.

Left as they are: digits inside a word (sids and other hex), fractions of a decimal number or of a second,
UUIDs, and dates and times as ISO 8601 separates them. Numbers without plus that are written in groups,
``(555) 010-0301``, are not recognised.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from dataclasses import dataclass, field

_APART = r"[ \xa0./()-]{0,2}"
_NUMBER = re.compile(
    r"(?P<uuid>(?<![^\W_])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![^\W_]))"
    rf"|(?:[+＋]|%2[bB])(?P<plus>\d{{7,}}|\d(?:{_APART}\d){{6,}})"
    rf"|(?<![^\W_])(?<!\d\.)00(?P<zeros>[1-9](?:{_APART}\d){{6,}})"
    rf"|(?<![^\W_])(?P<tel>[tT][eE][lL]:)(?P<local>\d(?:{_APART}\d){{6,}})"
    r"|(?<![^\W_])(?<!\d\.)(?P<bare>\d{10,15})(?![^\W_])(?!\.\d)"
)

_COUNTRY = re.compile(r"1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|[2-9]\d\d")
"""Country calling codes: one digit, two, or else three (ITU E.164)."""

_TAG_LENGTH = 5


@dataclass(frozen=True, slots=True)
class Numbers:
    """How phone numbers are shown: masked under `key`, or as they are where `key` is None."""

    key: bytes | None = field(repr=False)

    def mask(self, text: str) -> str:
        """Return `text` with every phone number in it masked. Masking twice changes nothing more."""
        return text if self.key is None else _NUMBER.sub(self._masked, text)

    def mask_around(self, text: str, index: int) -> tuple[str, int]:
        """Return (`text` masked, where the character at `index` stands in it now)."""
        moved = index
        for found in _NUMBER.finditer(text) if self.key is not None else ():
            grown = len(self._masked(found)) - len(found[0])
            if found.end() <= index:
                moved += grown
            elif found.start() < index and grown:
                moved -= index - found.start()
        return self.mask(text), moved

    def _masked(self, found: re.Match[str]) -> str:
        if found["uuid"]:
            return found[0]
        written = found["plus"] or found["zeros"]
        digits = _digits(written or found["local"] or found["bare"])
        country = f"+{country_code(digits)}" if written else found["tel"] or ""
        return f"{country}…·{self._tag(digits)}"

    def _tag(self, digits: str) -> str:
        digest = hmac.digest(self.key or b"", digits.encode(), hashlib.sha256)
        return b32encode(digest)[:_TAG_LENGTH].decode().lower()


def _digits(written: str) -> str:
    return "".join(str(int(char)) for char in written if char.isdecimal())


def country_code(digits: str) -> str:
    """Return the country calling code that an international number begins with; '' where none does."""
    found = _COUNTRY.match(digits)
    return found[0] if found else ""


def require_masked(numbers: Numbers, what: str) -> None:
    """Raise ValueError where an output that is passed around would show phone numbers as they are."""
    if numbers.key is None:
        raise ValueError(f"{what} is a shared output: give Numbers a key to mask phone numbers with")
