"""One desired resource × its live row → the edits between them, and the mark it will carry.

Only leaves that the specs mention, or that we set before, are compared: the rest is not managed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.kinds import mark as marks
from reconciler.kinds.base import Kind, MarkHome
from reconciler.model import (
    Cause,
    Edit,
    Fields,
    Joined,
    Json,
    Lookup,
    Mark,
    Owner,
    Path,
    Ref,
    Resource,
    Secret,
    Value,
    reveal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def same_value(kind: Kind, path: Path, one: Value, other: Value) -> bool:
    """Whether two values mean the same to Twilio and to us: 1 is 1.0, but true is not 1."""
    one, other = kind.comparable(path, one), kind.comparable(path, other)
    if isinstance(one, Ref | Joined | Lookup):
        return False
    if not isinstance(one, list | dict) and not isinstance(other, list | dict):
        return one == other and isinstance(one, bool) == isinstance(other, bool)
    if marks.canonical(one) == marks.canonical(other):
        return True
    from deepdiff import DeepDiff

    return not DeepDiff(one, other, ignore_numeric_type_changes=True)


def live_at(fields: Fields, path: Path) -> Value:
    """Return the live value at `path`: a leaf, or the object of all leaves below it, or None."""
    if path in fields:
        return fields[path]
    below = {found[len(path) :]: value for found, value in fields.items() if found[: len(path)] == path}
    if not below:
        return None
    return {marks.dotted(rest): value for rest, value in below.items()}  # type: ignore[misc]


def create_edits(wanted: Resource) -> tuple[Edit, ...]:
    """Return what a creation sets: every leaf that has a value, sorted by path."""
    return tuple(
        Edit(path, None, value)
        for path, value in sorted(wanted.fields.items(), key=_by_path)
        if value is not None
    )


def _by_path(leaf: tuple[Path, Value]) -> Path:
    return leaf[0]


def edits_between(kind: Kind, wanted: Resource, live: Resource) -> tuple[Edit, ...]:
    """Return the edits that make `live` what is `wanted`, sorted by path."""
    mark = live.live.mark if live.live else None
    found = [*_set_edits(kind, wanted, live, mark), *_dropped_edits(kind, wanted, live, mark)]
    if kind.natural_key(wanted.fields) != kind.natural_key(live.fields):
        found += _vanished_keys(kind, wanted, live, {edit.path for edit in found})
    return tuple(sorted(found, key=lambda edit: edit.path))


def _set_edits(kind: Kind, wanted: Resource, live: Resource, mark: Mark | None) -> Iterator[Edit]:
    for path, value in wanted.fields.items():
        have = _recorded(mark, path) if path[0] in kind.write_only else live_at(live.fields, path)
        if not same_value(kind, path, reveal(value), have):
            where = marks.WHOLE if kind.mark is MarkHome.PARENT else marks.dotted(path)
            was_secret = mark is not None and mark.fields.get(where) == marks.SET_SECRET
            before = Secret(have) if isinstance(value, Secret) or was_secret else have
            yield Edit(path, before, value, _cause(kind, path, wanted, live, mark))


def _recorded(mark: Mark | None, path: Path) -> Value:
    return mark.fields.get(marks.dotted(path)) if mark else None


def _dropped_edits(kind: Kind, wanted: Resource, live: Resource, mark: Mark | None) -> Iterator[Edit]:
    """Clear what we set and the specs no longer mention, where it still is what we set."""
    if mark is None:
        return
    still = {marks.dotted(path) for path in wanted.fields}
    candidates = {marks.dotted(path): path for path in live.fields}
    candidates |= {
        f"{name}.{rest}": (name, rest) for name, _, rest in map(_head, mark.fields) if name in kind.write_only
    }
    for name in mark.fields.keys() - still:
        path = candidates.get(name)
        if path is None or path[0] not in kind.clear:
            continue
        have = mark.fields[name] if path[0] in kind.write_only else live.fields[path]
        unseen = mark.fields[name] in (marks.SET_UNSEEN, marks.SET_SECRET)
        if path[0] in kind.write_only or unseen or mark.fields[name] == marks.fingerprint(have):
            before = Secret(have) if mark.fields[name] == marks.SET_SECRET else have
            yield Edit(path, before, None, Cause.YOU)


def _cause(kind: Kind, path: Path, wanted: Resource, live: Resource, mark: Mark | None) -> Cause | None:
    """Tell from what we last set who made the difference; None where the mark holds nothing to tell by."""
    if kind.mark is MarkHome.PARENT:
        entry = mark.fields.get(marks.WHOLE) if mark else None
        have, want = whole_print(kind, live), whole_print(kind, wanted)
    else:
        entry = mark.fields.get(marks.dotted(path)) if mark else marks.SET_UNSEEN
        have = _print_at(kind, path, live_at(live.fields, path))
        want = _print_at(kind, path, wanted.fields[path])
    if path[0] in kind.write_only or entry is None:
        return Cause.YOU
    if entry in (marks.SET_UNSEEN, marks.SET_SECRET):
        return None
    if entry == have:
        return Cause.YOU
    return Cause.THEY if entry == want else Cause.BOTH


def whole_print(kind: Kind, resource: Resource) -> str:
    """Return one print of all that tells a resource; no hash where that would give a value away."""
    if any(isinstance(value, Secret) for value in resource.fields.values()):
        return marks.SET_SECRET
    if any(isinstance(value, Ref | Joined) for value in resource.fields.values()):
        return marks.SET_UNSEEN
    key = kind.natural_key(resource.fields)
    parts = key if isinstance(key, tuple) else (key,)
    texts: list[Json] = [sorted(part) if isinstance(part, frozenset) else str(part) for part in parts]
    more = ((name,) for name in sorted(kind.printed))
    texts += [str(kind.comparable(path, resource.fields.get(path))) for path in more]
    return marks.fingerprint(texts)


def _head(name: str) -> tuple[str, str, str]:
    return name.partition(".")


def _vanished_keys(kind: Kind, wanted: Resource, live: Resource, seen: set[Path]) -> Iterator[Edit]:
    """Drop the old fields of a natural key that changes its sort (a phone becomes a chat user)."""
    for path, value in live.fields.items():
        if path[0] in kind.create_only and path not in wanted.fields and path not in seen:
            yield Edit(path, value, None)


def must_replace(kind: Kind, edits: tuple[Edit, ...]) -> bool:
    """Whether edits touch what no update can change."""
    cannot_update = "update" not in {way.value for way in kind.ways}
    return bool(edits) and (cannot_update or any(edit.path[0] in kind.create_only for edit in edits))


def new_mark(
    kind: Kind, owner: Owner, wanted: Resource, edits: tuple[Edit, ...], before: Mark | None, *, fresh: bool
) -> Mark | None:
    """Return the mark a resource carries afterwards: its field map names what we set and still declare."""
    if kind.mark is not MarkHome.ATTRIBUTES:
        return None
    edited = {edit.path for edit in edits}
    old: Mapping[str, str] = before.fields if before else {}
    fields: dict[str, str] = {}
    for path, value in wanted.fields.items():
        name = marks.dotted(path)
        if value is None or path[0] in kind.create_only:
            continue
        if fresh or path in edited:
            fields[name] = _entry(kind, path, value)
        elif name in old:
            fields[name] = old[name]
    mark = Mark(owner, wanted.address.key, fields, protected=bool(wanted.policy.get("protect")))
    if fresh or not before:
        return mark
    return replace(mark, children=before.children, prints=before.prints, predecessor=before.predecessor)


def _entry(kind: Kind, path: Path, value: Value) -> str:
    if path[0] in kind.write_only:
        return str(value)
    return _print_at(kind, path, value)


def _print_at(kind: Kind, path: Path, value: Value) -> str:
    return marks.name_print(str(value)) if path in kind.public else marks.fingerprint(value)


def largest_mark(kind: Kind, owner: Owner, wanted: Resource, children: Mapping[str, str]) -> Mark | None:
    """Return the mark as it will be once everything declared is set, to check its size offline."""
    mark = new_mark(kind, owner, wanted, create_edits(wanted), None, fresh=True)
    return (
        Mark(mark.owner, mark.key, mark.fields, children, dict.fromkeys(children, "000000")) if mark else None
    )
