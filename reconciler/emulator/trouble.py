"""Faults at work: turns rules and a call into what becomes of it — answered, delayed, refused, cut, or late.

It stands between the doors and ``handle``: a door asks ``Faults.meet`` what is in store for a call, waits as
long as it is told, and has it carried out. What is late lands through the same rules as everything else, and
may be refused then. Without rules nothing happens here. Random choices follow from the seed, the rule and how
many calls it has met, so a run repeats.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from .errors import CODES, ApiError
from .faults import Effect
from .handle import READS, arrive, found_in, locate, process
from .past import Past
from .presets import preset
from .removal import begin_removal
from .request_log import stopwatch_s
from .wire import error_body, error_response, form_of, json_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .faults import Kind, Rule
    from .store import Store
    from .wire import Request, Response

Interceptor = Callable[[int, str, str], Effect | None]
_ENDINGS: frozenset[Kind] = frozenset({"status", "drop", "drop_after_commit", "late_commit"})


@dataclass(slots=True)
class Armed:
    """A rule in force, how many calls it matched and how often it did something."""

    id: str
    rule: Rule
    since_s: float
    matched: int = 0
    fired: int = 0

    def shown(self) -> dict[str, Any]:
        """Return the rule with its name and counts."""
        return {"id": self.id, **self.rule.shown(), "matched": self.matched, "fired": self.fired}


@dataclass(slots=True)
class _Late:
    """Something that will be done once: after a call, at a time, or when it is asked to land."""

    run: Callable[[], object]
    after_call: int | None
    done: bool = False

    def land(self) -> None:
        if not self.done:
            self.done = True
            self.run()


class Faults:
    """The faults of one world."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._armed: list[Armed] = []
        self._late: list[_Late] = []
        self._named = 0
        self.seed = 0
        self.interrupted = self.turned_away = 0

    # Rules

    def add(self, rule: Rule) -> Armed:
        """Put a rule in force; those before it come first."""
        with self._store.lock:
            self._named += 1
            armed = Armed(f"f{self._named}", rule, self._store.now_s())
            self._armed.append(armed)
            if rule.effect.kind == "stale_read":
                self.remember()
            return armed

    def use(self, rules: str | Iterable[Rule], seed: int = 0) -> list[Armed]:
        """Replace all rules by these, or by those of a preset; counting and chance begin again."""
        chosen = preset(rules) if isinstance(rules, str) else tuple(rules)
        with self._store.lock:
            self.clear()
            self.seed, self._named = seed, 0
            return [self.add(rule) for rule in chosen]

    def remove(self, name: str) -> bool:
        """Take a rule out of force; tells whether there was one of this name."""
        with self._store.lock:
            kept = [armed for armed in self._armed if armed.id != name]
            found = len(kept) < len(self._armed)
            self._armed = kept
            return found

    def clear(self) -> None:
        """Take all rules out of force; what is already late still lands."""
        with self._store.lock:
            self._armed = []

    def rules(self) -> list[Armed]:
        """Return the rules in force."""
        return list(self._armed)

    def remember(self) -> None:
        """Begin to keep what stale reads need."""
        self._store.past = self._store.past or Past()

    def forget(self) -> None:
        """Drop rules, and what is late as if it had never been sent, for a world that starts again."""
        self.clear()
        self._late = []

    # Lateness

    @property
    def late(self) -> int:
        """How many writes and removals have not landed yet."""
        return sum(not late.done for late in self._late)

    def land(self) -> None:
        """Let everything that is late happen now."""
        self.settle(None)

    def settle(self, call: int | None) -> None:
        """Let what is due after this call happen (None: everything), in the order it was sent."""
        with self._store.lock:
            for late in list(self._late):
                if call is None or (late.after_call is not None and late.after_call <= call):
                    late.land()
            self._late = [late for late in self._late if not late.done]

    def postpone(self, run: Callable[[], object], calls: int, seconds: float) -> None:
        """Have something done after so many further calls or seconds, whichever comes first."""
        late = _Late(run, self._store.calls + calls if calls else None)
        self._late.append(late)
        if seconds:
            self._store.clock.schedule(self._store.now_s() + seconds, late.land)

    # Calls

    def meet(self, request: Request, also: Effect | None = None) -> Course:
        """Say what becomes of a call that arrives now; ``also`` is an effect besides the rules'."""
        store = self._store
        with store.lock:
            arrive(store, request)
            course = Course(store, request, store.calls)
            if also is not None:
                course.take(also, random.Random(f"{self.seed}:{store.calls}"))  # noqa: S311 - repeatable
            if self._armed:
                self._strike(course)
            return course

    def turn_away(self, request: Request) -> Response:
        """Answer a call that does not fit in flight: it has arrived, and is not processed (20429)."""
        with self._store.lock:
            arrive(self._store, request)
            self.turned_away += 1
            return Course(self._store, request, self._store.calls).refuse(20429)

    def _strike(self, course: Course) -> None:
        request = course.request
        place = locate(request)
        found = found_in(place, request.method)
        name = found.operation.name if found and found.operation else ""
        form = dict(form_of(request).pairs())
        for armed in self._armed:
            if armed.rule.effect.kind == "receipt":
                continue
            if armed.rule.match.fits(request.method, place.product, place.path, name, form):
                dice = self._fired(armed)
                if dice is not None:
                    course.take(armed.rule.effect, dice)

    def lost(self, address: str, sender: str, channel: str | None) -> Effect | None:
        """Say what keeps a message from an address, None if no rule does; of several the first counts."""
        legs = [armed for armed in self._armed if armed.rule.effect.kind == "receipt"]
        meant = [armed for armed in legs if armed.rule.match.fits_leg(address, sender, channel)]
        found = [armed.rule.effect for armed in meant if self._fired(armed) is not None]
        return found[0] if found else None

    def _fired(self, armed: Armed) -> random.Random | None:
        """Count a match, and return the dice of this occasion if the rule does something now."""
        armed.matched += 1
        dice = random.Random(f"{self.seed}:{armed.id}:{armed.matched}")  # noqa: S311 - repeatable
        if not self._is_time(armed, dice):
            return None
        armed.fired += 1
        return dice

    def _is_time(self, armed: Armed, dice: random.Random) -> bool:
        when = armed.rule.when
        return (
            (when.times is None or armed.fired < when.times)
            and (when.nth is None or armed.matched == when.nth)
            and (when.every is None or armed.matched % when.every == 0)
            and (when.after_s is None or self._store.now_s() >= armed.since_s + when.after_s)
            and (when.probability is None or dice.random() < when.probability)
        )


@dataclass(slots=True)
class Course:
    """What becomes of one call: a door waits ``before_s``, has it carried out, waits ``after_s``, answers."""

    store: Store
    request: Request
    number: int
    before_s: float = 0.0
    after_s: float = 0.0
    _end: Effect | None = None
    _ways: dict[Kind, Effect] = field(default_factory=dict)

    def take(self, effect: Effect, dice: random.Random) -> None:
        """Add an effect: latencies add up, of several endings the first counts."""
        if effect.kind == "latency":
            least = effect.seconds
            seconds = least if effect.up_to_s is None else dice.uniform(least, effect.up_to_s)
            if effect.after_commit:
                self.after_s += seconds
            else:
                self.before_s += seconds
        elif effect.kind in _ENDINGS:
            self._end = self._end or effect
        else:
            self._ways.setdefault(effect.kind, effect)

    def carry_out(self) -> Response | None:
        """Do what the call asks for, as far as its faults let it; None: cut, without an answer."""
        store, start_s = self.store, stopwatch_s()
        with store.lock:
            response = self._carried_out()
            took_s = stopwatch_s() - start_s + self.before_s + self.after_s
            store.requests.note(self.number, store.now_s(), self.request, response, took_s)
            store.faults.interrupted += response is None
            store.faults.settle(self.number)
            return response

    @property
    def is_carried_out(self) -> bool:
        """Whether the call itself is answered, and not what a fault puts in its place."""
        return self._end is None

    def refuse(self, code: int) -> Response:
        """Answer a call with an error of Twilio's, without carrying it out."""
        with self.store.lock:
            headers = {"X-API-Domain": locate(self.request).domain}
            response = error_response(ApiError(code), self.store.switches, self.number, headers)
            self.store.requests.note(self.number, self.store.now_s(), self.request, response, self.before_s)
            self.store.faults.settle(self.number)
            return response

    def abandon(self) -> None:
        """Note that the caller will have given up by ``before_s``: what it sent is carried out then."""
        with self.store.lock:
            self.store.faults.interrupted += 1
            self.store.faults.postpone(self.carry_out, 0, self.before_s)

    def _carried_out(self) -> Response | None:
        match self._end:
            case None:
                return self._answer()
            case Effect(kind="status", after_commit=after):
                if after:
                    self._answer()
                return self._error(self._end)
            case Effect(kind="drop_after_commit"):
                self._answer()
            case Effect(kind="late_commit", calls=calls, seconds=seconds):
                if self.request.method not in READS:
                    self.store.faults.postpone(self._answer, calls, seconds)
        return None

    def _answer(self) -> Response:
        store, request = self.store, self.request
        if (stale := self._ways.get("stale_read")) and request.method in READS:
            return process(self._yesterday(stale), request, self.number)
        if (removal := self._ways.get("async_delete")) and request.method == "DELETE":
            later = partial(store.faults.postpone, calls=removal.calls, seconds=removal.seconds)
            answer = begin_removal(store, request, self.number, later)
            if answer is not None:
                return answer
        with store.index.lingering(self._ways.get("release_lag")):
            return process(store, request, self.number)

    def _yesterday(self, stale: Effect) -> Store:
        store = self.store
        since_call = self.number - stale.calls if stale.calls else None
        since_s = store.now_s() - stale.seconds if stale.seconds else None
        rows = store.past.rows(store.index.rows, since_call, since_s) if store.past else []
        return store.holding(rows) if rows else store

    def _error(self, effect: Effect) -> Response:
        status = effect.status if isinstance(effect.status, int) else CODES[effect.code or 20429].status
        code = effect.code if effect.code is not None else 20429 if status == 429 else None
        headers = {"X-API-Domain": locate(self.request).domain}
        if effect.retry_after is not None:
            headers["Retry-After"] = str(effect.retry_after)
        return json_response(status, error_body(status, code), self.number, headers)
