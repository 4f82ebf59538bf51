"""A Scenario × a cast × a stage → its steps, played in order until one is not as expected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, assert_never

from reconciler.diagnostics import error
from reconciler.render.visible import quoted
from reconciler.scenarios import screen
from reconciler.scenarios.cast import NOBODY, UnknownNameError, poster
from reconciler.scenarios.scenario import (
    Advances,
    Becomes,
    Called,
    IsIn,
    Misses,
    Posts,
    Says,
    Sees,
    SeesNothing,
    Thumbs,
)
from reconciler.scenarios.stage import RefusedByStageError

if TYPE_CHECKING:
    from reconciler.diagnostics import Diagnostic
    from reconciler.scenarios.cast import Cast, Player
    from reconciler.scenarios.scenario import Content, Deed, Scenario
    from reconciler.scenarios.stage import Stage

_COUNTED = {0: "never", 1: "once", 2: "twice"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario went: `problems` are empty where every step was as expected; `played` counts those."""

    scenario: Scenario
    problems: tuple[Diagnostic, ...] = ()
    played: int = 0
    seconds: float = 0.0
    """How long it took, in real time."""

    @property
    def passed(self) -> bool:
        """Whether every step was as expected."""
        return not self.problems


class _UnexpectedError(Exception):
    """Something is not as a step expects it."""

    def __init__(self, summary: str, *lines: str) -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = "\n".join(lines)


@dataclass(slots=True)
class _Play:
    cast: Cast
    stage: Stage
    seen: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """How far each thread was looked at: by handset, thread, and whether it is about what was missed."""


async def play(scenario: Scenario, cast: Cast, stage: Stage) -> Outcome:
    """Play the steps of a scenario; the first one that is not as expected ends it."""
    now = _Play(cast, stage)
    for count, beat in enumerate(scenario.steps):
        try:
            await _do(now, beat.deed)
        except (_UnexpectedError, UnknownNameError) as found:
            return Outcome(scenario, (error(found.summary, found.detail, place=beat.place),), count)
        except RefusedByStageError as refusal:
            summary = f"`{beat.words}` was refused: {refusal}"
            return Outcome(scenario, (error(summary, place=beat.place),), count)
    return Outcome(scenario, (), len(scenario.steps))


async def _do(now: _Play, deed: Deed) -> None:
    match deed:
        case Says():
            await _say(now, deed)
        case Sees() | Misses():
            await _look(now, deed)
        case SeesNothing():
            await _look_for_more(now, deed)
        case Thumbs(who=who, deed=thumb, via=via):
            player = now.cast.via(now.cast.player(who), via)
            await now.stage.thumb(thumb, player.address, player.thread)
        case Posts():
            await _post(now, deed)
        case Advances(seconds=seconds):
            await now.stage.advance(seconds)
        case Becomes(conversation=name, state=state):
            await now.stage.become(now.cast.path(now.cast.conversation(name)), state)
        case IsIn():
            await _check_state(now, deed)
        case Called():
            await _check_calls(now, deed)
        case _:
            assert_never(deed)


# --- deeds -------------------------------------------------------------------------------------------------


async def _say(now: _Play, deed: Says) -> None:
    player = now.cast.via(now.cast.player(deed.who), deed.via)
    to = (player.sender,) if player.sender else player.others
    message = deed.message
    sent = await now.stage.send(player.address, to, message.text, message.media or (), message.subject)
    sid, why = sent["conversation_sid"], sent["explanation"] or sent["reason"]
    wanted = now.cast.conversation(deed.reaches) if deed.reaches not in ("", NOBODY) else player.conversation
    if deed.reaches == NOBODY and sid:
        summary = f"what {deed.who} wrote is in a conversation"
        raise _UnexpectedError(summary, "expected: in none", f"seen:     in {_name_of(now, sid)}")
    if deed.reaches != NOBODY and not sid:
        raise _UnexpectedError(
            f"what {deed.who} wrote is in no conversation",
            f"expected: in {wanted.key if wanted else 'one'}",
            f"seen:     nobody took it: {why}",
            "Where that is meant, say so: {text: …, reaches: nobody}.",
        )
    if deed.reaches != NOBODY and wanted is not None and sid != now.cast.sid(wanted):
        summary = f"what {deed.who} wrote is in another conversation"
        seen = f"seen:     in {_name_of(now, sid)}"
        raise _UnexpectedError(summary, f"expected: in {wanted.key}", seen)


def _name_of(now: _Play, sid: str) -> str:
    found = (one for one, row in now.cast.resources.items() if row.live and row.live.sid == sid)
    return next((one.key for one in found), f"one that is not of the stack ({sid})")


async def _post(now: _Play, deed: Posts) -> None:
    conversation, author = poster(now.cast, deed.who)
    form = {
        "Author": deed.author or author,
        "Body": deed.message.text or "",
        "Subject": deed.message.subject or "",
        "ContentSid": deed.message.content_sid or "",
        "ContentVariables": deed.variables,
        "MediaSid": deed.media_sid,
    }
    given = {name: value for name, value in form.items() if value}
    await now.stage.post(now.cast.path(conversation), given, webhooks=deed.webhooks)


# --- expectations ------------------------------------------------------------------------------------------


async def _look(now: _Play, deed: Sees | Misses) -> None:
    """Take the next message of a thread and compare it with the one that is expected."""
    missed = isinstance(deed, Misses)
    player, threads, key = await _thread(now, deed.who, deed.via, missed=missed)
    there = screen.refused(threads, key[1]) if missed else screen.arrived(threads, key[1])
    at = now.seen[key]
    expected = _expected(now, deed, key[1])
    if at >= len(there):
        verb = "missed" if missed else "saw"
        more = " more" if at else ""
        summary = f"{deed.who} {verb} nothing{more}"
        hint = _hint(now, deed, threads, key)
        raise _UnexpectedError(summary, f"expected: {expected}", *hint, *_shown(now, player, threads))
    code = deed.code if isinstance(deed, Misses) else None
    if not _is_same(deed.message, there[at]) or code not in (None, there[at]["error_code"]):
        verb = "missed something else" if missed else "saw something else"
        found = screen.described(there[at], now.cast.named)
        hint = _hint(now, deed, threads, key)
        lines = (f"expected: {expected}", f"seen:     {found}", *hint, *_shown(now, player, threads))
        raise _UnexpectedError(f"{deed.who} {verb}", *lines)
    now.seen[key] += 1


def _hint(
    now: _Play, deed: Sees | Misses, threads: list[dict[str, Any]], key: tuple[str, str, bool]
) -> list[str]:
    """Say what became of the message that is expected, where it is not what the step says."""
    address, thread, missed = key
    other = screen.arrived(threads, thread) if missed else screen.refused(threads, thread)
    others = other[now.seen[address, thread, not missed] :]
    if others and _is_same(deed.message, others[0]):
        became, verb = ("arrived", "sees") if missed else ("was refused", "misses")
        return [f"It {became}. Where that is meant: `{deed.who} {verb}: …`."]
    if any(_is_same(deed.message, one) for one in screen.waiting(threads, thread)):
        return [f"It is under way: write `{deed.who} goes_online` before, or let time pass (`advance: 1m`)."]
    return []


async def _look_for_more(now: _Play, deed: SeesNothing) -> None:
    player, threads, key = await _thread(now, deed.who, deed.via, missed=False)
    more = screen.arrived(threads, key[1])[now.seen[key] :]
    if more:
        found = screen.described(more[0], now.cast.named)
        lines = ("expected: nothing", f"seen:     {found}", *_shown(now, player, threads))
        raise _UnexpectedError(f"{deed.who} saw something", *lines)


async def _thread(
    now: _Play, who: str, via: str, *, missed: bool
) -> tuple[Player, list[dict[str, Any]], tuple[str, str, bool]]:
    """Return somebody, the threads of their handset, and which one is looked at."""
    player = now.cast.via(now.cast.player(who), via)
    threads = await now.stage.handset(player.address)
    name = player.thread
    if not name and len(threads) > 1:
        names = ", ".join(now.cast.named(one["sender"]) for one in threads)
        raise _UnexpectedError(f"{who} has {len(threads)} threads", f"Say which, with via: {names}.")
    name = name or next((one["sender"] for one in threads), "")
    return player, threads, (player.address, name, missed)


def _is_same(expected: Content, row: dict[str, Any]) -> bool:
    if expected.text is not None and expected.text != (row["body"] or ""):
        return False
    if expected.content_sid is not None and expected.content_sid != row["content_sid"]:
        return False
    names = [one.rpartition("/")[2] for one in expected.media or ()]
    return expected.media is None or names == screen.media_names(row)


def _expected(now: _Play, deed: Sees | Misses, thread: str) -> str:
    message = deed.message
    text = None if message.text is None else quoted(message.text)
    of = f"a message of template {message.content_sid}" if message.content_sid else None
    media = None if message.media is None else f"with {len(message.media)} attached"
    code = f"refused with {deed.code}" if isinstance(deed, Misses) and deed.code is not None else None
    words = [text or of or "a message", media, f"from {now.cast.named(thread)}", code]
    return ", ".join(word for word in words if word)


def _shown(now: _Play, player: Player, threads: list[dict[str, Any]]) -> list[str]:
    return [f"the handset of {player.name} ({player.address}):", *screen.lines(threads, now.cast.named)]


async def _check_state(now: _Play, deed: IsIn) -> None:
    address = now.cast.conversation(deed.conversation)
    state = await now.stage.state(now.cast.path(address))
    if state != deed.state:
        raise _UnexpectedError(f"{address.key} is {state}", f"expected: {deed.state}")


async def _check_calls(now: _Play, deed: Called) -> None:
    address = now.cast.webhook(deed.webhook)
    calls = await now.stage.calls(now.cast.sid(address))
    fits = [one for one in calls if _fits(deed, one)]
    if len(fits) == deed.times or (deed.times is None and fits):
        return
    about = f" for {deed.event}" if deed.event else ""
    times = "at least once" if deed.times is None else _times(deed.times)
    with_ = [f"{name}={quoted(value)}" for name, value in deed.parameters.items()]
    raise _UnexpectedError(
        f"webhook {address.key} was called {_times(len(fits))}{about}",
        f"expected: {times}{about}{', with ' if with_ else ''}{', '.join(with_)}",
        f"its calls: {len(calls) or 'none'}",
        *(f"  {one['at']}  {one['event']}  {quoted(one['parameters'].get('Body') or '')}" for one in calls),
    )


def _fits(deed: Called, call: dict[str, Any]) -> bool:
    parameters = call["parameters"]
    return (not deed.event or call["event"] == deed.event) and all(
        name in parameters and str(parameters[name]) == value for name, value in deed.parameters.items()
    )


def _times(count: int) -> str:
    return _COUNTED.get(count, f"{count} times")
