"""The bytes of one YAML file → nodes with places, and every problem found on the way.

Built on the events of PyYAML's C parser: no Python object is ever constructed from a file, nothing is typed,
and nesting, size and aliases are bounded while reading, so that no file can exhaust stack or memory.
"""

from __future__ import annotations

import errno
import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import yaml

from reconciler.diagnostics import error
from reconciler.model import Place
from reconciler.nodes import Entry, Failed, Mapping, Scalar, Sequence, is_null
from reconciler.yaml_syntax import (
    MISSING_KEY,
    SECOND_DOCUMENT,
    UNQUOTED_BRACES,
    Situation,
    Span,
    explain,
    missing_space,
)

if TYPE_CHECKING:
    from pathlib import Path

    from yaml._yaml import Mark as FastMark
    from yaml.error import Mark

    from reconciler.diagnostics import Diagnostic
    from reconciler.nodes import Node

MAX_BYTES = 4_000_000
MAX_DEPTH = 64
MAX_WEIGHT = 250_000
"""The most nodes of one file with every alias written out; a hundred characters weigh as much as a node."""

_BREAK = re.compile(r"\r\n|\n|\r")
# U+0085, U+2028 and U+2029 end a line for YAML 1.1 and are text for 1.2: refusing them misleads nobody.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_COMMENT = re.compile(r"[ \t]+(#[^\r\n]*)")


class Source:
    """The text of one file, and where in it a character stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        ends = list(_BREAK.finditer(text))
        self._starts = [0, *(end.end() for end in ends)]
        if len(self._starts) > 1 and self._starts[-1] == len(text):
            self._starts.pop()
        self._stops = [*(end.start() for end in ends), len(text)][: len(self._starts)]

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines without their ends."""
        return (
            tuple(self.text[a:b] for a, b in zip(self._starts, self._stops, strict=True)) if self.text else ()
        )

    def place(self, index: int) -> Place:
        """Return where character `index` stands; the end of the file is the end of its last line."""
        line = bisect_right(self._starts, index)
        return Place(self.name, line, min(index, self._stops[line - 1]) - self._starts[line - 1] + 1)


@dataclass(frozen=True, slots=True)
class Parsed:
    """One file: its root, None where it could not be read or holds nothing; its lines; its problems."""

    root: Node | None
    lines: tuple[str, ...] = ()
    problems: tuple[Diagnostic, ...] = ()


def read(path: Path, name: str) -> Parsed:
    """Read the file at `path`; places call it `name`."""
    start = Place(name, 1, 1)
    try:
        if path.is_dir():
            detail = "Name a file. A folder beside specs needs a name that does not end in .yaml."
            return _unreadable("this is a folder, not a file", detail, start)
        if path.exists() and not path.is_file():
            return _unreadable("this is not a regular file", "Specs are read from regular files.", start)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if path.is_symlink():
            detail = "Remove the link, or bring back the file that it leads to."
            return _unreadable("this link leads to a file that does not exist", detail, start)
        return _unreadable("this file does not exist", "Check the path.", start)
    except PermissionError:
        return _unreadable("no permission to read this file", "Allow reading it: chmod u+r.", start)
    except (OSError, ValueError) as problem:
        if getattr(problem, "errno", 0) == errno.ELOOP:
            return _unreadable("this link leads to itself", "Remove it.", start)
        return _unreadable("this file cannot be read", "Check the path and the disk.", start)
    return parse(data, name)


def _unreadable(summary: str, detail: str, place: Place, lines: tuple[str, ...] = ()) -> Parsed:
    return Parsed(None, lines, (error(summary, detail, place=place),))


def parse(data: bytes, name: str) -> Parsed:
    """Read one file's bytes. A problem that stops the reading comes after those found before it."""
    if len(data) > MAX_BYTES:
        detail = "Split it: every *.yaml beside it belongs to the stack, and `include:` reaches sub-folders."
        return _unreadable(f"the file is larger than {MAX_BYTES // 1_000_000} MB", detail, Place(name, 1, 1))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        detail = "Save it as UTF-8: most editors offer this as 'Save with encoding'."
        return _unreadable("the file is UTF-16, not UTF-8", detail, Place(name, 1, 1))
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        source = Source(name, data.decode())
    except UnicodeDecodeError as problem:
        return _not_utf8(data, problem.start, name)
    forbidden = _FORBIDDEN.search(source.text)
    if forbidden:
        return _unreadable(*_character(forbidden[0]), source.place(forbidden.start()), source.lines)
    return _Builder(source).build()


def _not_utf8(data: bytes, at: int, name: str) -> Parsed:
    source = Source(name, data.decode(errors="replace"))
    byte = data[at]
    latin = f" In Latin-1 it would be {bytes([byte]).decode('latin-1')!r}." if byte >= 0xA0 else ""
    detail = f"Save the file as UTF-8, or retype this character.{latin}"
    return _unreadable(
        f"byte 0x{byte:02X} is not UTF-8", detail, source.place(len(data[:at].decode())), source.lines
    )


def _character(character: str) -> tuple[str, str]:
    code = ord(character)
    what = "invisible character" if code > 0x9F else "control character"
    escape = f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
    return (
        f"{what} U+{code:04X}",
        f'Delete it. Where a text needs it, write {escape} between double quotes: "{escape}".',
    )


@dataclass(slots=True)
class _Frame:
    """A list or map that is still open."""

    start: int
    place: Place
    anchor: str | None
    flow: bool
    keys: dict[str, Place] | None
    """The keys so far; None in a list."""
    entries: list[Entry] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)
    key: Scalar | None = None
    wants_value: bool = False
    weight: int = 1
    height: int = 1

    def close(self) -> Mapping | Sequence:
        return (
            Sequence(tuple(self.items), self.place)
            if self.keys is None
            else Mapping(tuple(self.entries), self.place)
        )


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for; `node` is None while the anchor's own value is open."""

    node: Node | None = None
    weight: int = 1
    height: int = 0


def _index(mark: Mark | FastMark | None) -> int:
    return mark.index if mark else 0


class _StopError(Exception):
    """Reading cannot go on; `diagnostic` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


class _Builder:
    """Turns the parser's events into nodes, keeping the open lists and maps on a stack of its own."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        self.anchors: dict[str, _Anchored] = {}
        self.frames: list[_Frame] = []
        self.root: Node | None = None
        self.documents = 0
        self.weight = 0
        self.last: Span | None = None

    def build(self) -> Parsed:
        try:
            self._read_events()
        except yaml.MarkedYAMLError as problem:
            self._stopped(explain(self._situation(problem)))
        except _StopError as stop:
            self._stopped(stop.diagnostic)
        return Parsed(self.root, self.source.lines, tuple(self.problems))

    def _stopped(self, diagnostic: Diagnostic) -> None:
        self.root = None
        lines = {problem.place.line for problem in self.problems if problem.place}
        # What stopped the reading is often a consequence of what was found just before it.
        if diagnostic.place is None or diagnostic.place.line not in lines:
            self.problems.append(diagnostic)

    def _situation(self, problem: yaml.MarkedYAMLError) -> Situation:
        at = _index(problem.problem_mark)
        opened = _index(problem.context_mark) if problem.context_mark else None
        words = f"{problem.context or ''}: {problem.problem or ''}"
        return Situation(self.source.text, self.source.place, words, at, opened, self.last)

    def _read_events(self) -> None:
        for event in yaml.parse(self.source.text, Loader=yaml.CSafeLoader):
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.AliasEvent():
                    self._alias(event)
                case yaml.CollectionStartEvent():
                    self._open(event)
                case yaml.CollectionEndEvent():
                    self._close()
                case yaml.DocumentStartEvent():
                    self._document(event)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            place = self.source.place(_index(event.start_mark))
            raise _StopError(error(*SECOND_DOCUMENT, place=place))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        start, end = _index(event.start_mark), _index(event.end_mark)
        self._refuse_tag(event.tag, start)
        if event.anchor or event.tag:
            properties = _PROPERTIES.match(self.source.text, start, end)
            start = properties.end() if properties else start
        self.last = Span(start, end, event.style or "")
        on_one_line = event.style in ("", "'", '"')
        comment = _COMMENT.match(self.source.text, end) if on_one_line else None
        node = Scalar(
            event.value,
            plain=not event.style,
            place=self.source.place(start),
            trailing=comment[1].rstrip() if comment else "",
            inset=self._inset(event.value, start, end) if on_one_line else None,
        )
        weight = 1 + len(event.value) // 100
        self._count(weight, start)
        self._add(node, _Anchored(node, weight), event.anchor, start)

    def _inset(self, text: str, start: int, end: int) -> int | None:
        raw = self.source.text[start:end]
        return next((skip for skip in (0, 1) if raw[skip : len(raw) - skip] == text), None)

    def _alias(self, event: yaml.AliasEvent) -> None:
        at, name = _index(event.start_mark), str(event.anchor)
        self.last = Span(at, _index(event.end_mark), "*")
        anchored = self.anchors.get(name)
        if anchored is None:
            detail = f'If it is meant as text, put it in quotes: "*{name}".'
            anchored = self._failed(f"*{name} stands for nothing: no &{name} comes before it", detail, at)
        elif anchored.node is None:
            detail = f"Write out what *{name} stands for, or take it out of the value marked &{name}."
            anchored = self._failed(f"*{name} stands inside its own value", detail, at)
        self._count(anchored.weight, at)
        self._check_depth(len(self.frames) + anchored.height, at)
        self._add(anchored.node or Failed(self.source.place(at)), anchored, None, at)

    def _failed(self, summary: str, detail: str, at: int) -> _Anchored:
        self._report(summary, detail, at)
        return _Anchored(Failed(self.source.place(at)))

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        at = _index(event.start_mark)
        self._refuse_tag(event.tag, at)
        self._count(1, at)
        self._check_depth(len(self.frames) + 1, at)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored()
        keys: dict[str, Place] | None = {} if isinstance(event, yaml.MappingStartEvent) else None
        self.frames.append(_Frame(at, self.source.place(at), event.anchor, bool(event.flow_style), keys))

    def _close(self) -> None:
        frame = self.frames.pop()
        node = frame.close()
        self._add(node, _Anchored(node, frame.weight, frame.height), frame.anchor, frame.start)

    def _add(self, node: Node, written_out: _Anchored, anchor: str | None, at: int) -> None:
        """Put a finished node into the list or map it stands in, or make it the root."""
        if anchor:
            self.anchors[anchor] = written_out
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        frame.weight += written_out.weight
        frame.height = max(frame.height, written_out.height + 1)
        if frame.keys is None:
            frame.items.append(node)
        elif frame.wants_value:
            self._value(frame, node)
        else:
            frame.wants_value = True
            frame.key = self._key(frame.keys, node, at)

    def _key(self, keys: dict[str, Place], node: Node, at: int) -> Scalar | None:
        """Return `node` as a key; None, which drops its value too, where it can be none."""
        place = self.source.place(at)
        if isinstance(node, Mapping | Sequence):
            self._report_compound_key(at)
        elif not isinstance(node, Scalar):
            return None
        elif node.plain and node.text == "<<":
            self._report(
                "merging with << is not used here",
                "Write the keys out, or use an alias for a whole value.",
                at,
            )
        elif node.plain and not node.text:
            self._report(*MISSING_KEY, at)
        elif node.text in keys:
            detail = "Keep one of the two, or give one another key."
            first = (("first defined", keys[node.text]),)
            self.problems.append(error(f"{node.text} is defined twice", detail, place=place, related=first))
        else:
            keys[node.text] = place
            return replace(node, place=place, inset=node.inset if node.place == place else None)
        return None

    def _report_compound_key(self, at: int) -> None:
        if self.source.text[at - 1 : at + 1] == "{{":
            self._report(*UNQUOTED_BRACES, at - 1)
        else:
            self._report("a key is a single text, not a list or map", "Write it as key: value.", at)

    def _value(self, frame: _Frame, node: Node) -> None:
        frame.wants_value = False
        key = frame.key
        if key is None:
            return
        if frame.flow and is_null(node) and key.plain and (remedy := missing_space(key.text)):
            self.problems.append(error("a space is missing after the colon", remedy, place=key.place))
            return
        frame.entries.append(Entry(key, node))

    def _refuse_tag(self, tag: str | None, at: int) -> None:
        if tag is not None:
            detail = 'Fields give values their types. If it is meant as text, put it in quotes: "!text".'
            self._report("tags (words beginning with !) are not used here", detail, at)

    def _report(self, summary: str, detail: str, at: int) -> None:
        self.problems.append(error(summary, detail, place=self.source.place(at)))

    def _count(self, weight: int, at: int) -> None:
        self.weight += weight
        if self.weight > MAX_WEIGHT:
            detail = "Aliases (*name) count as often as they are used. Use fewer, or split the file."
            raise _StopError(error("the file grows too large here", detail, place=self.source.place(at)))

    def _check_depth(self, depth: int, at: int) -> None:
        if depth > MAX_DEPTH:
            detail = "Specs need about ten levels. Is a bracket or brace repeated by mistake?"
            place = self.source.place(at)
            raise _StopError(
                error(f"lists and maps are nested deeper than {MAX_DEPTH} levels", detail, place=place)
            )
