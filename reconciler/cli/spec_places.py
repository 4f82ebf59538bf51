"""Specs that were read, and problems → what the emulator's page is told of them: lines as they are written.

Values of sensitive variables are told nowhere. Numbers are: the page is for the person at this machine.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.emulator.specs import Line, Problem, Sender
from reconciler.model import Pool
from reconciler.render.findings import finding_data
from reconciler.render.numbers import Numbers
from reconciler.render.problems import quoted
from reconciler.render.values import Words, hidden_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Place, Resource
    from reconciler.workflow import Specs

_MOST_LINES = 12
"""How much of a block is shown; what is longer is found by its file and line."""
_WORD = re.compile(r"[\w-]+")
_PLAIN = Numbers(None)


def places(specs: Specs) -> dict[str, Line]:
    """Return where each resource is written, by its address, and the sender that its `via` means."""
    found = {}
    for address, resource in specs.stack.desired.resources.items():
        if resource.place is not None:
            most = 1 if address.parent is None else _MOST_LINES
            line = _line(resource.place, specs.sources, most)
            found[str(address)] = Line(line.file, line.line, line.text, _sender(resource, specs))
    return found


def senders(specs: Specs) -> dict[str, Sender]:
    """Return the stack's senders by name: where each is written, its channel and its addresses."""
    found = {}
    for name, own in specs.stack.senders.items():
        place = specs.senders.get(name)
        if place is not None and own:
            line = _line(place, specs.sources)
            found[name] = Sender(line.file, line.line, line.text, _channel(own[0]), own)
    return found


def _channel(address: str) -> str:
    prefix, colon, _ = address.partition(":")
    return prefix if colon else "sms"


def _line(place: Place, sources: Mapping[str, tuple[str, ...]], most: int = _MOST_LINES) -> Line:
    """Return the block that begins at a place: its line and those below that stand further in."""
    lines = sources.get(place.file, ())[place.line - 1 :]
    block = [lines[0]] if lines else []
    for line in lines[1:most]:
        if line.strip() and _indent(line) < place.column:
            break
        block.append(line)
    inset = min((_indent(line) for line in block if line.strip()), default=0)
    return Line(place.file, place.line, "\n".join(line[inset:] for line in block).rstrip())


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _sender(resource: Resource, specs: Specs) -> Line | None:
    """Return the line of `senders:` that has the proxy: the one that `via` names, where two have the same."""
    proxy = resource.fields.get(("proxy",))
    numbers = set(proxy.candidates) if isinstance(proxy, Pool) else {proxy}
    fitting = [name for name, own in specs.stack.senders.items() if numbers <= set(own)]
    written = _word(resource.places.get(("via",)), specs.sources)
    name = written if written in fitting else next(iter(fitting), "")
    place = specs.senders.get(name)
    return _line(place, specs.sources) if place else None


def _word(place: Place | None, sources: Mapping[str, tuple[str, ...]]) -> str:
    lines = sources.get(place.file, ()) if place else ()
    if place is None or place.line > len(lines):
        return ""
    found = _WORD.match(lines[place.line - 1][place.column - 1 :].lstrip("\"'"))
    return found[0] if found else ""


# --- problems ----------------------------------------------------------------------------------------------


def secrets_of(specs: Specs) -> tuple[str, ...]:
    """Return every text of a stack that must not be told."""
    resources = specs.stack.desired.resources.values()
    return hidden_texts(
        value for one in resources for fields in (one.fields, one.at_creation) for value in fields.values()
    )


def hushed(
    found: Iterable[Diagnostic], sources: Mapping[str, tuple[str, ...]], secrets: tuple[str, ...]
) -> tuple[list[Diagnostic], Mapping[str, tuple[str, ...]]]:
    """Return diagnostics, and lines to quote, in which no secret stands."""
    words = Words(_PLAIN, secrets)
    said = [replace(one, summary=words.hide(one.summary), detail=words.hide(one.detail)) for one in found]
    return said, {name: tuple(words.hide(line) for line in lines) for name, lines in sources.items()}


def problems(found: Iterable[Diagnostic], sources: Mapping[str, tuple[str, ...]]) -> tuple[Problem, ...]:
    """Return diagnostics for the page, each with the line it is about and a caret below."""
    words = Words(_PLAIN)
    return tuple(_problem(one, sources, words) for one in found)


def _problem(one: Diagnostic, sources: Mapping[str, tuple[str, ...]], words: Words) -> Problem:
    lines = quoted(one.place, sources, words.numbers) if one.place else []
    said = [*one.detail.split("\n"), *(f"{word} at {place}" for word, place in one.related)]
    detail = "\n".join(words.text(line) for line in said).strip()
    return Problem(**{**finding_data(one, words), "detail": detail}, quote="\n".join(lines))
