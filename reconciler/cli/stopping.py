"""Ctrl-C, SIGTERM and a closed terminal → a cancelled task, so that a command can say how far it came.

While a plan is carried out they put the brake on instead: calls that are under way may end.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from reconciler.brake import Brake

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
STOPPED = "it was stopped"
GRACE_S = 5.0
"""How long calls that are under way may take to end once a run is stopped."""


def run_stoppable(work: Coroutine[Any, Any, int]) -> int:
    """Run `work`, which a signal cancels. Raises KeyboardInterrupt where it leaves it at that."""

    async def whole() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        with _woken(loop), _handled(lambda *_: loop.call_soon_threadsafe(task.cancel)):
            return await work

    try:
        return asyncio.run(whole())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def ending_signals() -> list[signal.Signals]:
    """Return the signals that end a process, but for those that this one ignores, as `nohup` has it."""
    numbers = [signal.Signals[name] for name in _NAMES if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def braking(brake: Brake, tell: Callable[[str], None]) -> Iterator[None]:
    """Let the first signal put the brake on, and cancel the task after GRACE_S seconds or at the second."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one
    timers: list[asyncio.TimerHandle] = []

    def stop(name: str) -> None:
        if brake.reason and timers:
            task.cancel()
            return
        tell(f"Stopping ({name}): no call starts any more; those under way have {GRACE_S:g} s to end.")
        brake.trip(STOPPED)
        timers.append(loop.call_later(GRACE_S, task.cancel))

    try:
        with _handled(lambda number, _: loop.call_soon_threadsafe(stop, signal.Signals(number).name)):
            yield
    finally:
        for timer in timers:
            timer.cancel()


@contextmanager
def at_once() -> Iterator[None]:
    """Let a signal raise KeyboardInterrupt inside the block: waiting for a person is no task to cancel."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def _handled(handler: Callable[..., Any]) -> Iterator[None]:
    """Handle each signal that would end this process for the length of the block."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, handler) for number in ending_signals()}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def _woken(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have every signal wake the loop: one that comes just before it begins to wait is lost otherwise."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield  # the loop of Windows does so itself; other threads get no signals
        return
    ours, systems = socket.socketpair()
    with ours, systems:
        for end in (ours, systems):
            end.setblocking(False)
        loop.add_reader(ours, ours.recv, 4096)
        before = signal.set_wakeup_fd(systems.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(ours)
