"""What a sort of resource is: a frozen value that turns our words into Twilio's calls and back.

A new kind is one file that builds a `Kind` and one line in `kinds/__init__.py`. Everything else (validation
with places, order, diff, rendering, the laws in the tests) is derived from that value.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.kinds.attributes import (
    ATTRIBUTES,
    attributes_text,
    live_mark,
    merged_attributes,
    split_attributes,
)
from reconciler.model import (
    Action,
    Address,
    Change,
    Fields,
    Half,
    Json,
    Mark,
    Owner,
    Path,
    Ref,
    Resource,
    Target,
    Value,
)
from reconciler.step import Body, Form, Recall, Row, Segment, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from pydantic import BaseModel

Claim: TypeAlias = "tuple[Hashable, ...]"
"""Something only one live resource can hold: ``("pair", "+1…", "+1…")``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something offline rules object to: where in the resource, what is wrong, what would be right."""

    address: Address
    path: Path
    summary: str
    detail: str = ""


class Way(StrEnum):
    """What Twilio's API lets one do with a resource."""

    CREATE = "create"
    GET = "get"
    LIST = "list"
    UPDATE = "update"
    DELETE = "delete"


class MarkHome(StrEnum):
    """Where a kind's mark lives."""

    ATTRIBUTES = "attributes"
    PARENT = "parent"
    """In the mark of the resource it stands in, by name and sid."""
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Declared:
    """What one spec says: content, what is set at creation only, and how to handle the resource."""

    fields: Fields
    at_creation: Fields = field(default_factory=dict)
    policy: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """What a spec needs to know of its surroundings: its key, the stack, and the stack's senders.

    A sender is the numbers it may use, one or (a pool) several; one that could not be read has none, so that
    nothing more is said about what uses it.
    """

    key: str
    stack: str
    senders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holder:
    """A live row that holds a claim: its sid, what it stands in (sid, name, state), and whose that is.

    `owner` and `key` are what the mark on what it stands in names; None and '' where nobody marked it.
    """

    sid: str
    parent_sid: str
    name: str
    state: str
    owner: Owner | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """How to ask who holds what a resource claims.

    query      fields → (parameter, value) of a list, None where nothing can be asked
    holders    a row of that list → the claims it holds, each with its holder
    """

    path: tuple[str, ...]
    list_key: str
    query: Callable[[Fields], tuple[str, str] | None]
    holders: Callable[[Row], Iterator[tuple[Claim, Holder]]]


def no_claims(address: Address, fields: Fields) -> frozenset[Claim]:  # noqa: ARG001 - the shape of a hook
    """Return nothing: a kind that holds nothing exclusive."""
    return frozenset()


def no_party(fields: Fields) -> str:  # noqa: ARG001 - the shape of a hook
    """Return nothing: a kind through which nobody is written to."""
    return ""


def no_findings(resources: Sequence[Resource], site: Site) -> Iterator[Finding]:  # noqa: ARG001 - a hook
    """Yield nothing: a kind without rules of its own."""
    yield from ()


def no_name(stack: str, key: str) -> Hashable | None:  # noqa: ARG001 - the shape of a hook
    """Return nothing: a kind whose natural key does not follow from stack and key."""
    return None


def any_row(mark: Mark, fields: Fields, sid: str) -> bool:  # noqa: ARG001 - the shape of a hook
    """Return true: a kind whose marks count wherever they are found."""
    return True


def as_is(path: Path, value: Value) -> Value:  # noqa: ARG001 - the shape of a hook
    """Return `value`: a kind whose values compare as they are."""
    return value


@dataclass(frozen=True)
class Kind:
    """One sort of resource, as data and pure functions. Field names are the first names of paths.

    collection    path segments below the parent; ``{service}`` is the sid of the plan's service
    create_only   fields that no update can change: a change of them replaces the resource
    printed       fields that a print of the whole covers beside the natural key
    public        paths of names that whoever reads a mark can read too, so that their hash gives nothing away
    write_only    fields that are never answered: compared with what the mark says we set
    clear         field → what to send to clear it; a field that is missing here cannot be cleared
    capacity      how many siblings Twilio allows
    unique        Twilio refuses a second row with the same natural key, so that a create may be sent again
    takes_over    an unmarked live row with our natural key becomes ours (so for what stands in ours)
    fits          whether a mark belongs on the row it was found on
    open_states   the states that are listed, where a kind has a life cycle; others are finished
    named         the natural key that (stack, key) gives a resource whose spec says no other
    claims        what only one live resource can hold, so that whoever holds it must let go first
    inquiry       how to ask, while planning, who holds what is claimed
    party         the number that could be written to because of it
    transcript    the collection that a deletion would lose
    check         the offline rules for all resources of the kind that stand in one place
    stays_when_closed  whether it is left where it is when what it stands in is closed
    """

    name: str
    plural: str
    host: str
    collection: tuple[str, ...]
    list_key: str
    declare: Callable[[Any, Site], Declared]
    natural_key: Callable[[Fields], Hashable | None]
    to_form: Callable[[Fields], Body]
    from_live: Callable[[Row], Fields]
    spec: type[BaseModel] | None = None
    parent: Kind | None = None
    ways: frozenset[Way] = frozenset(Way)
    create_only: frozenset[str] = frozenset()
    write_only: frozenset[str] = frozenset()
    public: frozenset[Path] = frozenset()
    printed: frozenset[str] = frozenset()
    clear: Mapping[str, str] = field(default_factory=dict)
    mark: MarkHome = MarkHome.NOWHERE
    unique: bool = False
    takes_over: bool = True
    fits: Callable[[Mark, Fields, str], bool] = any_row
    open_states: tuple[str, ...] = ()
    stays_when_closed: bool = False
    singleton: bool = False
    page_size: int = 50
    capacity: int | None = None
    captures: tuple[str, ...] = ("sid", "url")
    attributes_limit_bytes: int = 0
    update_method: str = "POST"
    named: Callable[[str, str], Hashable | None] = no_name
    claims: Callable[[Address, Fields], frozenset[Claim]] = no_claims
    inquiry: Inquiry | None = None
    transcript: str = ""
    party: Callable[[Fields], str] = no_party
    check: Callable[[Sequence[Resource], Site], Iterator[Finding]] = no_findings
    comparable: Callable[[Path, Value], Value] = as_is
    steps: Callable[[Kind, Half, Change, Target], tuple[Step, ...]] | None = None


class CannotDeclareError(ValueError):
    """A spec that is well formed names something the stack does not have; `field` says where it does."""

    def __init__(self, name: str, summary: str, detail: str) -> None:
        super().__init__(summary)
        self.field = name
        self.detail = detail


# --- paths -------------------------------------------------------------------------------------------------


def collection_path(kind: Kind, address: Address, target: Target) -> tuple[Segment, ...]:
    """Return the path of the collection that `address` stands in, with a Ref for the parent's sid."""
    here = tuple(target.service_sid if part == "{service}" else part for part in kind.collection)
    if kind.parent is None or address.parent is None:
        return here
    above = collection_path(kind.parent, address.parent, target)
    return (*above, *here) if kind.parent.singleton else (*above, Ref(address.parent, "sid"), *here)


def instance_path(kind: Kind, change: Change, target: Target) -> tuple[Segment, ...]:
    """Return the path of the live row a change starts from, or of the row its creation will make."""
    collection = collection_path(kind, change.address, target)
    if kind.singleton:
        return collection
    return (*collection, change.live.sid if change.live else Ref(change.address, "sid"))


# --- forms -------------------------------------------------------------------------------------------------


def form_text(value: Value) -> str:
    """Return a value as Twilio's forms write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def named_form(names: Mapping[Path, str], fields: Fields) -> Form:
    """Return the form that gives each field under its name in `names`; a list repeats its name."""
    pairs: list[tuple[str, str]] = []
    for path, name in names.items():
        value = fields.get(path)
        values: Iterable[Any] = value if isinstance(value, list) else () if value is None else (value,)
        pairs.extend((name, form_text(one)) for one in values)
    return Form(tuple(pairs))


# --- steps -------------------------------------------------------------------------------------------------


def captures_of(kind: Kind) -> dict[str, str]:
    """Return which keys of an answer are kept."""
    return {name: name for name in kind.captures}


def steps_of(kind: Kind, half: Half, change: Change, target: Target) -> tuple[Step, ...]:
    """Return the calls that carry out one half of a change; Refs in its fields are already values."""
    return (kind.steps or crud_steps)(kind, half, change, target)


def crud_steps(kind: Kind, half: Half, change: Change, target: Target) -> tuple[Step, ...]:
    """Return the plain calls: one POST to create, one to update, one DELETE."""
    if half is Half.SEAL:
        return (_merge_step(kind, "record", change, target),)
    if half is Half.DROP:
        return (_drop_step(kind, change, target),)
    if change.action in (Action.CREATE, Action.REPLACE):
        return (_create_step(kind, change, target),)
    return (_update_step(kind, change, target),)


def _create_step(kind: Kind, change: Change, target: Target) -> Step:
    plain, leaves = split_attributes({**change.at_creation, **change.fields})
    if kind.mark is MarkHome.ATTRIBUTES:
        plain[(ATTRIBUTES,)] = attributes_text(leaves, change.mark)
    elif leaves:
        plain[(ATTRIBUTES,)] = attributes_text(leaves, None)
    path = collection_path(kind, change.address, target)
    return Step(
        "create",
        "POST",
        kind.host,
        path,
        kind.to_form(plain),
        capture=captures_of(kind),
        recall=_recall(kind, change, path),
        repeatable=kind.unique,
        asked={**change.at_creation, **change.fields},
    )


def _recall(kind: Kind, change: Change, path: tuple[Segment, ...]) -> Recall | None:
    """Return how to find what a creation made: by its name where there is one, else among its siblings."""
    name = kind.natural_key(change.fields)
    matches = partial(_is_made, kind, change)
    if isinstance(name, str) and Way.GET in kind.ways:
        return Recall((*path, name), matches)
    return Recall(path, matches, kind.list_key, kind.page_size) if Way.LIST in kind.ways else None


def _is_made(kind: Kind, change: Change, row: Row) -> bool:
    """Whether a row is what the creation of `change` made: by our mark, or else by all that was asked for."""
    live = kind.from_live(row)
    if kind.natural_key(live) != kind.natural_key(change.fields):
        return False
    if kind.mark is not MarkHome.ATTRIBUTES or change.mark is None:
        return all(
            kind.comparable(at, live.get(at)) == kind.comparable(at, value)
            for at, value in change.fields.items()
        )
    mark = live_mark(row)
    return mark is not None and (mark.owner, mark.key) == (change.mark.owner, change.mark.key)


def _update_step(kind: Kind, change: Change, target: Target) -> Step:
    step = _merge_step(kind, "update", change, target)
    if kind.mark is MarkHome.ATTRIBUTES:
        return step
    body = kind.to_form(_around(kind, change.live_fields) | _edited(kind, change))
    return replace(step, merge=None, body=body)


def _merge_step(kind: Kind, name: str, change: Change, target: Target) -> Step:
    edits = () if name == "record" else change.edits
    edited = {} if name == "record" else _edited(kind, change)
    return Step(
        name,
        kind.update_method,
        kind.host,
        instance_path(kind, change, target),
        merge=partial(merged_body, kind, edited, change.mark),
        capture=captures_of(kind),
        repeatable=True,
        asked={edit.path: change.fields.get(edit.path) for edit in edits},
    )


def _drop_step(kind: Kind, change: Change, target: Target) -> Step:
    path = instance_path(kind, change, target)
    if change.action is Action.RELEASE:
        merge = partial(merged_body, kind, {}, None)
        return Step("release", kind.update_method, kind.host, path, merge=merge, capture={}, repeatable=True)
    return Step("delete", "DELETE", kind.host, path, capture={}, repeatable=True)


def merged_body(kind: Kind, edited: Fields, mark: Mark | None, row: Row) -> Body:
    """Return the body of an update whose attributes are merged into a fresh row."""
    plain, leaves = split_attributes(edited)
    plain[(ATTRIBUTES,)] = merged_attributes(row, leaves, mark)
    return kind.to_form(_around(kind, kind.from_live(row)) | plain)


def _around(kind: Kind, live: Fields) -> dict[Path, Value]:
    """Return what an update sends beside its edits: nothing, or all that is there where PUT replaces it."""
    return dict(split_attributes(live)[0]) if kind.update_method == "PUT" else {}


def _edited(kind: Kind, change: Change) -> dict[Path, Value]:
    """Return what an update sends: each edited leaf, cleared ones in the way Twilio clears them."""
    return {edit.path: _sent(kind, edit.path, change.fields.get(edit.path)) for edit in change.edits}


def _sent(kind: Kind, path: Path, value: Value) -> Value:
    if value is None and path[0] != ATTRIBUTES:
        return kind.clear.get(path[0])
    return value
