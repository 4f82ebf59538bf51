"""One Step, its references resolved → the calls it takes → the row that came of it.

A refusal that will pass is waited out. A write whose answer was lost is never repeated blindly: what it did
is looked for first, and it is sent again only where that cannot do a thing twice.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reconciler.brake import StoppedError
from reconciler.diagnostics import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from reconciler.brake import Brake
    from reconciler.gateway import Gateway
    from reconciler.step import Body, Recall, Row, Step

TRANSIENT = frozenset({50391, 50349, 50449, 50419, 50213, 50514, 50002, 50334})
"""Twilio refused because something else was under way on the same thing; the call did nothing."""
RELEASING = frozenset({50416, 50425, 50437, 50438, 50353})
"""Twilio refused because something is held; worth waiting for only where we have just freed it."""
_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Before each further attempt; and before each further look for a write that may still be on its way."""


class Journal(Protocol):
    """Where each call is written down before it is sent, and how it ended."""

    def before(self, operation: str, step: str, method: str, path: str) -> int:
        """Note a call that is about to be sent, for good, and return its number. Raises StoppedError."""
        ...

    def after(self, number: int, outcome: str) -> None:
        """Note how it ended."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A Step ready to be sent: path and body hold no reference any more.

    `family` is what it counts against in the rate; `freed` are sids in which this run let something go, and
    `known` those of rows that are certainly something else than what it makes. `begin` is called right before
    it leaves. With `look_first` what it makes may be there by now, from an earlier run or seen too late.
    """

    step: Step
    path: tuple[str, ...]
    body: Body | None
    family: str
    name: str = ""
    recall: Recall | None = None
    freed: Collection[str] = ()
    known: Callable[[], Collection[str]] = tuple
    begin: Callable[[], None] = lambda: None
    look_first: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """The way letters go."""

    gateway: Gateway
    brake: Brake
    journal: Journal | None = None

    async def deliver(self, letter: Letter) -> Row:
        """Send a letter, again where that is safe, and return the answer or the row that it made.

        Raises ApiError (`ambiguous` where nobody can tell), and StoppedError where the brake was on.
        """
        pauses = iter(_PAUSES_S)
        doubtful = False
        if letter.look_first and (row := await self._found(letter)) is not None:
            return row
        while True:
            try:
                return await self._once(letter)
            except ApiError as refusal:
                if (doubtful or refusal.ambiguous) and (row := await self._recalled(letter)):
                    return row
                doubtful = doubtful or refusal.ambiguous
                pause_s = next(pauses, None)
                if pause_s is None or not _may_go_again(letter, refusal):
                    raise
            await self.brake.sleep(pause_s)

    async def _once(self, letter: Letter) -> Row:
        step = letter.step
        with self._noted(letter) as leaving:
            return await self.gateway.write(
                step.method,
                step.host,
                letter.path,
                letter.body,
                letter.family,
                leaving=leaving,
                merge=step.merge,
            )

    @contextmanager
    def _noted(self, letter: Letter) -> Iterator[Callable[[], None]]:
        """Give what is to be called right before a call leaves, and write down how the last one ended."""
        numbers: list[int] = []

        def leaving() -> None:
            if self.journal is not None:
                step, path = letter.step, "/".join(letter.path)
                try:
                    numbers.append(self.journal.before(letter.name, step.name, step.method, path))
                except StoppedError as stop:
                    self.brake.trip(str(stop))
                    raise
            letter.begin()

        outcome = "unknown"
        try:
            yield leaving
            outcome = "done"
        except ApiError as refusal:
            outcome = "unknown" if refusal.ambiguous else f"refused {refusal.code or refusal.status}"
            raise
        except StoppedError:
            outcome = "stopped"
            raise
        finally:
            if numbers and self.journal is not None:
                self.journal.after(numbers[-1], outcome)

    async def _recalled(self, letter: Letter) -> Row | None:
        """Look for what a call did whose answer was lost; None where nothing of it can be seen."""
        # What may be sent again needs no second look; what must not be has all the patience there is.
        pauses_s = (0.0,) if letter.step.repeatable else (0.0, *_PAUSES_S)
        for pause_s in pauses_s if letter.recall else ():
            if pause_s:
                await self.brake.sleep(pause_s)
            with suppress(ApiError):  # a look that fails has seen nothing
                if (row := await self._found(letter)) is not None:
                    return row
        return None

    async def _found(self, letter: Letter) -> Row | None:
        recall, host = letter.recall, letter.step.host
        assert recall is not None  # noqa: S101 - who calls has looked
        path = tuple(part for part in recall.path if isinstance(part, str))
        if not recall.list_key:
            row = await self.gateway.find(host, path)
            return row if row is not None and recall.matches(row) else None
        rows = await self.gateway.list(host, path, recall.list_key, recall.page_size)
        known = set(letter.known())
        mine = [row for row in rows if str(row.get("sid")) not in known and recall.matches(row)]
        return mine[0] if len(mine) == 1 else None


def _may_go_again(letter: Letter, refusal: ApiError) -> bool:
    return letter.step.repeatable if refusal.ambiguous else _will_pass(letter.freed, refusal)


def _will_pass(freed: Collection[str], refusal: ApiError) -> bool:
    """Whether a refused call may succeed by itself soon."""
    if refusal.code in TRANSIENT:
        return True
    _, _, message = str(refusal).partition(": ")  # behind the method and the path of the call
    holders = re.findall(r"CH[0-9a-f]{32}", message)
    return refusal.code in RELEASING and (holders[-1] in freed if holders else bool(freed))
