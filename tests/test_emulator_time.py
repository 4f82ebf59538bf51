"""The virtual clock, and what timers do to a conversation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from reconciler.emulator import Clock, Store, Switches, ask
from reconciler.emulator.clock import DAWN_S
from reconciler.emulator.fields import duration_s
from reconciler.emulator.state import exported, imported

if TYPE_CHECKING:
    from pathlib import Path

X = "/Conversations/x"
TIMERS = {"State": "active", "Timers.Inactive": "PT1H", "Timers.Closed": "P1D"}


def started(switches: Switches | None = None) -> Store:
    store = Store(clock=Clock.frozen(), switches=switches)
    ask(store, "POST", "/Conversations", {"UniqueName": "x", **TIMERS})
    return store


def test_a_frozen_clock_moves_only_when_told() -> None:
    """Frozen means still; advancing is the only way on."""
    clock = Clock.frozen()

    assert [clock.now_s(), clock.now_s()] == [DAWN_S, DAWN_S]
    clock.advance(1.5)
    assert clock.now_s() == DAWN_S + 1.5
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)


def test_a_real_clock_keeps_what_it_was_advanced_by() -> None:
    """A day ahead stays a day ahead, across a restart too."""
    clock = Clock()
    before = clock.now_s()
    clock.advance(86_400)

    assert 86_400 <= Clock.restored(clock.saved()).now_s() - before < 86_500


def test_what_falls_due_runs_in_order_at_its_own_time() -> None:
    """One jump runs everything on the way by due time, equal ones as asked, also what they schedule."""
    clock = Clock.frozen(0.0)
    seen: list[tuple[str, float]] = []

    def note(name: str) -> None:
        seen.append((name, clock.now_s()))
        if name == "first":
            clock.schedule(2.5, lambda: note("between"))

    for at_s, name in ((3.0, "last"), (2.0, "first"), (3.0, "very last"), (9.0, "never")):
        clock.schedule(at_s, lambda name=name: note(name))  # type: ignore[misc]
    clock.advance(5)

    assert seen == [("first", 2.0), ("between", 2.5), ("last", 3.0), ("very last", 3.0)]
    assert clock.now_s() == 5.0


def test_timers_come_in_as_durations_and_out_as_dates() -> None:
    """Only instants are shown; PT0S removes one timer and leaves the other."""
    store = started()

    assert ask(store, "GET", X)[1]["timers"] == {
        "date_inactive": "2026-01-01T01:00:00Z",
        "date_closed": "2026-01-02T00:00:00Z",
    }
    store.advance(60)
    _, body = ask(store, "POST", X, {"Timers.Inactive": "PT0S"})
    assert body["timers"] == {"date_closed": "2026-01-02T00:00:00Z"}


def test_timers_move_the_state_and_stamp_their_own_time() -> None:
    """Inactive after an hour, closed after a day, even in one jump; then nothing is open."""
    store = started()
    store.advance(3600)
    assert ask(store, "GET", X)[1]["state"] == "inactive"
    store.advance(10 * 86_400)
    _, body = ask(store, "GET", X)

    assert (body["state"], body["date_updated"]) == ("closed", "2026-01-02T00:00:00Z")


def test_a_message_wakes_and_starts_the_timers_again() -> None:
    """Both timers count from the last message."""
    store = started()
    store.advance(3600 * 23)
    ask(store, "POST", f"{X}/Messages", {"Body": "a"})
    store.advance(3600 * 23)
    assert ask(store, "GET", X)[1]["state"] == "inactive"
    store.advance(3600)

    assert ask(store, "GET", X)[1]["state"] == "closed"


def test_a_date_brought_forward_rings_once() -> None:
    """The earlier date counts, and the later one that it replaced rings for nobody."""
    store = started()
    ask(store, "POST", X, {"Timers.Closed": "PT10M"})
    store.advance(600)
    assert ask(store, "GET", X)[1]["state"] == "closed"
    store.advance(2 * 86_400)

    assert ask(store, "GET", X)[1]["date_updated"] == "2026-01-01T00:10:00Z"


def test_waking_by_request_does_not_fall_asleep_at_once() -> None:
    """State=active after the inactive date passed starts the timers again."""
    store = started()
    store.advance(7200)
    ask(store, "POST", X, {"State": "active"})
    store.advance(3599)

    assert ask(store, "GET", X)[1]["state"] == "active"


@pytest.mark.parametrize(
    ("resets", "expected"), [(False, "2026-01-01T01:00:00Z"), (True, "2026-01-01T01:30:00Z")]
)
def test_a_state_update_may_reset_timers(resets: bool, expected: str) -> None:
    """Nobody knows, so it is a switch."""
    store = started(Switches(state_update_resets_timers=resets))
    store.advance(1800)
    _, body = ask(store, "POST", X, {"State": "inactive"})

    assert body["timers"]["date_inactive"] == expected


def test_the_accounts_default_timers_apply_to_new_conversations() -> None:
    """They are shown as the durations they were set to, and used where a create names none."""
    store = Store(clock=Clock.frozen())
    _, body = ask(store, "POST", "/Configuration", {"DefaultClosedTimer": "PT10M"})
    assert body["default_closed_timer"] == "PT10M"
    ask(store, "POST", "/Conversations", {"UniqueName": "x"})
    store.advance(600)

    assert ask(store, "GET", X)[1]["state"] == "closed"


def test_a_closing_timer_frees_the_pair() -> None:
    """Closed by the clock is closed."""
    store = started()
    pair = {"MessagingBinding.Address": "+15550100301", "MessagingBinding.ProxyAddress": "+15550100200"}
    ask(store, "POST", f"{X}/Participants", pair)
    ask(store, "POST", "/Conversations", {"UniqueName": "y"})
    store.advance(86_400)

    assert ask(store, "POST", "/Conversations/y/Participants", pair)[0] == 201


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT1M", 60), ("P2D", 172_800), ("P1W", 604_800), ("P1DT1H1M1.5S", 90_061.5)]
)
def test_durations(text: str, seconds: float) -> None:
    """ISO 8601 durations of fixed length."""
    assert duration_s(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1H", "P1Y", "P1M", "-PT1H", "PT1H ", "PT1,5S", "P1H", "PT１H"]
)
def test_what_is_no_duration(text: str) -> None:
    """Everything else is refused."""
    with pytest.raises(ValueError, match="no duration"):
        duration_s(text)


def test_a_reset_takes_time_back_to_where_it_began(tmp_path: Path) -> None:
    """A clock that stands is at its own dawn again, after a restart too; it still stands."""
    path = tmp_path / "world.db"
    for at_s in (DAWN_S, DAWN_S + 5.5):
        store = Store(path=path, clock=Clock.frozen(at_s))
        store.advance(3600)
        store.close()
        store = Store(path=path)
        store.advance(3600)
        store.reset()
        store.commit()
        assert (store.now_s(), store.clock.mode) == (at_s, "frozen")
        store.close()
        assert Clock.frozen(at_s).saved() == Store(path=path).clock.saved()


@pytest.mark.parametrize("rate", [1.0, 60.0])
def test_a_clock_that_runs_is_reset_to_the_walls(rate: float) -> None:
    """What it was ahead is gone, its rate is kept."""
    store = Store(clock=Clock())
    store.clock.run_at(rate)
    store.advance(86_400)
    store.reset()

    assert store.clock.rate == rate
    assert abs(store.now_s() - time.time()) < 3600


def test_an_import_leaves_where_time_began() -> None:
    """A reset after it goes back to the dawn of this world's clock, not of the other's."""
    other = Store(clock=Clock.frozen(DAWN_S + 50))
    store = Store(clock=Clock.frozen())
    imported(store, exported(other))
    assert store.now_s() == DAWN_S + 50
    store.reset()

    assert store.now_s() == DAWN_S
