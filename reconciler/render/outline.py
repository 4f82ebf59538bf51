"""A Plan → what every output says about it in the same words: signs, sentences, counts, families."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.diagnostics import Severity
from reconciler.diff import whole_print
from reconciler.kinds import KINDS
from reconciler.kinds import mark as marks
from reconciler.model import Action, Half, Resource, Secret
from reconciler.render.values import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reconciler.model import Address, Change, Fields, Owner, Path, Plan, Value
    from reconciler.render.values import Words
    from reconciler.workflow import Planned

SYMBOLS: dict[Action, str] = {
    Action.CREATE: "+",
    Action.ADOPT: ">",
    Action.UPDATE: "~",
    Action.REPLACE: "+/-",
    Action.MOVE: "=",
    Action.CLOSE: "#",
    Action.DELETE: "-",
    Action.RELEASE: "!",
    Action.SEND: "*",
    Action.NONE: " ",
}
"""The sign of each action; a replacement that deletes first has ``-/+``."""

_URL: Path = ("url",)
_PAIR = frozenset({("address",), ("proxy",)})

REMOVALS = frozenset({Action.CLOSE, Action.DELETE, Action.RELEASE})

CLOSING = "it cannot be opened again; its transcript stays"
DELETING = "its transcript goes with it"
RELEASING = "it stays as it is and is no longer managed"


def deletes_first(plan: Plan) -> frozenset[Address]:
    """Return the replacements whose old half goes before the new one comes."""
    return frozenset(
        edge.before.address
        for edge in plan.edges
        if edge.before.address == edge.after.address
        and (edge.before.half, edge.after.half) == (Half.DROP, Half.MAKE)
    )


def has_transcript(change: Change) -> bool:
    """Whether what is removed is a resource with a life cycle, and so holds what people said."""
    return bool(change.live and change.live.state)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the outline: a change with its sign and its sentence, or a parent shown for context."""

    address: Address
    depth: int
    change: Change | None = None
    sign: str = " "
    sentence: str = ""


def items(plan: Plan, words: Words) -> Iterator[Item]:
    """Yield every visible change below the parents it stands in, family by family."""
    swaps = deletes_first(plan)
    for family in families(plan.visible):
        shown: set[Address] = set()
        for change in family:
            yield from _context(change.address, shown)
            shown.add(change.address)
            yield _item(change, words, deletes_first=change.address in swaps)


def families(changes: Iterable[Change]) -> list[list[Change]]:
    """Return the changes by the root they stand in, in the order of their first change."""
    found: dict[Address, list[Change]] = defaultdict(list)
    for change in changes:
        found[change.address.root].append(change)
    return list(found.values())


def _context(address: Address, shown: set[Address]) -> Iterator[Item]:
    if address.parent is not None and address.parent not in shown:
        yield from _context(address.parent, shown)
        shown.add(address.parent)
        yield Item(address.parent, len(address.parent.steps) - 1)


def _item(change: Change, words: Words, *, deletes_first: bool) -> Item:
    sign = "-/+" if deletes_first else SYMBOLS[change.action]
    sentence = sentence_of(change, words, deletes_first=deletes_first)
    return Item(change.address, len(change.address.steps) - 1, change, sign, sentence)


def sentence_of(change: Change, words: Words, *, deletes_first: bool) -> str:
    """Return what happens, what follows from it, and why: ``close: it cannot be opened again; …``."""
    parts = [consequence(change, deletes_first=deletes_first), words.text(change.why)]
    said = "; ".join(part for part in parts if part)
    return f"{change.action.value}: {said}" if said else change.action.value


def consequence(change: Change, *, deletes_first: bool) -> str:
    """Return what a reader must know about an action before agreeing to it."""
    if change.action is Action.REPLACE:
        return "delete the old one, then create" if deletes_first else "create, then delete the old one"
    if change.action is Action.CLOSE:
        return CLOSING
    if change.action is Action.RELEASE:
        return RELEASING
    return DELETING if change.action is Action.DELETE and has_transcript(change) else ""


def known_by(row: Resource) -> Fields:
    """Return the fields of a live row that the specs do not mention, or no longer.

    What was sensitive when we set it stays so (see `Mark.fields`); of a resource that has one print for the
    whole of it, the whole does. A url that we set is shown as it was when we set it; of any other one only
    the host is, because the rest often is a secret, and who wrote it cannot be asked.
    """
    fields = row.fields
    marked = row.live.mark.fields if row.live and row.live.mark else {}
    if marked.get(marks.WHOLE) == marks.SET_SECRET:
        return {path: Secret(value) for path, value in fields.items()}
    url = fields.get(_URL)
    if isinstance(url, str) and not _is_as_we_set(row, marked):
        fields = {**fields, _URL: host_of(url)}
    return {
        path: Secret(value) if marked.get(path[0]) == marks.SET_SECRET else value
        for path, value in fields.items()
    }


def _is_as_we_set(row: Resource, marked: Mapping[str, str]) -> bool:
    kind = next(kind for kind in KINDS if kind.name == row.address.kind)
    recorded = marked.get(marks.WHOLE, marks.SET_UNSEEN)
    return recorded != marks.SET_UNSEEN and recorded == whole_print(kind, row)


def removed_by(change: Change) -> Fields:
    """Return what a removed resource is known by."""
    return known_by(Resource(change.address, change.live_fields, live=change.live))


def other_half(change: Change) -> Iterator[tuple[Path, Value]]:
    """Yield the half of a participant's pair that a replacement keeps: one tells little without the other."""
    edited = {edit.path for edit in change.edits} & _PAIR
    if change.action is Action.REPLACE and len(edited) == 1:
        yield from ((path, change.fields[path]) for path in _PAIR - edited if path in change.fields)


# --- counts ------------------------------------------------------------------------------------------------


def plural(number: int, noun: str) -> str:
    """Return ``1 webhook``, ``2 webhooks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def by_kind(addresses: Iterable[Address]) -> str:
    """Return ``2 participants, 1 webhook``, in the order of their first address."""
    counts = Counter(address.kind for address in addresses)
    return ", ".join(plural(number, kind) for kind, number in counts.items())


def counts(plan: Plan) -> dict[Action, int]:
    """Return how many visible changes there are of each action, in the order of Action."""
    found = Counter(change.action for change in plan.visible)
    return {action: found[action] for action in Action if found[action]}


def errors_in(plan: Plan) -> int:
    """Return how many problems stand in the way of some address."""
    return sum(one.severity is Severity.ERROR for one in plan.diagnostics)


def to_do(plan: Plan) -> str:
    """Return ``3 to create, 1 to update``; '' where nothing is to do."""
    return ", ".join(f"{number:,} to {action.value}" for action, number in counts(plan).items())


def summary(plan: Plan) -> str:
    """Return the line that sums a plan up."""
    todo, errors = to_do(plan), errors_in(plan)
    refused = f"{plural(errors, 'problem')} {'stands' if errors == 1 else 'stand'} in the way"
    if todo:
        rest = [f"{plan.unchanged:,} unchanged"] * bool(plan.unchanged) + [refused] * bool(errors)
        return f"Plan: {'; '.join([todo, *rest])}."
    if errors:
        return f"Nothing can be done: {refused}."
    if plan.unchanged:
        are = "resource is as the specs say" if plan.unchanged == 1 else "resources are as the specs say"
        return f"Nothing to do: {plan.unchanged:,} {are}."
    return "Nothing to do: there is nothing of this stack."


def cautions(plan: Plan) -> list[str]:
    """Return sentences about what cannot be undone."""
    closing = [c for c in plan.visible if c.action is Action.CLOSE]
    losing = [c for c in plan.visible if c.action is Action.DELETE and has_transcript(c)]
    others = [c for c in plan.visible if c.action is Action.DELETE and not has_transcript(c)]
    replaced = [c for c in plan.visible if c.action is Action.REPLACE]
    said = [
        (losing, "will be deleted, transcript included."),
        (closing, "will be closed. What is closed cannot be opened again; its transcript stays."),
        (others, "will be deleted."),
        (replaced, "will be replaced by a new one."),
    ]
    return [f"{by_kind(c.address for c in changes)} {what}" for changes, what in said if changes]


# --- what stays --------------------------------------------------------------------------------------------


def owner(who: Owner, words: Words) -> str:
    """Return ``courier-demo (staging)``."""
    return words.text(str(who), 120)


def described(resource: Resource, words: Words) -> str:
    """Return a live resource as a person recognises it: ``participant MB…: identity "bob"``."""
    naming = ", ".join(f"{name} {value}" for name, value in words.naming(known_by(resource)))
    return f"{words.last(resource.address)}{': ' if naming else ''}{naming}"


def strangers(plan: Plan, words: Words, most: int = 20) -> list[str]:
    """Return lines about what others added: a count, then each below its parent; the rest as a number."""
    if not plan.strangers:
        return []
    lines = [f"Also there, left alone: {by_kind(one.address for one in plan.strangers)} that others added"]
    shown: Address | None = None
    for one in plan.strangers[:most]:
        above = one.address.parent
        if above is not None and above != shown:
            lines.append(f"  {words.address(above)}")
            shown = above
        lines.append(f"    {described(one, words)}")
    return lines + _rest(plan.strangers, most)


def closed(planned: Planned, words: Words, most: int = 20) -> list[str]:
    """Return lines about resources that have ended their life."""
    if not planned.closed:
        return []
    lines = [f"Closed already and left so: {by_kind(one.address for one in planned.closed)}"]
    lines += [f"    {closed_line(one, words)}" for one in planned.closed[:most]]
    return lines + _rest(planned.closed, most)


def closed_line(resource: Resource, words: Words) -> str:
    """Return the name of something closed, and its sid to find it by."""
    name = known_by(resource).get(("friendly_name",))
    known = [words.text(resource.live.sid)] if resource.live else []
    return " ".join([words.address(resource.address), *known, *([words.value(name)] if name else [])])


def _rest(all_of: Sequence[object], most: int) -> list[str]:
    return [f"    … and {len(all_of) - most:,} more"] if len(all_of) > most else []
