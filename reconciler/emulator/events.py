"""What happened, in order: turns changes of rows into numbered events, published once they are committed.

An event of Conversations has Twilio's name and the parameters of its webhook (documented); what Twilio does
not tell has a name of ours: ``phone.message``, ``phone.changed``, ``approval.changed``, ``clock.changed``,
``world.reset``, with no reason and for no webhook. Numbers go on across restarts; the events themselves are
the latest of this process.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .callbacks import hooks, parameters
from .wire import date_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .rows import Row
    from .store import Store

KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens: ``source`` and ``reason`` as webhooks name them (None: time itself).

    ``webhooks`` says whether a call by REST asked for webhooks; what channels and timers do always has them
    (documented). ``binding`` is the pair that a conversation was created for by an inbound message.
    """

    source: str | None = None
    reason: str = "TIMER"
    webhooks: bool = True
    binding: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; ``id`` is larger than every earlier one's."""

    id: int
    at_s: float
    type: str
    data: dict[str, Any]
    cause: Cause

    @property
    def is_twilios(self) -> bool:
        """Whether Twilio has an event of this name; no webhook ever hears of ours."""
        return self.type.startswith("on")

    def shown(self) -> dict[str, Any]:
        """Return the event for a reader outside."""
        return {
            "id": self.id,
            "type": self.type,
            "at": date_text(int(self.at_s)),
            "at_s": self.at_s,
            "source": self.cause.source,
            "reason": self.cause.reason if self.is_twilios else None,
            "webhooks": self.cause.webhooks and self.is_twilios,
            "data": self.data,
        }

    def fits(self, name: str | None, wanted: Mapping[str, str]) -> bool:
        """Tell whether this is an event of that name (None: any) whose data says what is wanted."""
        return (name is None or name == self.type) and all(
            str(self.data.get(key)) == value for key, value in wanted.items()
        )


@dataclass(slots=True)
class Journal:
    """The events of one world. ``listeners`` are called, under its lock, after events were committed."""

    store: Store
    last: int = 0
    cause: Cause = field(default_factory=Cause)
    listeners: list[Callable[[list[Event]], None]] = field(default_factory=list)
    _kept: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    _fresh: list[Event] = field(default_factory=list)
    _silent: bool = False

    # Writing

    def note(self, name: str, data: dict[str, Any]) -> None:
        """Add an event; readers see it with the next commit."""
        self.last += 1
        event = Event(self.last, self.store.now_s(), name, data, self.cause)
        self._fresh.append(event)
        # Now, for what is configured may be gone when this is committed.
        self.store.deliveries.plan(hooks.called(self.store, event))

    def inserted(self, row: Row) -> None:
        """Tell that a row is new."""
        if not self._silent and (found := parameters.added(self.store, row, self.cause.binding)):
            self.note(*found)

    def before(self, row: Row, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of a row will be different once these changes are made."""
        if self._silent:
            return {}
        return {name: old for name, new in changes.items() if (old := getattr(row, name)) != new}

    def updated(self, row: Row, before: Mapping[str, Any]) -> None:
        """Tell that a row has changed; ``before`` is what was different."""
        if before:
            for found in parameters.updated(self.store, row, before, self.cause.reason):
                self.note(*found)

    def removed(self, row: Row) -> None:
        """Tell that a row is gone."""
        if not self._silent and (found := parameters.removed(self.store, row)):
            self.note(*found)

    @contextlib.contextmanager
    def caused_by(self, cause: Cause) -> Iterator[None]:
        """Let everything within the block have this cause."""
        outer, self.cause = self.cause, cause
        try:
            yield
        finally:
            self.cause = outer

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Let nothing within the block be an event: it is part of a larger one."""
        outer, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = outer

    # Reading

    @property
    def has_news(self) -> bool:
        """Whether there are events that are not committed yet."""
        return bool(self._fresh)

    def publish(self) -> None:
        """Let readers see what was committed."""
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            self._kept.extend(fresh)
            for listener in list(self.listeners):
                listener(fresh)

    def since(self, number: int) -> list[Event]:
        """Return the events after this number, as far back as they are kept."""
        if number >= self.last or not self._kept:
            return []
        skipped = max(0, number + 1 - self._kept[0].id)
        return [self._kept[at] for at in range(skipped, len(self._kept))]

    def forget(self) -> deque[Event]:
        """Drop what is kept, for a world that starts again; numbers go on. The caller has it freed."""
        gone, self._kept = self._kept, deque(maxlen=KEPT)
        self._fresh.clear()
        return gone
