"""Sizes of a stack → how long reading, planning and applying take, as ratios within one run."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from worlds import World

from reconciler.variables import Inputs
from reconciler.workflow import make_plan, read_specs

SIZES = (250, 500, 1000, 2000)


def spec_of(size: int) -> dict[str, Any]:
    """Return a stack of `size` conversations with two phones and a webhook each."""
    hook = {"url": "https://example.com/", "filters": ["onMessageAdded"]}
    conversations = {
        f"c{n}": {
            "friendly_name": f"Order {n}",
            "attributes": {"topic": "delivery", "order": {"id": n}},
            "participants": {
                "customer": {"address": f"+1555{n:07}", "via": "wa"},
                "courier": {"address": f"+1556{n:07}", "via": "wa"},
            },
            "webhooks": {"audit": hook},
        }
        for n in range(size)
    }
    return {
        "stack": {"name": "bench"},
        "senders": {"wa": "whatsapp:+15550100200"},
        "conversations": conversations,
    }


def measured(size: int) -> dict[str, float]:
    """Return seconds for each step at one size."""
    took: dict[str, float] = {}

    def timed(name: str, start_s: float) -> float:
        now_s = time.perf_counter()
        took[name] = now_s - start_s
        return now_s

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stack.yaml")
        path.write_text(json.dumps(spec_of(size), indent=1), encoding="utf-8")
        at_s = time.perf_counter()
        stack = read_specs(path, Inputs()).stack
        at_s = timed("read specs", at_s)
    world = World()
    plan = asyncio.run(make_plan(stack, world.gateway)).plan
    at_s = timed("first plan", at_s)
    world.carry_out(plan)
    at_s = timed("apply", at_s)
    asyncio.run(make_plan(stack, world.gateway))
    timed("plan at rest", at_s)
    return took


def main() -> None:
    """Print a row for each size: how many times longer than the size before, which was half as large."""
    before: dict[str, float] = {}
    for size in SIZES:
        took = measured(size)
        cells = [f"{name} x{took[name] / before[name]:.1f}" for name in took if name in before]
        whole = sum(took.values())
        shares = [f"{name} {seconds / whole:.0%}" for name, seconds in took.items()]
        sys.stdout.write(f"{size:>6} conversations: {', '.join(cells) or 'base'}  ({', '.join(shares)})\n")
        before = took


if __name__ == "__main__":
    main()
