"""Text → the same text with phone numbers masked, for outputs that more people can read than may know them.

A masked number keeps its country and gains a tag: `+1…·k3f9a`. The tag is made with a key, because without
one the few possible numbers could simply be tried; it lets a reader see that two numbers are the same.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from dataclasses import dataclass, field

# A number as Twilio writes it, or as people do, with at most two separators between the digits. In a url the
# plus is often written %2B.
_NUMBER = re.compile(r"(?:[+＋]|%2[bB])(?P<digits>\d{7,}|\d(?:[ \xa0./()-]{0,2}\d){6,})")

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

    def _masked(self, found: re.Match[str]) -> str:
        digits = "".join(str(int(digit)) for digit in found["digits"] if digit.isdecimal())
        return f"+{country_code(digits)}…·{self._tag(digits)}"

    def _tag(self, digits: str) -> str:
        digest = hmac.digest(self.key or b"", digits.encode(), hashlib.sha256)
        return b32encode(digest)[:_TAG_LENGTH].decode().lower()


def country_code(digits: str) -> str:
    """Return the country calling code that an international number begins with; '' where none does."""
    found = _COUNTRY.match(digits)
    return found[0] if found else ""


def require_masked(numbers: Numbers, what: str) -> None:
    """Raise ValueError where an output that is passed around would show phone numbers as they are."""
    if numbers.key is None:
        raise ValueError(f"{what} is a shared output: give Numbers a key to mask phone numbers with")
