"""The YAML files of one stack → one Document of nodes with places; every problem of every file at once.

A stack is a file, or the `*.yaml` beside each other in a folder; other folders join by `include:`. The
top-level blocks of all files are laid together one level deep: `conversations:` may stand in many files.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.diagnostics import SpecError, error, warning
from reconciler.model import Place
from reconciler.nodes import (
    Entry,
    Failed,
    Link,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Typed,
    is_null,
    resolve_scalar,
    to_json,
)
from reconciler.yaml_nodes import read
from reconciler.yaml_syntax import missing_space

if TYPE_CHECKING:
    from collections import abc

    from reconciler.diagnostics import Diagnostic

__all__ = [
    "Document",
    "Entry",
    "Failed",
    "Link",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "Typed",
    "is_null",
    "read_stack",
    "resolve_scalar",
    "to_json",
]

_MAX_FILES = 2_000
_MOST_NAMED = 3
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Document:
    """One stack as written.

    `sources` holds each file's lines for quoting, under its name as a person types it. `folder` is the
    stack's folder and `files` are the files read, links resolved. `stackless` says what is wrong where no
    file has a `stack:` block.
    """

    root: Mapping
    sources: abc.Mapping[str, tuple[str, ...]]
    folder: Path
    files: tuple[Path, ...]
    warnings: tuple[Diagnostic, ...] = ()
    stackless: Diagnostic | None = None


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    folder: Path
    queue: deque[tuple[Path, Place | None]] = field(default_factory=deque)
    """Files still to read, each with the place that names it."""
    files: dict[Path, Mapping | None] = field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)


def read_stack(path: Path) -> Document:
    """Read the stack at `path`, a file or a folder.

    Raises SpecError with all problems of all files, in the order of their places.
    """
    reading = _Reading(_folder(path))
    _list_files(path, reading)
    while reading.queue:
        _read_file(*reading.queue.popleft(), reading)
    roots = [root for root in reading.files.values() if root]
    root = _merge(roots, reading.problems)
    stack = root.entry("stack")
    beside = _beside(path, reading)
    is_part = stack is None and len(roots) == len(reading.files) and not path.is_dir()
    frame = next((one for one in beside if is_part and _has_stack(one)), None)
    if frame:
        detail = f"{frame} beside it has one: name the folder, {path.parent}, to use both."
        reading.problems.append(error("there is no stack: block", detail, place=Place(str(path), 1, 1)))
    if reading.problems:
        raise SpecError(sorted(reading.problems, key=_order), reading.sources)
    warnings = _unread(path, stack.key.place, beside) if stack else ()
    stackless = None if stack else _without_stack(path, reading)
    return Document(root, reading.sources, reading.folder, tuple(reading.files), warnings, stackless)


def _beside(path: Path, reading: _Reading) -> list[Path]:
    """Return the specs that lie beside a stack and were not read: .yaml by a file, .yml by a folder."""
    ending, folder = (".yml", path) if path.is_dir() else (".yaml", path.parent)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    found = [folder / name for name in names if name.endswith(ending) and not name.startswith(".")]
    return [one for one in found if _resolved(one) not in reading.files and one.is_file()]


def _has_stack(path: Path) -> bool:
    root = read(path, str(path)).root
    return isinstance(root, Mapping) and root.entry("stack") is not None


def _unread(path: Path, place: Place, beside: list[Path]) -> tuple[Diagnostic, ...]:
    """Warn of files that look like a part of the stack and are none; one with a frame is another stack."""
    left = beside if path.is_dir() else [one for one in beside if not _has_stack(one)]
    if not left:
        return ()
    names = ", ".join([*(one.name for one in left[:_MOST_NAMED]), *["…"] * (len(left) > _MOST_NAMED)])
    if path.is_dir():
        summary = f"{len(left)} .yml {'file is' if len(left) == 1 else 'files are'} not read: {names}"
        return (warning(summary, "Specs end in .yaml: rename what belongs to the stack.", place=place),)
    lie = "other *.yaml file lies" if len(left) == 1 else "other *.yaml files lie"
    summary = (
        f"{len(left)} {lie} beside {path.name} and {'is' if len(left) == 1 else 'are'} not read: {names}"
    )
    detail = f"What only they describe counts as removed. For the whole stack name the folder: {path.parent}"
    return (warning(summary, detail, place=place),)


def _order(problem: Diagnostic) -> tuple[bool, Place, str]:
    return problem.place is not None, problem.place or Place("", 0, 0), problem.summary


def _folder(path: Path) -> Path:
    try:
        return (path if path.is_dir() else path.parent).resolve()
    except (OSError, RuntimeError, ValueError):
        return path.parent.absolute()


def _list_files(path: Path, reading: _Reading) -> None:
    try:
        names = sorted(os.listdir(path)) if path.is_dir() else None
        exists = path.exists() or path.is_symlink()
    except (OSError, ValueError):
        reading.problems.append(error(f"{path} cannot be read", "Check the path and its permissions."))
        return
    if names is None and not exists:
        detail = "Give the path of a folder of *.yaml files, or of one such file."
        reading.problems.append(error(f"{path} does not exist", detail))
    elif names is None:
        reading.queue.append((path, None))
    else:
        # Names beginning with a dot are what editors leave behind.
        found = [name for name in names if name.endswith(".yaml") and not name.startswith(".")]
        reading.queue.extend((path / name, None) for name in found)
        if not found:
            reading.problems.append(_empty_folder(path, names))


def _empty_folder(path: Path, names: list[str]) -> Diagnostic:
    other = next((name for name in names if name.endswith(".yml")), None)
    if other:
        detail = f"Specs end in .yaml: rename {other} to {Path(other).with_suffix('.yaml')}."
        return error(f"{path} holds .yml files only", detail)
    detail = "Write a first file there, stack.yaml, beginning with:\nstack:\n  name: my-stack"
    return error(f"{path} holds no *.yaml file", detail)


def _read_file(path: Path, named: Place | None, reading: _Reading) -> None:
    name, real = str(path), _resolved(path)
    if real in reading.files:
        return
    if not real.is_relative_to(reading.folder):
        detail = "Everything of a stack is read from its own folder: copy the file into it."
        place = named or Place(name, 1, 1)
        reading.files[real] = None
        reading.problems.append(error(f"{name} leads out of the stack's folder", detail, place=place))
        return
    parsed = read(path, name)
    reading.sources[name] = parsed.lines
    reading.problems.extend(parsed.problems)
    root = _root(name, parsed.root, stopped=bool(parsed.problems), problems=reading.problems)
    reading.files[real] = root
    if root:
        _include(root, path.parent, reading)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        # A link that leads to itself, which reading it will tell.
        return path.parent.resolve() / path.name


def _root(name: str, root: Node | None, *, stopped: bool, problems: list[Diagnostic]) -> Mapping | None:
    if isinstance(root, Mapping):
        return root
    if root is None and stopped:
        return None
    place = root.place if root else Place(name, 1, 1)
    detail = "A spec is a map of blocks: stack:, variables:, conversations: and so on."
    if root is None or is_null(root):
        problems.append(
            error("the file is empty", f"{detail} Write one, or delete the file.", place=Place(name, 1, 1))
        )
    elif isinstance(root, Sequence):
        problems.append(error("the file is a list", detail, place=place))
    elif isinstance(root, Scalar):
        remedy = missing_space(root.text) if root.plain else ""
        summary = "a space is missing after the colon" if remedy else "the file is a single text"
        problems.append(error(summary, remedy or detail, place=place))
    return None


def _without_stack(path: Path, reading: _Reading) -> Diagnostic:
    detail = "Add it to one file:\nstack:\n  name: my-stack"
    if len(reading.sources) == 1:
        return error("there is no stack: block", detail, place=Place(next(iter(reading.sources)), 1, 1))
    looked = tuple(("looked", Place(name, 1, 1)) for name in reading.sources)
    return error(f"no file in {path} has a stack: block", detail, related=looked)


def _include(root: Mapping, beside: Path, reading: _Reading) -> None:
    wanted = root.get("include")
    if wanted is None or isinstance(wanted, Failed):
        return
    if not isinstance(wanted, Sequence):
        detail = "Write include: [conversations/*.yaml]."
        reading.problems.append(error("include is a list of paths", detail, place=wanted.place))
        return
    for item in wanted:
        if isinstance(item, Scalar):
            _include_one(item, beside, reading)
        elif not isinstance(item, Failed):
            reading.problems.append(
                error("a path is a text", "Write conversations/*.yaml.", place=item.place)
            )


def _include_one(item: Scalar, beside: Path, reading: _Reading) -> None:
    def refuse(summary: str, detail: str) -> None:
        reading.problems.append(error(summary, detail, place=item.place))

    if not item.text.endswith(".yaml"):
        refuse(
            "an included path ends in .yaml", "Name a file, or the files of a folder: conversations/*.yaml."
        )
    elif item.text.startswith(("/", "~")) or ".." in Path(item.text).parts or "\\" in item.text:
        refuse(
            "an included path stays in the stack's folder",
            "Write it relative to the folder of this file; .. and ~ are not used.",
        )
    elif not (found := _found(item.text, beside)):
        refuse(f"{item.text} matches no file", "Paths start from the folder of this file.")
    elif len(found) + len(reading.files) > _MAX_FILES:
        refuse(f"a stack has at most {_MAX_FILES} files", "Put more into one file, or make two stacks.")
    else:
        reading.queue.extend((path, item.place) for path in found)


def _found(pattern: str, beside: Path) -> list[Path]:
    try:
        if _GLOB.isdisjoint(pattern):
            return [beside / pattern] if (beside / pattern).exists() else []
        return sorted(path for path in beside.glob(pattern) if not path.name.startswith("."))
    except (OSError, ValueError):
        return []


def _merge(roots: list[Mapping], problems: list[Diagnostic]) -> Mapping:
    blocks: dict[str, list[Entry]] = {}
    for entry in (entry for root in roots for entry in root):
        if entry.key.text != "include" and not entry.key.text.startswith("x-"):
            blocks.setdefault(entry.key.text, []).append(entry)
    place = roots[0].place if roots else Place("", 1, 1)
    return Mapping(tuple(_joined(entries, problems) for entries in blocks.values()), place)


def _joined(entries: list[Entry], problems: list[Diagnostic]) -> Entry:
    """Return one entry for a block that several files write."""
    written = [entry for entry in entries if not is_null(entry.value)] or entries[:1]
    first, *others = entries if entries[0].key.text == "stack" else written
    if not others:
        return first
    if first.key.text == "stack":
        detail = (
            "One folder is one stack: keep one of the blocks, or move one stack into a folder of its own."
        )
        problems.extend(_twice("a second stack: block", detail, other.key, first.key) for other in others)
        return first
    maps = [entry for entry in written if isinstance(entry.value, Mapping)]
    if len(maps) < len(written):
        detail = "Only maps are laid together across files: keep one of the two."
        problems.extend(
            _twice(f"{first.key.text} is defined twice", detail, o.key, first.key) for o in others
        )
        return first
    return Entry(first.key, _union([e.value for e in maps if isinstance(e.value, Mapping)], problems))


def _union(maps: list[Mapping], problems: list[Diagnostic]) -> Mapping:
    entries: dict[str, Entry] = {}
    for entry in (entry for one in maps for entry in one):
        known = entries.setdefault(entry.key.text, entry)
        if known is not entry:
            detail = "Keep one of the two, or give one another key."
            problems.append(_twice(f"{entry.key.text} is defined twice", detail, entry.key, known.key))
    return Mapping(tuple(entries.values()), maps[0].place)


def _twice(summary: str, detail: str, second: Scalar, first: Scalar) -> Diagnostic:
    return error(summary, detail, place=second.place, related=(("first defined", first.place),))
