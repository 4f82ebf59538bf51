"""Calls never go faster than allowed: concurrency yields to 429 and recovers, rates hold in every window."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import VirtualClock, run

from reconciler.pace import Concurrency, Rate


def most_in_a_window(moments: list[float], window_s: float) -> int:
    return max(sum(1 for at in moments if start <= at <= start + window_s) for start in moments)


async def granted(rate: Rate, arrivals: list[tuple[float, str]]) -> dict[str, list[float]]:
    """Return when each key's writers, who arrive at the given moments, were let through."""
    clock = VirtualClock()
    moments: dict[str, list[float]] = {}

    async def write(after_s: float, key: str) -> None:
        await clock.sleep(after_s)
        async with rate.turn(key):
            moments.setdefault(key, []).append(clock.monotonic())

    await asyncio.gather(*(write(after_s, key) for after_s, key in arrivals))
    return moments


ARRIVALS = st.lists(st.tuples(st.floats(0, 5), st.sampled_from("ab")), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ARRIVALS, st.sampled_from([0.5, 1, 2, 3, 10]), st.floats(0.1, 6))
def test_no_window_holds_more_than_the_rate_and_one_burst(
    arrivals: list[tuple[float, str]], per_second: float, window_s: float
) -> None:
    """In any window there are at most rate × length + burst writes of one key, whenever they arrive."""
    moments = run(granted(Rate(per_second, VirtualClock()), arrivals))

    burst = max(1.0, per_second)
    for key in moments:
        assert most_in_a_window(moments[key], window_s) <= per_second * window_s + burst + 1e-6


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.sampled_from([1, 2, 5, 10]))
def test_a_rate_is_used_to_the_full(writes: int, per_second: int) -> None:
    """A burst goes at once, and what follows goes as fast as the rate allows, first come first served."""
    moments = run(granted(Rate(per_second, VirtualClock()), [(0.0, "a")] * writes))

    expected = [max(0.0, (n + 1 - per_second) / per_second) for n in range(writes)]
    assert [round(at, 6) for at in moments["a"]] == [round(at, 6) for at in expected]


def test_a_slow_rate_lets_the_first_write_through_at_once() -> None:
    """With one write every four seconds the first does not wait for the fourth second."""
    moments = run(granted(Rate(0.25, VirtualClock()), [(0.0, "a")] * 3))

    assert moments["a"] == [0.0, 4.0, 8.0]


def test_keys_do_not_wait_for_each_other() -> None:
    """What one family used up is no concern of another."""
    moments = run(granted(Rate(1, VirtualClock()), [(0.0, "a"), (0.0, "a"), (0.0, "b")]))

    assert moments == {"a": [0.0, 1.0], "b": [0.0]}


def test_a_rate_of_zero_is_no_limit() -> None:
    """Everybody passes at once."""
    moments = run(granted(Rate(0, VirtualClock()), [(0.0, "a")] * 100))

    assert moments == {"a": [0.0] * 100}


def test_concurrency_recovers_by_one_per_quiet_second() -> None:
    """After a 429 the limit is half, and one more with each second in which no other 429 comes."""

    async def limits() -> list[int]:
        clock = VirtualClock()
        concurrency = Concurrency(8, clock)
        concurrency.slow_down()
        seen = [concurrency.limit]
        for _ in range(6):
            async with concurrency:
                seen.append(concurrency.limit)
            await clock.sleep(1.0)
        return seen

    assert run(limits()) == [4, 4, 5, 6, 7, 8, 8]


def test_concurrency_never_falls_below_one() -> None:
    """However often Twilio says 429, one call at a time is always tried."""
    concurrency = Concurrency(3, VirtualClock())
    for _ in range(5):
        concurrency.slow_down()

    assert concurrency.limit == 1


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.floats(0, 4), st.floats(0, 2), st.booleans()), min_size=1, max_size=40),
)
def test_the_limit_is_never_exceeded(most: int, calls: list[tuple[float, float, bool]]) -> None:
    """No call starts while as many run as the limit allows then, and every call gets its turn."""

    async def play() -> list[tuple[int, int]]:
        clock = VirtualClock()
        concurrency = Concurrency(most, clock)
        running, seen = 0, []

        async def call(after_s: float, length_s: float, *, refused: bool) -> None:
            nonlocal running
            await clock.sleep(after_s)
            async with concurrency:
                running += 1
                seen.append((running, concurrency.limit))
                await clock.sleep(length_s)
                running -= 1
                if refused:
                    concurrency.slow_down()

        await asyncio.gather(*(call(a, b, refused=c) for a, b, c in calls))
        return seen

    seen = run(play())

    assert len(seen) == len(calls)
    assert all(running <= limit <= most for running, limit in seen)


def test_a_cancelled_caller_gives_its_place_back() -> None:
    """Whoever is cancelled while waiting or while calling leaves no slot taken for ever."""

    async def play() -> bool:
        clock = VirtualClock()
        concurrency = Concurrency(1, clock)

        async def call() -> None:
            async with concurrency:
                await clock.sleep(100.0)

        tasks = [asyncio.create_task(call()) for _ in range(3)]
        await clock.sleep(1.0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with concurrency:
            return clock.monotonic() == 1.0

    assert run(play())
