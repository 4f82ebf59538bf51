"""Several machines at one emulated Sync, in virtual time: each with a line of its own that can be cut."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripted import VirtualClock

from reconciler import emulator
from reconciler.brake import Brake
from reconciler.gateway import Credentials, Gateway
from reconciler.model import Owner, Target
from reconciler.record import Holder, lease
from reconciler.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from reconciler.record import Lease

SERVICES = "https://sync.twilio.com/v1/Services"
TARGET = Target(Owner("demo", "prod"), "IS" + "0" * 32)
NAME = f"{TARGET.service_sid}.demo.prod"


@dataclass
class SyncWorld:
    """An account whose time is the event loop's."""

    store: emulator.Store = field(default_factory=lambda: emulator.Store(clock=emulator.Clock.frozen()))
    _moved_s: float = 0.0

    def keep_up(self) -> None:
        """Let the world's time be the loop's: what is late lands, dates grow older."""
        now_s = asyncio.get_running_loop().time()
        self.store.advance(max(0.0, now_s - self._moved_s))
        self._moved_s = max(self._moved_s, now_s)

    def ask(self, method: str, path: str, form: Any = None, if_match: str | None = None) -> tuple[int, Any]:
        """Make a call as somebody else would, past all faults; `path` is below ``/Services``."""
        headers = {} if if_match is None else {"If-Match": if_match}
        return emulator.ask(self.store, method, SERVICES + path, form, headers)

    def services(self) -> list[dict[str, Any]]:
        """Return the Sync services that bear our name."""
        rows: list[dict[str, Any]] = self.ask("GET", "?PageSize=100")[1]["services"]
        return [row for row in rows if row["friendly_name"] == "reconciler"]

    def document(self) -> dict[str, Any]:
        """Return the document of TARGET as it stands in the only service."""
        (service,) = self.services()
        row: dict[str, Any] = self.ask("GET", f"/{service['sid']}/Documents/{NAME}")[1]
        return row

    def overwrite(self, data: Any) -> None:
        """Write something else over the document, as only others do."""
        row = self.document()
        path = f"/{row['service_sid']}/Documents/{row['sid']}"
        assert self.ask("POST", path, {"Data": json.dumps(data)})[0] == 200


@dataclass
class Machine:
    """One run on one machine: its line to Sync, its clock and its brake."""

    world: SyncWorld
    name: str
    cut: bool = False
    """While it is, no call comes through, and each takes its whole time-out to fail."""
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.brake = Brake(self.clock)
        self.sent: list[tuple[str, str]] = []
        self._door = emulator.InProcess(self.world.store, sleep=asyncio.sleep)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Carry one call, unless the line is cut."""
        self.sent.append((method, url.removeprefix(SERVICES)))
        if self.cut:
            await asyncio.sleep(timeout_s)
            raise TransportError("the line is cut", sent=True)
        self.world.keep_up()
        try:
            return await self._door.send(method, url, headers, body, timeout_s)
        except emulator.Interrupted as fault:
            raise TransportError(str(fault), sent=fault.sent) from None
        finally:
            self.world.keep_up()

    @property
    def gateway(self) -> Gateway:
        """Return a gateway over this machine's line."""
        credentials = Credentials(emulator.ACCOUNT_SID, emulator.ACCOUNT_SID, emulator.AUTH_TOKEN)
        return Gateway(self, credentials, clock=self.clock, seed=0)

    def lease(self, **options: Any) -> AbstractAsyncContextManager[Lease]:
        """Ask for the lease on TARGET."""
        holder = Holder(f"{self.name}@desk", f"run-{self.name}")
        return lease(self.gateway, TARGET, holder, self.brake, self.clock, **{"seed": 0, **options})
