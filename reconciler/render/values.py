"""Values, paths and addresses of a plan → text on one line, safe to show, with numbers masked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from reconciler.model import Address, Edit, Fields, Joined, Lookup, Path, Pool, Ref, Secret, Value
from reconciler.render.visible import LONGEST, quoted, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Json, Plan
    from reconciler.render.numbers import Numbers

NONE = "(none)"
SENSITIVE = "(sensitive)"
UNKNOWN = "known after apply"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_DEEPEST = 6
_SHORTEST = 4
"""Shorter secrets are not looked for in what others say: they would be found in any word."""
_MOST = 20
_LEAD = 24
"""How much of what two long texts have in common is shown before their first difference."""

_NAMING = (
    *("friendly_name", "unique_name"),
    *("identity", "address", "proxy", "projected"),
    *("target", "flow", "url"),
)
"""What a person recognises a resource by."""


@dataclass(frozen=True, slots=True)
class Words:
    """Writes the parts of a plan as text, all numbers shown in one way.

    `hidden` are texts that stand in no sentence: Twilio's answers repeat what was sent.
    """

    numbers: Numbers
    hidden: tuple[str, ...] = ()

    def text(self, text: str, longest: int = 600) -> str:
        """Return a sentence or a name."""
        return visible(self.numbers.mask(self.hide(text)), longest)

    def hide(self, text: str) -> str:
        """Return a text without what stands in no sentence."""
        for secret in self.hidden:
            text = text.replace(secret, SENSITIVE)
        return text

    def address(self, address: Address) -> str:
        """Return an address in full."""
        return self.text(str(address))

    def last(self, address: Address) -> str:
        """Return the last step of an address: what names it below its parent."""
        return self.text("/".join(address.steps[-1]))

    def path(self, path: Path) -> str:
        """Return a dotted path; a name that is more than letters and digits stands in quotes."""
        return ".".join(self._name(name) for name in path)

    def _name(self, name: str) -> str:
        masked = self.numbers.mask(name)
        return masked if masked == name and _PLAIN_NAME.fullmatch(name) else quoted(masked)

    def value(self, value: Value) -> str:
        """Return a value as a reader wants to see it; what a Secret hides is never looked at."""
        match value:
            case None:
                return NONE
            case Secret():
                return SENSITIVE
            case Ref(address, attribute):
                return f"({UNKNOWN}: {self.text(attribute)} of {self.address(address)})"
            case Joined():
                return f"{self._joined(value)} ({UNKNOWN})"
            case Lookup(collection, name):
                return f"{self._json(name, 0)} (from {self.text(collection)})"
            case Pool(candidates):
                return f"one of {self._json(list(candidates), 1)}"
            case _:
                return self._json(value, _DEEPEST)

    def _joined(self, value: Joined) -> str:
        # Masked as one text: the digits of a number may stand in two parts of it.
        whole = "".join(
            part if isinstance(part, str) else f"${{{part.address}.{part.attribute}}}" for part in value.parts
        )
        return quoted(self.numbers.mask(whole))

    def _json(self, value: Json, depth: int) -> str:
        if isinstance(value, str):
            return quoted(self.numbers.mask(value))
        most = _MOST if depth else 0
        if isinstance(value, list):
            return _several("[]", [self._json(one, depth - 1) for one in value[:most]], len(value))
        if isinstance(value, dict):
            pairs = [(quoted(self.numbers.mask(key)), one) for key, one in list(value.items())[:most]]
            return _several("{}", [f"{key}: {self._json(one, depth - 1)}" for key, one in pairs], len(value))
        return self.numbers.mask(json.dumps(value))

    def edit(self, edit: Edit) -> tuple[str, str]:
        """Return (before, after). Two long texts are shown from where they begin to differ."""
        before, after = edit.before, edit.after
        if isinstance(before, str) and isinstance(after, str):
            before, after = self.numbers.mask(before), self.numbers.mask(after)
            skipped = _common(before, after) - _LEAD
            if max(len(before), len(after)) > LONGEST and skipped > 0:
                return _from(before, skipped), _from(after, skipped)
        return self.value(before), self.value(after)

    def naming(self, fields: Fields) -> list[tuple[str, str]]:
        """Return (name, value) of what a person recognises a resource by."""
        return [(name, self.value(value)) for name, value in naming_fields(fields)]


def secrets_in(plan: Plan) -> tuple[str, ...]:
    """Return every text that Secrets of the plan hide, as it is and as JSON and urls write it; long first."""
    held = chain.from_iterable(
        (*c.fields.values(), *c.at_creation.values(), *c.live_fields.values(), *_sides(c.edits))
        for c in plan.changes
    )
    return hidden_texts(held)


def hidden_texts(values: Iterable[Value]) -> tuple[str, ...]:
    """Return every text that the Secrets among `values` hide, in the same way."""
    plain = {text for value in values if isinstance(value, Secret) for text in _texts(value.value)}
    found = {form for text in plain for form in (text, json.dumps(text)[1:-1], quote(text, safe=""))}
    return tuple(
        sorted((text for text in found if len(text) >= _SHORTEST), key=lambda text: (-len(text), text))
    )


def _sides(edits: tuple[Edit, ...]) -> Iterator[Value]:
    return (value for edit in edits for value in (edit.before, edit.after))


def _texts(value: Value) -> Iterator[str]:
    match value:
        case Joined(parts):
            yield from (part for part in parts if isinstance(part, str))
        case list():
            yield from (text for below in value for text in _texts(below))
        case dict():
            yield from (text for below in value.values() for text in _texts(below))
        case str():
            yield value
        case int() | float() if not isinstance(value, bool):
            yield json.dumps(value)


def naming_fields(fields: Fields) -> list[tuple[str, Value]]:
    """Return (name, value) of what a person recognises a resource by."""
    return [(name, fields[(name,)]) for name in _NAMING if fields.get((name,)) is not None]


def host_of(url: str) -> str:
    """Return a url without what often is a secret: only where it leads to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "…"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}/…"


def _several(braces: str, shown: list[str], count: int) -> str:
    more = [f"… {count:,} in all"] if len(shown) < count else []
    return f"{braces[0]}{', '.join([*shown, *more])}{braces[1]}"


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _from(text: str, start: int) -> str:
    """Return a long text from `start` on, with its length."""
    part = text[start : start + LONGEST]
    return f"… {quoted(part, len(part) * 10)} ({len(text):,} characters)"
