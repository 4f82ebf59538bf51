"""Data → YAML text that our own parser reads back as the same data, and that people like to read.

The way back of `yaml_nodes.py`. Whatever could be read as anything but the text it is stands in double
quotes, and all that is not ASCII does too: so a stream that writes only ASCII escapes it into the same text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeAlias

from reconciler.model import Place
from reconciler.nodes import Scalar, resolve_scalar
from reconciler.render.visible import written_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.model import Json

Tree: TypeAlias = "Json | Mapping[str, Tree] | Sequence[Tree]"

WIDTH = 100
"""How long a line may grow before its map or list is written one entry a line."""
LONGEST_KEY = 900
"""How many characters a key may have as it is written; YAML ends its patience at 1024."""

_PLAIN = re.compile(r"[A-Za-z0-9+/_](?:[ A-Za-z0-9+/_.@=()%&;~-]*[A-Za-z0-9+/_.@=()%&;~-])?")
_PLAIN_IN_BLOCK = re.compile(r"[A-Za-z0-9+/_](?:[ A-Za-z0-9+/_.@=()%&;~,-]|:(?=[^ ]))*(?<! )")
_DOUBTFUL = re.compile(r"[0-9][0-9a-fox_.:+-]*|y|n|yes|no|on|off", re.IGNORECASE)
"""Text for us, but a number, a date or a boolean for other readers of YAML, and perhaps for people."""
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NOWHERE = Place("", 0, 0)


def yaml_text(blocks: Mapping[str, Tree], comments: Mapping[str, str] | None = None) -> str:
    """Return the YAML of a map of blocks, a blank line between them.

    `comments` (ASCII) stand above the blocks they are named by, that of '' above everything.
    """
    above = comments or {}
    parts = ["\n".join([*_comment(above.get(name, "")), *_entry(name, blocks[name], 0)]) for name in blocks]
    return "\n\n".join([*(["\n".join(_comment(above[""]))] if "" in above else []), *parts]) + "\n"


def key_text(key: str) -> str:
    """Return a key as it is written."""
    return _scalar(key, flow=True)


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in text.splitlines()]


def _entry(key: str, value: Tree, level: int) -> list[str]:
    """Return the lines of ``key: value``, `level` maps deep; small things stand on the line of their key."""
    head = f"{'  ' * level}{key_text(key)}:"
    if not isinstance(value, dict | list):
        return [f"{head} {_scalar(value, flow=False)}"]
    line = None if level == 0 or (level == 1 and len(value) > 1) else _on_one_line(value)
    if not value or (line is not None and len(head) + 1 + len(line) <= WIDTH):
        return [f"{head} {line or _flow(value)}"]
    if isinstance(value, dict):
        return [head, *(line for name, below in value.items() for line in _entry(name, below, level + 1))]
    return [head, *(f"{'  ' * (level + 1)}- {_flow(item)}" for item in value)]


def _on_one_line(value: Tree) -> str | None:
    """Return a map or list as one line; None for what reads better with a line for each of its names."""
    return None if _has_names(value) else _flow(value)


def _has_names(value: Tree) -> bool:
    """Whether a value is, or holds, a map of maps: names of things, and what they are."""
    if not isinstance(value, dict):
        return False
    is_named = bool(value) and all(isinstance(below, dict) and below for below in value.values())
    return is_named or any(_has_names(below) for below in value.values())


def _flow(value: Tree) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key_text(key)}: {_flow(below)}' for key, below in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return _scalar(value, flow=True)


def _scalar(value: object, *, flow: bool) -> str:
    """Return a value as JSON writes it, and a text without quotes where nothing else could be meant."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = (_PLAIN if flow else _PLAIN_IN_BLOCK).fullmatch(value)
    is_text = resolve_scalar(Scalar(value, plain=True, place=_NOWHERE)) == value
    return (
        value
        if plain and is_text and not _DOUBTFUL.fullmatch(value)
        else f'"{"".join(map(_escaped, value))}"'
    )


def _escaped(char: str) -> str:
    return _SHORT.get(char) or (char if char.isprintable() else written_out(char))
