"""The files that a stack is read from → whether they were saved since; also by rename, also new ones.

Nothing is asked of the operating system but names, sizes and times, so this works wherever files do. A save
counts once two looks in a row see the same: editors write in pieces, and programs write several files.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from reconciler.nodes import Mapping, Scalar, Sequence
from reconciler.yaml_nodes import MAX_BYTES, read

if TYPE_CHECKING:
    from collections import abc

Sight: TypeAlias = "abc.Mapping[Path, Print]"
"""What a look saw: every file that belongs to a stack, and what tells one content from another."""
Print: TypeAlias = tuple[int, int, int]
"""Size, time of the last change in nanoseconds, and inode: a rename brings another one."""

_STACK = re.compile(rb"""^(["']?)stack\1[ \t]*:""", re.MULTILINE)
"""How the block begins in a file that is too broken to be read."""
MOST = 2_000
"""How many files are looked at."""


@dataclass
class Watch:
    """Looks at the files of the stack at `path`, and at `beside` (files of variables)."""

    path: Path
    beside: tuple[Path, ...] = ()
    is_full: bool = False
    """Whether the last look left files out, because there are more than MOST."""
    _includes: dict[Path, tuple[Print, tuple[str, ...]]] = field(default_factory=dict)
    _latest: Sight = field(default_factory=dict)
    _taken: Sight = field(default_factory=dict)

    def take(self) -> None:
        """Count everything as it is now as known."""
        self._latest = self._taken = self._look()

    def step(self) -> tuple[Path, ...]:
        """Look once; return what was saved, came or went since it was known, once that has come to rest."""
        now, before = self._look(), self._latest
        self._latest = now
        if now != before:
            return ()
        known, self._taken = self._taken, now
        return tuple(sorted(path for path in {*known, *now} if known.get(path) != now.get(path)))

    def holds_stack(self) -> bool:
        """Whether any of the files, broken or not, has a ``stack:`` block."""
        return any(_has_stack(path) for path in self._taken if path not in self.beside)

    def _look(self) -> Sight:
        """Return what there is: the files beside each other, what they include, and what that includes."""
        found: dict[Path, Print] = {}
        first = _matching(self.path, "*.yaml") if self.path.is_dir() else [self.path]
        waiting = deque([*self.beside, *first])
        while waiting and len(found) < MOST:
            path = waiting.popleft()
            seen = None if path in found else _print(path)
            if seen is None:
                continue
            found[path] = seen
            if path not in self.beside:
                for pattern in self._included(path, seen):
                    waiting.extend(_matching(path.parent, pattern))
        self.is_full = any(path not in found for path in waiting)
        return found

    def _included(self, path: Path, seen: Print) -> tuple[str, ...]:
        """Return what a file includes; as it was before where it cannot be read now."""
        known = self._includes.get(path)
        if known is None or known[0] != seen:
            patterns = _patterns(path)
            known = seen, patterns if patterns is not None else known[1] if known else ()
            self._includes[path] = known
        return known[1]


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern; names with a dot first are what editors leave behind."""
    if not any(sign in pattern for sign in "*?["):
        return [folder / pattern]
    try:
        return [path for path in folder.glob(pattern) if not path.name.startswith(".")]
    except (OSError, ValueError):
        return []


def _print(path: Path) -> Print | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(MAX_BYTES)  # what is longer is refused by who reads it
    except OSError:
        return b""


def _has_stack(path: Path) -> bool:
    content = _content(path)
    root = read(path, str(path)).root if b"stack" in content else None
    return root.get("stack") is not None if isinstance(root, Mapping) else bool(_STACK.search(content))


def _patterns(path: Path) -> tuple[str, ...] | None:
    """Return the paths that a file includes; None where that cannot be told. What leads out is refused."""
    if b"include" not in _content(path):
        return ()
    parsed = read(path, str(path))
    wanted = parsed.root.get("include") if isinstance(parsed.root, Mapping) else None
    if parsed.problems or not isinstance(wanted, Sequence):
        return None
    texts = [item.text for item in wanted if isinstance(item, Scalar)]
    return tuple(one for one in texts if one.endswith(".yaml") and not _leads_out(one))


def _leads_out(text: str) -> bool:
    return text.startswith(("/", "~")) or "\\" in text or ".." in Path(text).parts
