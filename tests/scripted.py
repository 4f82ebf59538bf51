"""Doubles for what the gateway stands on: a transport with a script, and time that takes none."""

from __future__ import annotations

import asyncio
import json
import selectors
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from reconciler.gateway import Credentials, Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from reconciler.transport import Transport, TransportError

T = TypeVar("T")
Answer: TypeAlias = "tuple[int, Mapping[str, str], bytes]"

ACCOUNT = "AC" + "a" * 32
PASSWORD = "correct horse battery staple"
CREDENTIALS = Credentials(ACCOUNT, ACCOUNT, PASSWORD)


class _Skipping(selectors.SelectSelector):
    """Skips to the next timer instead of waiting for it."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; where nothing is, let the time pass."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits and nothing will ever happen again")
        if not ready and timeout:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual: a sleep of an hour takes none, in the right order."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return the virtual seconds that have passed."""
        return self._skipping.now_s


class VirtualClock:
    """The gateway's clock on a `VirtualLoop`."""

    def monotonic(self) -> float:
        """Return the loop's virtual seconds; before there is a loop none have passed."""
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(seconds)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


@dataclass(frozen=True)
class Sent:
    """One request as it reached the transport, and when."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    at_s: float


def answer(status: int, value: Any = None, **headers: str) -> Answer:
    """Return an answer with a JSON body; bytes are taken as they are. ``retry_after`` means Retry-After."""
    body = value if isinstance(value, bytes) else b"" if value is None else json.dumps(value).encode()
    return status, {name.replace("_", "-").title(): text for name, text in headers.items()}, body


def refusal(status: int, code: int = 0, message: str = "no", **headers: str) -> Answer:
    """Return one of Twilio's error bodies; without a code the body has none."""
    told: dict[str, Any] = {"message": message, "status": status}
    return answer(status, told | ({"code": code} if code else {}), **headers)


class Scripted:
    """A transport with answers from a function, or one by one from a list; it keeps what was sent."""

    def __init__(
        self,
        script: Callable[[Sent], Answer | TransportError] | Iterable[Answer | TransportError],
        latency_s: float = 0.0,
    ) -> None:
        self.sent: list[Sent] = []
        self.most_at_once = 0
        self._script = script if callable(script) else None
        self._answers = iter(() if callable(script) else script)
        self._latency_s = latency_s
        self._at_once = 0

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Answer:
        """Give the next answer, after the latency."""
        call = Sent(method, url, dict(headers), body, timeout_s, asyncio.get_running_loop().time())
        self.sent.append(call)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self._latency_s)
            told = self._script(call) if self._script else next(self._answers)
        finally:
            self._at_once -= 1
        if isinstance(told, Exception):
            raise told
        return told


def gateway_over(transport: Transport, **options: Any) -> Gateway:
    """Return a gateway over a transport of the test's, on virtual time."""
    return Gateway(
        transport, options.pop("credentials", CREDENTIALS), clock=VirtualClock(), seed=0, **options
    )
