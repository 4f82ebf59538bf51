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

_TWO_DIGITS = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58"
    " 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98".split()
)
"""Country calling codes of two digits; 1 and 7 have one, all others three (ITU E.164)."""

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
    if digits[:1] in ("1", "7"):
        return digits[:1]
    if digits[:1] in ("", "0"):
        return ""
    return digits[: 2 if digits[:2] in _TWO_DIGITS else 3]


def require_masked(numbers: Numbers, what: str) -> None:
    """Raise ValueError where an output that is passed around would show phone numbers as they are."""
    if numbers.key is None:
        raise ValueError(f"{what} is a shared output: give Numbers a key to mask phone numbers with")
