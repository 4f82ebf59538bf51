"""One call as a value: what the executor asks the gateway to send.

Steps are made from a change when it is carried out and are never stored in a plan. A `Ref` in a path or a
body is the sid (or another attribute) of a resource that an earlier step brought into being.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.model import Fields, Joined, Ref

Row: TypeAlias = "dict[str, Any]"
"""A resource as Twilio's JSON answers it."""

Segment: TypeAlias = "str | Ref"


@dataclass(frozen=True, slots=True)
class Form:
    """Form fields in order; a name may stand more than once (Twilio's way to write a list)."""

    pairs: tuple[tuple[str, str | Ref | Joined], ...]


@dataclass(frozen=True, slots=True)
class JsonBody:
    """A JSON document."""

    value: Any


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body; a part with a `filename` is a file."""

    name: str
    content: bytes
    filename: str = ""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Multipart:
    """A multipart/form-data body."""

    parts: tuple[Part, ...]


Body: TypeAlias = "Form | JsonBody | Multipart"


@dataclass(frozen=True, slots=True)
class Until:
    """Poll `path` until its `field` says one of `done`; one of `failed` ends it as a failure."""

    path: tuple[Segment, ...]
    field: str
    done: frozenset[str]
    failed: frozenset[str] = frozenset()
    interval_s: float = 1.0
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Recall:
    """How to find out whether a call happened whose answer was lost: the row at `path` that `matches`.

    With a `list_key`, `path` is a collection, and rows that are known to be something else are left out.
    """

    path: tuple[Segment, ...]
    matches: Callable[[Row], bool]
    list_key: str = ""
    page_size: int = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `name` says in a word what it does, for messages and the journal.

    With `merge`, `path` is read first and the body is built from the fresh row, read and write adjacent.
    `capture` maps our name of an attribute to the key of the answer that holds it. Where the answer is lost,
    `recall` says how to look for what it did; only a `repeatable` call is sent again, because sending it
    twice leaves the same as sending it once, or Twilio refuses the second. `asked` is what the answer has to
    show.
    """

    name: str
    method: str
    host: str
    path: tuple[Segment, ...]
    body: Body | None = None
    merge: Callable[[Row], Body] | None = None
    capture: Mapping[str, str] = field(default_factory=lambda: {"sid": "sid", "url": "url"})
    until: Until | None = None
    recall: Recall | None = None
    repeatable: bool = False
    asked: Fields | None = None
