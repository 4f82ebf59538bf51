r"""Text from anywhere → text on one line that shows what is in it and that no terminal obeys.

Names and attributes of live conversations are written by strangers. Control characters, escape sequences,
line ends, direction marks and other invisible characters are written out (`\x1b`), long text is cut.
"""

from __future__ import annotations

from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONGEST = 160
"""How many characters of one value are shown."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, longest: int = LONGEST) -> str:
    """Return `text` with all that does not print as an escape; the middle of a long one is cut."""
    head, tail = _ends(text, _escaped, longest)
    return f"{head}… {len(text):,} characters …{tail}" if tail else head


def quoted(text: str, longest: int = LONGEST) -> str:
    """Return `text` visible and in quotes, so that it cannot pretend to end or to be anything else.

    What is cut out of a long one is told between two quoted parts, where no text can fake it.
    """
    head, tail = _ends(text, _escaped_inside, longest)
    return f'"{head}" … {len(text):,} characters … "{tail}"' if tail else f'"{head}"'


def _escaped(char: str) -> str:
    return char if char.isprintable() else _SHORT.get(char) or written_out(char)


def written_out(char: str) -> str:
    """Return a character as the escape that names its code."""
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _escaped_inside(char: str) -> str:
    return f"\\{char}" if char in '"\\' else _escaped(char)


def _ends(text: str, escape: Callable[[str], str], longest: int) -> tuple[str, str]:
    """Return (the whole text, '') where it fits, else (as much of its head as fits, the same of its tail)."""
    # An escape is at least as long as what it stands for: only this much of either end can be shown.
    first = [escape(char) for char in text[:longest]]
    if len(text) <= longest and sum(map(len, first)) <= longest:
        return "".join(first), ""
    last = [escape(char) for char in reversed(text[-longest:])]
    return "".join(_first(first, longest * 2 // 3)), "".join(reversed(_first(last, longest // 3)))


def _first(cells: Sequence[str], width: int) -> Sequence[str]:
    ends = takewhile(lambda end: end <= width, accumulate(map(len, cells)))
    return cells[: sum(1 for _ in ends)]
