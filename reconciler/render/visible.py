"""Text from anywhere → text on one line that shows what is in it and makes a terminal or a reader obey nothing.

Names and attributes of live conversations are written by strangers. Control characters, escape sequences,
line ends, direction marks and other invisible characters are written out (`\\x1b`), long text is cut.
"""

from __future__ import annotations

LONGEST = 160
"""How many characters of one value are shown."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """Return `text` with every character that does not print written as an escape."""
    return "".join(map(_escaped, text))


def quoted(text: str) -> str:
    """Return `text` in double quotes, escaped so that it cannot pretend to end or to be anything else."""
    inner = "".join(f"\\{char}" if char in '"\\' else _escaped(char) for char in text)
    return f'"{inner}"'


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    plain = f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
    return _SHORT.get(char, plain)


def cut(text: str, longest: int = LONGEST) -> tuple[str, str, str]:
    """Return (head, what was left out, tail): the last two are '' where nothing needs to be."""
    if len(text) <= longest:
        return text, "", ""
    head, tail = longest * 2 // 3, longest // 3
    return text[:head], f"… {len(text):,} characters …", text[-tail:]


def visible_cut(text: str, longest: int = LONGEST) -> str:
    """Return `text` made visible, and cut in the middle where it is long."""
    head, gap, tail = cut(text, longest)
    return f"{visible(head)}{gap}{visible(tail)}"


def quoted_cut(text: str, longest: int = LONGEST) -> str:
    """Return `text` in quotes; what was left out stands between two quoted parts, where text cannot fake it."""
    head, gap, tail = cut(text, longest)
    return f"{quoted(head)} {gap} {quoted(tail)}" if gap else quoted(head)
