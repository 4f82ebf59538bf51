"""What is in a service, and where a party stands → lines of text, or JSON.

Names and attributes of live rows are written by strangers: all of them go through Words.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.inventory import Standing
from reconciler.model import Secret
from reconciler.render import outline
from reconciler.render.fragments import fenced
from reconciler.render.json import FORMAT_VERSION
from reconciler.render.numbers import require_masked
from reconciler.render.text import Line, Tone
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.inventory import Entry, Inventory, Party, Presence
    from reconciler.model import Owner, Target, Value
    from reconciler.render.numbers import Numbers

_WIDEST = 40
"""How far columns are aligned; what is longer sticks out."""

_TITLES = {
    Standing.OWNED: "Owned by this stack",
    Standing.FOREIGN: "Owned by others",
    Standing.UNOWNED: "Owned by nobody",
}


def in_markdown(title: str, lines: Sequence[Line]) -> str:
    """Return lines, whose numbers are masked already, for a comment or a summary."""
    return "\n".join([f"### reconciler {title}", "", fenced("text", [line.text for line in lines])])


def columns(indent: str, table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows of a table as text, each column as wide as its widest cell, within bounds."""
    sizes: dict[int, int] = {}
    for cells in table:
        for n, cell in enumerate(cells):
            sizes[n] = max(sizes.get(n, 0), len(cell) if len(cell) <= _WIDEST else 0)
    for cells in table:
        yield (indent + "  ".join(f"{cell:<{sizes[n]}}" for n, cell in enumerate(cells))).rstrip()


def where(target: Target, words: Words) -> str:
    """Return whose eyes it is seen with, and the service."""
    names = " ".join(filter(None, dict.fromkeys((target.service, target.service_sid))))
    return f"{outline.owner(target.owner, words)} in service {words.text(names)}"


# --- what is there -----------------------------------------------------------------------------------------


def inventory_lines(inventory: Inventory, numbers: Numbers) -> list[Line]:
    """Return what is in a service: ours with their addresses, others' with their owners, nobody's."""
    words = Words(numbers)
    lines = [Line(where(inventory.target, words), Tone.TITLE), Line("")]
    for standing in Standing:
        found = [entry for entry in inventory.entries if entry.standing is standing]
        if found:
            lines.append(
                Line(f"{_TITLES[standing]}: {outline.by_kind(_kinds(found))}{_owners(found, words)}")
            )
            lines += [Line(text) for text in columns("  ", [[*_cells(one, words)] for one in found])]
            lines.append(Line(""))
    said = ", ".join(f"{count:,} {standing.value}" for standing, count in inventory.counts.items())
    return [*lines, Line(f"In all: {said}.", Tone.TITLE)]


def _kinds(entries: Iterable[Entry]) -> Iterator[Any]:
    return (entry.row.address for entry in entries)


def _owners(entries: Sequence[Entry], words: Words) -> str:
    """Return ``: 2 of stack billing, 1 of stack shop (prod)`` where other stacks own them."""
    found = Counter(_owner(entry, words) for entry in entries if entry.standing is Standing.FOREIGN)
    told = ", ".join(f"{count:,} of {owner}" for owner, count in sorted(found.items()))
    return f": {told}" if told else ""


def _owner(entry: Entry, words: Words) -> str:
    if entry.owner is None or not entry.owner.stack:
        return "a newer version of reconciler"
    return f"stack {outline.owner(entry.owner, words)}"


def _cells(entry: Entry, words: Words) -> Iterator[str]:
    fields = entry.row.fields
    name, title = fields.get(("unique_name",)), fields.get(("friendly_name",))
    yield from (words.text(entry.state), words.text(entry.sid))
    yield from (words.value(name) if name else "(no name)", words.value(title) if title else "")
    yield _whose(entry, words)


def _whose(entry: Entry, words: Words) -> str:
    if entry.address is not None:
        return words.address(entry.address)
    whose = f"of {_owner(entry, words)}" if entry.standing is Standing.FOREIGN else ""
    mark = entry.row.live.mark if entry.row.live else None
    if entry.resembles is None:
        return whose
    what = "a mark that does not fit its name, of" if mark and not whose else "the name of"
    return f"{whose}{'; ' if whose else ''}bears {what} {words.address(entry.resembles)}"


def inventory_json(inventory: Inventory, numbers: Numbers) -> str:
    """Return ``{"format_version", "target", "summary": {standing: count}, "resources": [ENTRY]}``.

    An ENTRY is ``{"kind", "standing", "state", "sid", "unique_name", "friendly_name", "owner", "address",
    "resembles"}``; an owner is ``{"stack", "environment"}``, a sensitive value ``{"sensitive": true}``.
    """
    summary = {standing.value: count for standing, count in inventory.counts.items()}
    entries = [_entry_data(entry, numbers) for entry in inventory.entries]
    return dumped({"summary": summary, "resources": entries}, inventory.target, numbers)


def dumped(data: dict[str, Any], target: Target, numbers: Numbers) -> str:
    """Return `data` as JSON with its frame. Raises ValueError where `numbers` would be shown as they are."""
    require_masked(numbers, "JSON")
    whole = {"format_version": FORMAT_VERSION, "target": _target_data(target, numbers), **data}
    return json.dumps(whole, indent=2, sort_keys=True)


def _target_data(target: Target, numbers: Numbers) -> dict[str, str]:
    names = {"service": target.service, "service_sid": target.service_sid, "account_sid": target.account_sid}
    return {name: numbers.mask(text) for name, text in {**owner_data(target.owner), **names}.items()}


def owner_data(owner: Owner) -> dict[str, str]:
    """Return an owner as JSON data."""
    return {"stack": owner.stack, "environment": owner.environment}


def _entry_data(entry: Entry, numbers: Numbers) -> dict[str, Any]:
    fields = entry.row.fields
    owner = entry.owner if entry.owner and entry.owner.stack else None
    return {
        "kind": entry.row.address.kind,
        "standing": entry.standing.value,
        "state": entry.state,
        "sid": entry.sid,
        "unique_name": _shared(fields.get(("unique_name",)), numbers),
        "friendly_name": _shared(fields.get(("friendly_name",)), numbers),
        "owner": {k: numbers.mask(v) for k, v in owner_data(owner).items()} if owner else None,
        "address": numbers.mask(str(entry.address)) if entry.address else None,
        "resembles": numbers.mask(str(entry.resembles)) if entry.resembles else None,
    }


def _shared(value: Value, numbers: Numbers) -> Any:
    if isinstance(value, Secret):
        return {"sensitive": True}
    return None if value is None else numbers.mask(str(value))


# --- where a party stands ----------------------------------------------------------------------------------


def party_lines(party: Party, numbers: Numbers) -> list[Line]:
    """Return every conversation that a number stands in, with the proxy that it writes to there."""
    words = Words(numbers)
    lines = [Line(where(party.target, words), Tone.TITLE), Line("")]
    table = [[*_presence_cells(one, words)] for one in party.presences]
    lines += [Line(text) for text in columns("  ", table)] + ([Line("")] if table else [])
    count = outline.plural(len(table), "conversation") if table else "no open conversation"
    more = f"; {party.left_out:,} closed (see --all)" if party.left_out else ""
    return [*lines, Line(f"{words.text(party.number)} stands in {count}{more}.", Tone.TITLE)]


def _presence_cells(one: Presence, words: Words) -> Iterator[str]:
    state, sid, name, title, whose = _cells(one.entry, words)
    closed = one.entry.state == "closed"
    through = f"{'wrote to' if closed else 'holds the pair with'} {words.text(one.proxy)}"
    yield from (state, sid, name, title, words.text(one.number))
    yield through if one.proxy else "without a proxy of ours"
    yield words.address(one.address) if one.address else whose or "owned by nobody"


def party_json(party: Party, numbers: Numbers) -> str:
    """Return ``{"format_version", "target", "party", "conversations": [ENTRY and more], "closed_left_out"}``.

    More: ``"party_number", "proxy", "holds_pair", "participant_sid"``, and its address as ``"participant"``.
    """
    data = {
        "party": numbers.mask(party.number),
        "conversations": [_presence_data(one, numbers) for one in party.presences],
        "closed_left_out": party.left_out,
    }
    return dumped(data, party.target, numbers)


def _presence_data(one: Presence, numbers: Numbers) -> dict[str, Any]:
    return {
        **_entry_data(one.entry, numbers),
        "party_number": numbers.mask(one.number),
        "proxy": numbers.mask(one.proxy) or None,
        "holds_pair": bool(one.proxy) and one.entry.state != "closed",
        "participant_sid": one.sid,
        "participant": numbers.mask(str(one.address)) if one.address else None,
    }
