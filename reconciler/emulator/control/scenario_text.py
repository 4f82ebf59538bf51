"""What was played → the YAML of a scenario file. Every text of a person stands in quotes, as JSON has it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .played import Beat, Played

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:/[A-Za-z0-9_-]+)?(?: [a-z_]+)?")
_LONE = re.compile("[\ud800-\udfff]")
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_OURS = ("advance", " is", " becomes")
"""What is said there is no text of a person, and needs no quotes."""
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def written(played: Played) -> str:
    """Return the text of the file."""
    return "\n".join(_lines(played)) + "\n"


def _lines(played: Played) -> Iterator[str]:
    yield "# What was played on the emulator's page. Play it again: reconciler test FILE"
    if played.given is not None:
        yield "# Phone numbers stand in here as they are."
    for note in played.notes:
        yield f"# Not in here: {_visible(note)}"
    yield f"scenario: {quoted(played.title)}"
    if played.environment:
        yield f"environment: {quoted(played.environment)}"
    if played.conversation:
        yield f"conversation: {_word(played.conversation)}"
    if played.given is not None:
        yield "given:"
        yield from _block(played.given, "  ")
    yield "steps:"
    yield from (_beat(one) for one in played.steps)


def _block(value: dict[str, Any], indent: str) -> Iterator[str]:
    """Yield a map with a line for each of its names; what holds no further maps stands on its line."""
    for name, below in value.items():
        if isinstance(below, dict) and any(isinstance(one, dict) for one in below.values()):
            yield f"{indent}{_word(name)}:"
            yield from _block(below, f"{indent}  ")
        else:
            yield f"{indent}{_word(name)}: {_flow(below)}"


def _beat(beat: Beat) -> str:
    words = _word(beat.words)
    if beat.value is None:
        return f"  - {words}"
    return f"  - {words}: {beat.value if beat.words.endswith(_OURS) else _flow(beat.value)}"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_word(name)}: {_flow(below)}' for name, below in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def _word(text: str) -> str:
    """Return a name as it is where nothing else could be meant."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else quoted(text)


def quoted(text: str) -> str:
    """Return a text in double quotes, with all that does not print as an escape.

    Half a surrogate pair, which no file can hold, becomes the sign for what is lost.
    """
    return f'"{"".join(_SHORT.get(char) or _escaped(char) for char in _LONE.sub(chr(0xFFFD), text))}"'


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _visible(text: str) -> str:
    return quoted(text)[1:-1]
