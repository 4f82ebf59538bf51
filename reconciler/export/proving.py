"""Written specs → read back by our own parser: what would be refused, and what a plan would change.

So an export never says more than it can keep: whatever is not read back as it stands in the account is taken
out of it and told.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.desired import read_desired
from reconciler.diagnostics import ReconcilerError, SpecError
from reconciler.diff.compare import edits_between, largest_mark
from reconciler.documents import Document
from reconciler.kinds import KINDS
from reconciler.kinds.attributes import merged_attributes
from reconciler.kinds.base import MarkHome
from reconciler.model import Address, Lookup, Resource
from reconciler.nodes import Mapping
from reconciler.variables import Inputs
from reconciler.yaml_nodes import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Dict

    from reconciler.export.items import Entry
    from reconciler.model import Owner, Place, Value
    from reconciler.stack import Stack

NAME = "export.yaml"
"""What places in the text call it."""


def objections(
    text: str, secrets: Dict[str, Value], entries: Dict[Address, Entry]
) -> dict[Address, tuple[str, str]]:
    """Return each address that cannot stay as it is written, with what is wrong and what to do.

    Raises ReconcilerError where the text as a whole cannot be used.
    """
    parsed = parse(text.encode(), NAME)
    root = parsed.root
    if parsed.problems or not isinstance(root, Mapping):
        detail = "Name fewer conversations: by sids, unique names or globs."
        raise ReconcilerError("this is too much for one file of specs", detail)
    document = Document(root, {NAME: parsed.lines}, Path(), ())
    try:
        stack, _ = read_desired(document, KINDS, Inputs(flags=tuple(_flags(secrets))))
    except SpecError as refusal:
        return _refused(refusal, root, entries)
    return dict(_unkept(stack, entries))


def _flags(secrets: Dict[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in secrets.items():
        yield name, value if isinstance(value, str) else json.dumps(value)


def _refused(
    refusal: SpecError, root: Mapping, entries: Dict[Address, Entry]
) -> dict[Address, tuple[str, str]]:
    starts = sorted(_starts(root, None))
    found: dict[Address, tuple[str, str]] = {}
    for one in refusal.diagnostics:
        at = bisect_right(starts, (one.place,), key=lambda start: start[:1]) - 1 if one.place else -1
        address = one.address or (starts[at][1] if at >= 0 else None)
        if address is None or address not in entries:
            raise ReconcilerError(f"this cannot be written as specs: {one.summary}", one.detail)
        found.setdefault(address, (one.summary, one.detail))
    return found


def _starts(node: Mapping, parent: Address | None) -> Iterator[tuple[Place, Address]]:
    """Yield where each resource begins in the text."""
    for kind in KINDS:
        above = kind.parent.name if kind.parent else None
        block = node.get(kind.plural) if above == (parent.kind if parent else None) else None
        for entry in block if isinstance(block, Mapping) else ():
            address = Address.of(kind.name, entry.key.text, parent)
            yield entry.key.place, address
            if isinstance(entry.value, Mapping):
                yield from _starts(entry.value, address)


def _unkept(stack: Stack, entries: Dict[Address, Entry]) -> Iterator[tuple[Address, tuple[str, str]]]:
    """Yield what a plan would change, and what has no room for a mark."""
    names: dict[Address, dict[str, str]] = defaultdict(dict)
    for address, entry in entries.items():
        if address.parent and entry.item.kind.mark is MarkHome.PARENT:
            names[address.parent][address.key] = entry.item.sid
    for address, entry in entries.items():
        wanted = stack.desired.resources[address]
        paths = [".".join(path) for path in _edited(wanted, entry)]
        if paths:
            yield address, (f"specs cannot say this: {', '.join(paths)}", "It stays as it is.")
        elif not _has_room(wanted, entry, stack.owner, names[address]):
            yield address, ("its attributes leave no room for a mark", "Take something out of them.")


def _edited(wanted: Resource, entry: Entry) -> Iterator[tuple[str, ...]]:
    """Yield the fields that a plan would change; a first unique_name is told elsewhere."""
    live = entry.item.here
    if live.live is not None and entry.item.kind.mark is MarkHome.ATTRIBUTES:
        known = entry.item.mark if entry.is_ours else None
        live = replace(live, live=replace(live.live, mark=known))
    for path, value in wanted.fields.items():
        if isinstance(value, Lookup):
            wanted = replace(wanted, fields={**wanted.fields, path: live.fields.get(path)})
    kind = entry.item.kind
    if kind.mark is MarkHome.PARENT and kind.natural_key(wanted.fields) != kind.natural_key(live.fields):
        yield ("target",)
    for edit in edits_between(kind, wanted, live):
        if edit.path != ("unique_name",) or edit.before is not None:
            yield edit.path


def _has_room(wanted: Resource, entry: Entry, owner: Owner, names: Dict[str, str]) -> bool:
    """Whether Twilio keeps a row's attributes with the mark it will bear; `names` are its webhooks'."""
    kind = entry.item.kind
    if kind.mark is not MarkHome.ATTRIBUTES:
        return True
    mark = largest_mark(kind, owner, wanted, names)
    return len(merged_attributes(entry.item.raw, {}, mark).encode()) <= kind.attributes_limit_bytes
