"""The nouns: what specs and the live account are read into, and what a plan is made of.

Everything here is a frozen value. Nothing here reads a file, a clock or a socket, and nothing here knows
a kind of resource by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from reconciler.diagnostics import Diagnostic

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""What JSON can hold."""

Path: TypeAlias = "tuple[str, ...]"
"""Where a value stands inside a resource: ``("attributes", "topic")``."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something is written: file as the person named it, line and column counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


_STEP = re.compile(r"(?P<kind>[a-z_]+)/(?P<key>[^/\s]+)")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of a resource in the specs: ``conversation/order-1042/participant/customer``."""

    steps: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, kind: str, key: str, parent: Address | None = None) -> Address:
        """Return the address of `key` below `parent`."""
        return cls((*(parent.steps if parent else ()), (kind, key)))

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read what ``str(address)`` wrote. Raises ValueError when `text` is no address."""
        parts = text.split("/")
        if len(parts) % 2 or not all(parts):
            raise ValueError(
                f"{text!r} is no address; an address reads kind/key, as in conversation/order-1042"
            )
        return cls(tuple(zip(parts[::2], parts[1::2], strict=True)))

    @property
    def kind(self) -> str:
        """The kind of the resource itself."""
        return self.steps[-1][0]

    @property
    def key(self) -> str:
        """The key of the resource itself."""
        return self.steps[-1][1]

    @property
    def parent(self) -> Address | None:
        """The resource this one stands in, if it stands in one."""
        return Address(self.steps[:-1]) if len(self.steps) > 1 else None

    @property
    def root(self) -> Address:
        """The outermost resource: the family whose writes are made one after another."""
        return Address(self.steps[:1])

    def __str__(self) -> str:
        return "/".join(f"{kind}/{key}" for kind, key in self.steps)


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that is another resource's `attribute` (``sid``, ``url`` …): known once that one exists."""

    address: Address
    attribute: str

    def __str__(self) -> str:
        return f"({self.address} {self.attribute})"


@dataclass(frozen=True, slots=True)
class Joined:
    """A text with Refs inside, kept in order: ``("https://x/", Ref(…))``."""

    parts: tuple[str | Ref, ...]

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that no output may show. Equal when what it hides is equal."""

    value: Value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __str__(self) -> str:
        return "(sensitive)"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A value that the account knows by name: the sid of the one row of `collection` called `name`."""

    collection: str
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Pool:
    """A value to be chosen from `candidates`, so that no pair is used twice and little moves."""

    candidates: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.candidates)}"


Value: TypeAlias = "Json | Ref | Joined | Lookup | Pool | Secret"
"""A leaf of a resource. ``None`` in what is desired means *not there*: clear it."""

Fields: TypeAlias = "Mapping[Path, Value]"
"""A resource's content, flattened to its leaves."""


def reveal(value: Value) -> Value:
    """Return what a Secret hides, and any other value as it is."""
    return value.value if isinstance(value, Secret) else value


def refs_in(value: Value) -> Iterator[Ref]:
    """Yield every Ref that `value` waits for."""
    value = reveal(value)
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Joined):
        yield from (part for part in value.parts if isinstance(part, Ref))


def settled(value: Value, known: Callable[[Ref], str | None]) -> Value:
    """Return a value with what is `known` in the place of its Refs; a Secret stays one."""
    if isinstance(value, Secret):
        return Secret(settled(value.value, known))
    if isinstance(value, Ref):
        return known(value) or value
    if isinstance(value, Joined):
        parts = tuple(known(part) or part if isinstance(part, Ref) else part for part in value.parts)
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if len(texts) == len(parts) else Joined(parts)
    return value


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a mark names: the stack, and the environment it is applied to ('' without environments)."""

    stack: str
    environment: str = ""

    def __str__(self) -> str:
        return f"{self.stack} ({self.environment})" if self.environment else self.stack


@dataclass(frozen=True, slots=True)
class Mark:
    """What we wrote about a resource into the resource itself.

    `fields` maps a dotted path to what we last set there (a short hash; ``?`` where a hash would give the
    value away; write-only values as they are). `children` maps names of children that can carry no mark of
    their own to their sids, and `prints` the same names to a short hash of what we last set there. `closing`
    says that the resource is on its way to being closed. `newer` says that a later version of this program
    wrote it, so that nothing else about it is known. `predecessor` is the sid of the row that this one was
    created to replace.
    """

    owner: Owner
    key: str
    fields: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, str] = field(default_factory=dict)
    prints: Mapping[str, str] = field(default_factory=dict)
    closing: bool = False
    newer: bool = False
    predecessor: str = ""
    protected: bool = False
    """Whether its removal needs a line of consent, also after it vanished from the specs."""


@dataclass(frozen=True, slots=True)
class Live:
    """What only a live resource has."""

    sid: str
    computed: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = None
    state: str = ""
    """The life-cycle state in Twilio's word, for kinds that have one."""
    created: str = ""
    """When it was created, as Twilio writes it; of two rows the older one sorts first."""

    def attribute(self, name: str) -> str | None:
        """Return what a Ref to this attribute is, None where it is not known."""
        return self.sid if name == "sid" else self.computed.get(name)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource in the shape both readers share: leaf paths and values, declared or live."""

    address: Address
    fields: Mapping[Path, Value]
    place: Place | None = None
    places: Mapping[Path, Place] = field(default_factory=dict)
    policy: Mapping[str, Json] = field(default_factory=dict)
    """What the spec says about handling rather than content (``on_closed``, ``once``, ``exclusive``)."""
    at_creation: Mapping[Path, Value] = field(default_factory=dict)
    """What is written when the resource is created and never compared afterwards."""
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class Graph:
    """Resources by address. `strangers` are live rows inside our resources that nobody of ours owns."""

    resources: Mapping[Address, Resource] = field(default_factory=dict)
    strangers: tuple[Resource, ...] = ()


class Action(StrEnum):
    """What a change does. `SYMBOLS` gives each its sign."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    REPLACE = "replace"
    MOVE = "move"
    CLOSE = "close"
    DELETE = "delete"
    RELEASE = "release"
    SEND = "send"
    NONE = "none"


class Cause(StrEnum):
    """Who made the specs and the account differ, told from what the mark says we last set."""

    YOU = "you changed it"
    THEY = "they changed it"
    BOTH = "both changed it"


@dataclass(frozen=True, slots=True)
class Edit:
    """One leaf that a change sets: what is there now, what will be, and who made the difference.

    `cause` is None where nobody can tell: at creation, and for values whose hash would give them away.
    """

    path: Path
    before: Value
    after: Value
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan: what happens to one resource, and all that carrying it out needs.

    `fields` are the values to hold afterwards (with Refs), `live` the row it starts from, `gone` what the
    removal takes along (children that vanish with their parent), `why` a reason for the reader only.
    """

    action: Action
    address: Address
    edits: tuple[Edit, ...] = ()
    fields: Mapping[Path, Value] = field(default_factory=dict)
    at_creation: Mapping[Path, Value] = field(default_factory=dict)
    mark: Mark | None = None
    """The mark the resource carries afterwards; None where it carries none."""
    live: Live | None = None
    live_fields: Mapping[Path, Value] = field(default_factory=dict)
    records: Mapping[str, Ref] | None = None
    """Children to write down in the mark once they exist, name to sid; None where there is nothing new."""
    prints: Mapping[str, str] = field(default_factory=dict)
    """What is written down with `records`: a short hash of what each child is then."""
    why: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a plan is for: the owner, and the service it lives in (sid, and the name as written)."""

    owner: Owner
    service_sid: str
    service: str = "default"
    account_sid: str = ""


class Mode(StrEnum):
    """What sort of run a plan is for."""

    APPLY = "apply"
    DESTROY = "destroy"
    DELETE = "destroy --delete"


class Half(StrEnum):
    """A part of a change that is carried out by itself."""

    MAKE = "make"
    """Brings about what is wanted."""
    DROP = "drop"
    """Removes what is there."""
    SEAL = "seal"
    """Writes down, in the parent's mark, which children came to be."""


@dataclass(frozen=True, slots=True, order=True)
class Operation:
    """One half of the change of one address."""

    address: Address
    half: Half


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`after` waits for `before`; with `needs` it is also skipped when `before` did not succeed."""

    before: Operation
    after: Operation
    needs: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference between specs and account, as a value that can be printed, saved and compared.

    `changes` are in the order they are shown. `edges` say which operations wait for which. `sids` are the
    live resources that the changes stand in or point at. `strangers` are shown and left alone.
    `diagnostics` say what was refused and what deserves a look, `left_out` which addresses are for that left
    as they are, whatever the specs want of them.
    """

    target: Target
    changes: tuple[Change, ...] = ()
    edges: tuple[Edge, ...] = ()
    sids: Mapping[Address, str] = field(default_factory=dict)
    unchanged: int = 0
    strangers: tuple[Resource, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    left_out: frozenset[Address] = frozenset()

    @property
    def visible(self) -> tuple[Change, ...]:
        """The changes a reader is shown: all but bookkeeping that accompanies another change."""
        return tuple(change for change in self.changes if change.action is not Action.NONE)


class EventKind(StrEnum):
    """What an Event reports."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened while a plan was carried out. `detail` is a sentence for the reader."""

    kind: EventKind
    operation: Operation
    action: Action
    sid: str = ""
    detail: str = ""
