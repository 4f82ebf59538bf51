"""Where the YAML parser stopped → what a person wrote wrong there and what would be right, in our words.

The parser reports what it was looking for; a person needs to hear which quote, bracket, tab or space it is.
Each rule looks at the text around the spot and either recognises a mistake or passes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.diagnostics import error

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Place

UNQUOTED_BRACES = (
    "{{…}} must be quoted here",
    'A value that begins with { is a map to YAML. Put the whole value in double quotes: "{{1}} …".',
)
_UNQUOTED_EXPRESSION = (
    "${…} must be quoted between brackets or braces",
    'Put the whole value in double quotes: {key: "${var.name}"}.',
)
SECOND_DOCUMENT = (
    "a second document begins here",
    "A file holds one document: move what follows into a file of its own, or delete the line.",
)
MISSING_KEY = ("a key is missing before this ':'", "Write it as key: value.")
_DOCUMENT_END = re.compile(r"^\.\.\.", re.MULTILINE)
_BRACES_AT_START = re.compile(r"(?:^|[:,\[{-]) *(\{\{)")
_NO_SPACE = re.compile(r"([A-Za-z0-9_-]+):([^\s:/].*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """The last value read before the stop: from where to where, and how it was quoted ('' not at all)."""

    start: int
    end: int
    style: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when the parser stops: `at` is where, `opened` where the construct began it was in."""

    text: str
    place: Callable[[int], Place]
    words: str
    """What the parser says: recognised, never shown."""
    at: int
    opened: int | None
    last: Span | None

    @property
    def line_start(self) -> int:
        """The index at which the line of `at` begins."""
        return max(self.text.rfind("\n", 0, self.at), self.text.rfind("\r", 0, self.at)) + 1

    @property
    def begins_line(self) -> bool:
        """Whether nothing but blanks comes before `at` on its line."""
        return not self.text[self.line_start : self.at].strip()

    @property
    def first(self) -> int:
        """The index of the first character of the line of `at` that is no blank."""
        line = self.text[self.line_start :]
        return self.line_start + len(line) - len(line.lstrip(" \t"))

    @property
    def here(self) -> str:
        """The character at `at`; '' at the end of the file."""
        return self.text[self.at : self.at + 1]

    def is_same_line(self, index: int) -> bool:
        """Tell whether `index` is on the line of `at`."""
        return self.line_start <= index <= self.at

    @property
    def at_end(self) -> bool:
        """Whether nothing but blanks and comments follows."""
        return not re.sub(r"#[^\r\n]*", "", self.text[self.at :]).strip()


def missing_space(text: str) -> str:
    """Return the remedy where the plain `text` looks like ``key:value``; '' where it does not."""
    matched = _NO_SPACE.fullmatch(text)
    if not matched:
        return ""
    value = matched[2].split("\n")[0]
    return (
        f"Write {matched[1]}: {value}"
        if len(value) <= 40
        else f"Write {matched[1]}: and the value after a space."
    )


def explain(situation: Situation) -> Diagnostic:
    """Return the problem that `situation` is about, at the place where it can be mended."""
    for rule in _RULES:
        if diagnostic := rule(situation):
            return diagnostic
    detail = "Look at the indentation, the quotes and the brackets of this line and the one above."
    return error("this is no valid YAML", detail, place=situation.place(situation.at))


def _expression(now: Situation) -> Diagnostic | None:
    if now.text[max(now.at - 1, 0) : now.at + 1] == "${":
        return error(*_UNQUOTED_EXPRESSION, place=now.place(now.at - 1))
    braces = _BRACES_AT_START.search(now.text[now.line_start : now.at])
    if not braces or "parsing" not in now.words:
        return None
    at = now.line_start + braces.start(1)
    quoted = now.last and now.last.style and now.last.start < at < now.last.end
    return None if quoted else error(*UNQUOTED_BRACES, place=now.place(at))


def _tab(now: Situation) -> Diagnostic | None:
    if "tab character" in now.words or ("cannot start" in now.words and now.here == "\t"):
        return error("a tab stands in the indentation", "Indent with spaces.", place=now.place(now.at))
    return None


def _quote(now: Situation) -> Diagnostic | None:
    if "quoted scalar" not in now.words or now.opened is None:
        return None
    quote = now.text[now.opened]
    if "unexpected" in now.words:
        detail = (
            f"Close it with {quote}, or double a quote that is part of the text: ''."
            if quote == "'"
            else ('Close it with ", or write \\" for a quote that is part of the text.')
        )
        return error(f"the quote {quote} opened here is never closed", detail, place=now.place(now.opened))
    at = now.text.rfind("\\", now.opened, now.at + 1)
    escape = now.text[at : at + 2]
    if re.match(r"\\u[dD][89a-fA-F]", now.text[at : at + 4]):
        detail = "YAML has no escapes for halves of a character: write the character itself."
        return error(f"{now.text[at : at + 6]} is half a character", detail, place=now.place(at))
    detail = "Write \\\\ for a backslash, or put the text in single quotes, where a backslash is itself."
    return error(f"{escape} means nothing between double quotes", detail, place=now.place(at))


def _bracket(now: Situation) -> Diagnostic | None:
    if "flow" not in now.words or now.opened is None:
        return None
    # The parser may name the value it was looking for instead of the bracket around it.
    opened = max(now.text.rfind("[", 0, now.opened + 1), now.text.rfind("{", 0, now.opened + 1))
    return _in_bracket(now, opened) if opened >= 0 else None


def _in_bracket(now: Situation, opened: int) -> Diagnostic:
    closing = "]" if now.text[opened] == "[" else "}"
    name = f"the {now.text[opened]} opened here"
    if now.at_end:
        return error(f"{name} is never closed", f"Close it with {closing}.", place=now.place(opened))
    if not now.is_same_line(opened):
        detail = f"Close it with {closing}, or put a comma between its entries."
        noticed = (("noticed", now.place(now.at)),)
        return error(
            f"{name} is not closed, or a comma is missing", detail, place=now.place(opened), related=noticed
        )
    place, related = now.place(now.at), (("opened", now.place(opened)),)
    if now.here == ",":
        return error(
            "a value is missing before this comma", "Delete one of the commas.", place=place, related=related
        )
    if now.here and now.here in "]}":
        detail = f"Close it with {closing}."
        return error(
            f"{now.here} does not match the {now.text[opened]} before it",
            detail,
            place=place,
            related=related,
        )
    detail = f"Put a comma or {closing} before it, or put the whole value in quotes if this is text."
    return error(f"{now.here} is not expected here", detail, place=place, related=related)


def _reserved(now: Situation) -> Diagnostic | None:
    if "flow" not in now.words and "expected node content" in now.words and now.here in ("]", "}"):
        return error(f"{now.here} closes nothing", "Delete it, or open it before.", place=now.place(now.at))
    if "cannot start" not in now.words and not ("expected node content" in now.words and now.here == ","):
        return None
    detail = f'Put the value in quotes: "{now.here}…".'
    return error(f"a value cannot begin with {now.here} unless it is quoted", detail, place=now.place(now.at))


def _mark(now: Situation) -> Diagnostic | None:
    for word, name, sign in (("alias", "an alias", "*"), ("anchor", "an anchor", "&"), ("tag", "a tag", "!")):
        if (
            f"an {word}" in now.words
            or f"a {word}" in now.words
            or ("tag handle" in now.words and sign == "!")
        ):
            at = now.at if now.opened is None else now.opened
            detail = f'If it is meant as text, put the value in quotes: "{sign}…".'
            return error(f"{sign} begins {name} to YAML", detail, place=now.place(at))
    return None


def _block_text(now: Situation) -> Diagnostic | None:
    if "block scalar" not in now.words:
        return None
    detail = "After | or > nothing but - or + follows; the text begins on the next line, indented."
    at = now.at if now.opened is None else now.opened
    return error("a text after | or > begins on the next line", detail, place=now.place(at))


def _second_colon(now: Situation) -> Diagnostic | None:
    if "unexpected ':'" in now.words:
        detail = "Write key: value with a space, or put a text with a colon in quotes."
        return error("a space is missing after the colon", detail, place=now.place(now.at))
    if "mapping values" not in now.words:
        return None
    if now.last and not now.is_same_line(now.last.start):
        return _continued(now, now.last)
    detail = "Put the value in quotes if the colon is part of it, or start a new line for the next key."
    return error("a second ': ' stands in one line", detail, place=now.place(now.at))


def _continued(now: Situation, last: Span) -> Diagnostic:
    """Explain a text that began on a line above and runs into a line with a colon."""
    if not re.split(r"[\r\n]", now.text[: last.start])[-1].strip():
        detail = "Write it as key: value, or indent it to continue the line above."
        return error("this line has no colon", detail, place=now.place(last.start))
    detail = "Indent it like the key it belongs beside."
    above = (("the value above is", now.place(last.start)),)
    summary = "this line is indented as if it continued the one above"
    return error(summary, detail, place=now.place(now.first), related=above)


def _no_colon(now: Situation) -> Diagnostic | None:
    if "find expected ':'" not in now.words or now.opened is None:
        return None
    line = re.split(r"[\r\n]", now.text[now.opened : now.opened + 200])[0]
    if remedy := missing_space(line.strip()):
        return error("a space is missing after the colon", f"{remedy}", place=now.place(now.opened))
    detail = "Write it as key: value, or indent it to continue the line above."
    return error("this line has no colon", detail, place=now.place(now.opened))


def _dash(now: Situation) -> Diagnostic | None:
    if "block sequence entries" in now.words:
        detail = "Begin a list on the line below its key, one '- ' a line; put a text in quotes: \"- …\"."
        return error("a list cannot begin here", detail, place=now.place(now.at))
    if "mapping keys" in now.words:
        detail = 'Put the value in quotes: "? …".'
        return error("a value cannot begin with ? unless it is quoted", detail, place=now.place(now.at))
    return None


def _directive(now: Situation) -> Diagnostic | None:
    if "directive" in now.words or "incompatible" in now.words or ("tag" in now.words and "%" in now.words):
        at = now.line_start if now.opened is None else now.opened
        detail = "Delete the line, or put the text in quotes if it is one."
        return error(
            "a line beginning with % is an instruction to YAML; none is used here",
            detail,
            place=now.place(at),
        )
    return None


def _behind_value(now: Situation) -> Diagnostic | None:
    """Text behind something that had ended: a quote, a bracket."""
    if now.begins_line or not ("block" in now.words or "document start" in now.words):
        return None
    if now.here and now.here in "]}":
        return error(f"{now.here} closes nothing", "Delete it, or open it before.", place=now.place(now.at))
    if now.last and now.last.style in ("'", '"') and not now.text[now.last.end : now.at].strip():
        if not now.is_same_line(now.last.start):
            detail = "Is its closing quote missing? It is closed by the next one, further down."
            noticed = (("noticed", now.place(now.at)),)
            return error(
                "this quoted text runs over several lines",
                detail,
                place=now.place(now.last.start),
                related=noticed,
            )
        detail = "Put the whole value in quotes; within double quotes write \\\" and within single ones ''."
        return error("text follows the closing quote", detail, place=now.place(now.at))
    detail = "Put the whole value in quotes, or put this on a line of its own."
    return error("text follows where the value has ended", detail, place=now.place(now.at))


def _indentation(now: Situation) -> Diagnostic | None:
    if "block collection" in now.words or ("block mapping" in now.words and now.here == "-"):
        detail = (
            "Indent it like the '- ' lines above if it is one of them, else like the key it belongs beside."
        )
        return error(
            "this line fits neither the list above nor its surroundings", detail, place=now.place(now.at)
        )
    if "block mapping" in now.words and now.here == ":":
        return error(*MISSING_KEY, place=now.place(now.at))
    if "block mapping" in now.words:
        detail = "Indent it exactly like the key it belongs beside."
        return error("this line's indentation fits no line above", detail, place=now.place(now.at))
    if "document start" in now.words and _DOCUMENT_END.search(now.text, 0, now.at):
        return error(*SECOND_DOCUMENT, place=now.place(now.at))
    if "document start" in now.words:
        detail = "Begin every top-level key in the first column."
        return error("this line is indented less than the first one", detail, place=now.place(now.at))
    return None


_RULES = (
    _expression,
    _tab,
    _quote,
    _bracket,
    _reserved,
    _directive,
    _mark,
    _block_text,
    _second_colon,
    _no_colon,
    _dash,
    _behind_value,
    _indentation,
)
