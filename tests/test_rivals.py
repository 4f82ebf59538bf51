"""Applies of one stack at once, as real processes on one emulator: never two writers, and one of them wins.

Each run stands for another machine (the lock of this one does not keep it out) and signs what it writes, so
the order in which writes arrive shows who wrote when.
"""

from __future__ import annotations

import json
import re
import signal
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest
from processes import PATIENCE_S
from test_executor import census
from worlds import World, stack_of

from reconciler.emulator.doors.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from processes import Running, Zygote
    from worlds import Spec

    from reconciler.emulator import Request

ROOMS = 4
LEASE_S = 4


def signed(name: str) -> Spec:
    """Return the stack as one of the rivals wants it: every write of it carries the name."""
    room = {"friendly_name": name, "participants": {"p": {"identity": "p", "attributes": {"by": name}}}}
    return {"stack": {"name": "shared"}, "conversations": {f"c{n}": room for n in range(ROOMS)}}


@dataclass
class Arena:
    """One emulator, and the runs that meet there."""

    zygote: Zygote
    folder: Path
    world: World
    url: str = ""
    writers: list[str] = field(default_factory=list)
    """Who wrote to conversations, one write after another."""
    came: Callable[[str], None] = lambda _: None
    """Told at each such write whose it is, before it is carried out."""

    def notice(self, request: Request) -> None:
        """Note whose write a call is."""
        name = re.search(rb"by-\w+", request.body)
        if request.method == "POST" and "Conversations" in request.target and name:
            self.writers.append(name[0].decode())
            self.came(self.writers[-1])

    def start(self, name: str, machine: str = "") -> Running:
        """Start an apply of a rival's stack, on a machine of its own."""
        folder = self.folder / (machine or name)
        folder.mkdir(exist_ok=True)
        (folder / "stack.yaml").write_text(json.dumps(signed(name)), encoding="utf-8")
        times = ("--lease-duration", LEASE_S, "--lease-timeout", 60)
        return self.zygote.start(folder, "apply", "stack.yaml", "--yes", "--endpoint", self.url, *times)

    def begun(self, machine: str) -> int:
        """Return how many calls a machine's journal says were about to be sent."""
        (journal,) = (self.folder / machine / ".reconciler" / "journal").iterdir()
        return journal.read_text("utf-8").count('"operation"')

    def assert_settled(self, name: str) -> None:
        """Insist that the account is as one of them wants it, or will be after one more apply."""
        assert self.start(name).wait() == 0
        control = World()
        control.apply(stack_of(signed(name)))

        assert self.world.plan(stack_of(signed(name))).plan.visible == ()
        assert census(self.world) == census(control)


@pytest.fixture
def arena(zygote: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    """Return an arena in which the stack was applied before."""
    world = World()
    world.apply(stack_of(signed("by-nobody")))
    arena, meet = Arena(zygote, tmp_path, world), world.store.faults.meet

    def meeting(request: Request, also: Any = None) -> Any:
        arena.notice(request)
        return meet(request, also)

    monkeypatch.setattr(world.store.faults, "meet", meeting)
    with running(world.store) as arena.url:
        yield arena


def turns(writers: list[str]) -> list[str]:
    """Return whose turn it was, one after another."""
    return [name for name, _ in groupby(writers)]


@pytest.mark.parametrize("count", [2, 5])
def test_never_two_writers(arena: Arena, count: int) -> None:
    """Whoever comes second waits, and then does what was approved or says why not: nobody interleaves."""
    runs = {f"by-{n}": arena.start(f"by-{n}") for n in range(count)}
    codes = {name: run.wait() for name, run in runs.items()}
    order = turns(arena.writers)

    assert set(codes.values()) <= {0, 3, 5}, [run.told() for run in runs.values()]
    assert sorted(order) == sorted(name for name, code in codes.items() if code == 0)
    assert len(order) == len(set(order)) >= 1
    assert {row["friendly_name"] for row in arena.world.rows("Conversations")} == {order[-1]}
    arena.assert_settled(order[-1])


def test_the_same_apply_at_once_is_done_once(arena: Arena) -> None:
    """Who has waited finds that all is done."""
    runs = [arena.start("by-all", machine=f"m{n}") for n in range(5)]

    assert [run.wait() for run in runs] == [0] * 5, [run.told() for run in runs]
    assert len(arena.writers) == 2 * ROOMS
    arena.assert_settled("by-all")


@pytest.mark.parametrize("resumed", ["while the other writes", "when the other has ended"])
def test_who_slept_past_its_lease_does_not_write(arena: Arena, resumed: str) -> None:
    """A run that is stopped, and goes on after another has taken over: only what had begun before lands."""
    started: Future[Running] = Future()
    asleep = threading.Event()
    begun: list[int] = []

    def came(name: str) -> None:
        early = started.result(PATIENCE_S)
        if name == "by-early" and arena.writers.count(name) == 3:
            early.send(signal.SIGSTOP)
            asleep.set()
        if name == "by-late":
            begun.append(arena.begun("by-early"))
        if name == "by-late" and resumed == "while the other writes":
            early.send(signal.SIGCONT)

    arena.came = came
    early = arena.start("by-early")
    started.set_result(early)
    assert asleep.wait(PATIENCE_S)
    late = arena.start("by-late")
    assert late.wait() == 0, late.told()
    early.send(signal.SIGCONT)
    code = early.wait()

    assert code in (5, 6), early.told()
    assert arena.writers.count("by-early") <= begun[0] < 2 * ROOMS
    assert arena.begun("by-early") == begun[0]
    arena.assert_settled("by-late")
