"""Sizes of a world → what the emulator costs: start, reset, calls, pages, routing and memory, within one run.

What is compared is compared as a ratio; figures per second are of this machine at this moment.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from reconciler.emulator import Clock, Request, Store, ask, handle
from reconciler.emulator.doors.in_process import authorization, request_to
from reconciler.emulator.doors.server import running
from reconciler.emulator.state import exported
from reconciler.emulator.wire import FORM_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL, MIDDLE, LARGE = 1_000, 10_000, 100_000
CALLS = 3_000
TIMES = 400
PROXY = "+15550100200"
PAGES = "/Conversations?PageSize=50"
ROUNDS = 5


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def resident_mib(pid: int | str = "self") -> float:
    """Return how much memory a process holds (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    found = next((line for line in lines if line.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(found.split()[1]) / 1024


def took_s(deed: Callable[[], object]) -> float:
    """Return the seconds that a deed takes."""
    start_s = time.perf_counter()
    deed()
    return time.perf_counter() - start_s


def crowded(store: Store, size: int) -> Store:
    """Fill a world up to so many conversations of two handsets each, made as calls make them."""
    for n in range(sum(len(rows) for rows in store.index.conversations.values()), size):
        name = f"c{n}"
        ask(store, "POST", "/Conversations", {"UniqueName": name})
        for area in ("1", "2"):
            pair = {"MessagingBinding.Address": f"+1555{area}{n:07}", "MessagingBinding.ProxyAddress": PROXY}
            ask(store, "POST", f"/Conversations/{name}/Participants", pair)
    return store


def mixed() -> list[tuple[str, str, bytes]]:
    """Return calls as an application makes them: mostly reads, some messages, some updates."""
    names = [f"c{n}" for n in range(500)]
    found = []
    for n in range(CALLS):
        base = f"/Conversations/{names[n * 7919 % len(names)]}"
        found.append(
            (
                ("GET", base, {}),
                ("GET", f"{base}/Participants", {}),
                ("POST", f"{base}/Messages", {"Body": f"hello {n}", "Author": "system"}),
                ("GET", f"{base}/Messages?PageSize=20&Order=desc", {}),
                ("POST", base, {"FriendlyName": f"Order {n}"}),
                ("GET", PAGES, {}),
            )[n % 6]
        )
    return [(method, path, urlencode(form).encode()) for method, path, form in found]


# --- what is measured --------------------------------------------------------------------------------------


def started() -> None:
    """Start processes: how long until one answers, and what it holds then."""
    line = [sys.executable, "-m", "reconciler", "emulator", ".", "--memory", "--port", "0"]
    ready_s, idle_mib = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            start_s = time.perf_counter()
            process = subprocess.Popen(
                line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            told = process.stdout.readline() if process.stdout else ""
            door = http.client.HTTPConnection(told.split("http://")[1].split()[0], timeout=10)
            door.request("GET", "/_emulator/health")
            door.getresponse().read()
            ready_s.append(time.perf_counter() - start_s)
            idle_mib.append(resident_mib(process.pid))
            door.close()
            process.terminate()
            process.communicate(timeout=10)
    say(f"ready after {median(ready_s):.2f} s, idle with {median(idle_mib):.0f} MiB (medians of {ROUNDS})")


def emptied() -> None:
    """Reset a world in memory, and one in a file."""
    with tempfile.TemporaryDirectory() as folder:
        for name, path in (("in memory", None), ("in a file", Path(folder, "world.db"))):
            store = crowded(Store(path=path, clock=Clock.frozen()), MIDDLE)
            say(f"reset with {MIDDLE:,} conversations, {name}: {took_s(store.reset) * 1000:.0f} ms")
            store.close()


def called() -> None:
    """Make mixed calls one after another: in process, and over one connection that is kept."""
    store = crowded(Store(clock=Clock.frozen()), SMALL)
    known = {"Authorization": authorization(store.account), "Content-Type": FORM_TYPE}
    calls = mixed()
    ready = [_request(method, path, known, body) for method, path, body in calls]
    inside_s = min(took_s(lambda: [handle(store, one) for one in ready]) for _ in range(3))
    with running(store) as url:
        door = http.client.HTTPConnection(url.removeprefix("http://"))

        def over_http() -> None:
            for method, path, body in calls:
                door.request(method, f"/v1{path}", body, known)
                door.getresponse().read()

        outside_s = min(took_s(over_http) for _ in range(2))
        door.close()
    say(
        f"mixed calls a second: {CALLS / inside_s:,.0f} in process, "
        f"{CALLS / outside_s:,.0f} over HTTP (client and server share the process)"
    )


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> Request:
    return request_to(method, f"https://conversations.twilio.com/v1{path}", headers, body)


def grown() -> None:
    """Compare what calls cost in a small and in a large world, and weigh the large one."""
    store, before_mib = Store(clock=Clock.frozen()), resident_mib()
    small, large = (costs(crowded(store, size)) for size in (SMALL, LARGE))
    for name, cost_s in small.items():
        say(f"{name}: {cost_s * 1e6:.0f} µs with {SMALL:,}, x{large[name] / cost_s:.2f} with {LARGE:,}")
    rows, held_mib = len(store.index.rows), resident_mib() - before_mib
    say(f"memory with {LARGE:,} conversations: {held_mib:.0f} MiB, {held_mib * 2**20 / rows:.0f} bytes a row")
    export_s = took_s(lambda: json.dumps(exported(store)))
    say(f"all of it exported as one document: {export_s:.1f} s")


def costs(store: Store) -> dict[str, float]:
    """Return the seconds that calls take in a world, by name."""
    page: Any = ask(store, "GET", PAGES)[1]
    for _ in range(8):
        page = ask(store, "GET", page["meta"]["next_page_url"])[1]
    further = page["meta"]["url"]
    return {
        "first page of 50": each_s(lambda: ask(store, "GET", PAGES)),
        "ninth page of 50": each_s(lambda: ask(store, "GET", further)),
        "inbound message": each_s(lambda: store.phones.send("+155510000007", PROXY, "Hello?")),
    }


def each_s(deed: Callable[[], object]) -> float:
    """Return the median of what a deed takes."""
    return median(took_s(deed) for _ in range(TIMES))


def main() -> None:
    """Print a line for each cost."""
    grown()
    started()
    emptied()
    called()


if __name__ == "__main__":
    main()
