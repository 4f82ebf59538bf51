"""What an embedder tells of the specs that a world is made of: kept beside the world, for the page to show.

The emulator reads no specs and knows nothing of them but this. It is no part of the world: a reset and an
import leave it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .store import Store

NONE, APPLIED, PARTLY, WAITING, NOT_APPLIED = "none", "applied", "partly_applied", "waiting", "not_applied"
"""None known · the world is what they say · some of it is · another apply is at work · it is as before."""


@dataclass(frozen=True, slots=True)
class Line:
    """What makes one thing so, as it is written: the file, its line, the text from there on.

    ``sender`` is the line that says which of the account's addresses is meant, where one does.
    """

    file: str
    line: int
    text: str
    sender: Line | None = None


@dataclass(frozen=True, slots=True)
class Sender:
    """One of the stack's senders as it is written, the channel that it decides, its addresses in full."""

    file: str
    line: int
    text: str
    channel: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong and what would be right; ``quote`` is the line with a caret below, '' without one."""

    severity: str
    summary: str
    detail: str = ""
    address: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Specs:
    """How the specs stand that were read last, and where each thing is written that the world was made of.

    ``stack`` and ``environment`` are the owner that marks name; ``places`` is keyed by addresses, such as
    ``conversation/order-1042/participant/customer``; ``senders`` by the names that `via` has for them.
    """

    state: str = NONE
    summary: str = ""
    stack: str = ""
    environment: str = ""
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, Line] = field(default_factory=dict)
    senders: Mapping[str, Sender] = field(default_factory=dict)


def tell(store: Store, specs: Specs) -> None:
    """Keep this in the place of what was told before; who follows the world hears of it."""
    with store.lock:
        store.specs = specs
        store.events.note("specs.changed", {"state": specs.state, "summary": specs.summary})
        store.commit()
