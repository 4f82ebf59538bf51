"""The calls Twilio makes, kept: turns calls that are due into deliveries, each with what became of it.

Nothing is sent from here. A ``courier`` takes what waits; where none is at work, as in process, deliveries
wait and can be looked at. They are the latest of this process, and what waits is gone with it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

from reconciler.emulator.wire import FORM_TYPE, date_text

from .signatures import called_url, signature

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from reconciler.emulator.store import Store

    from .hooks import Outgoing

KEPT = 1000
TIMEOUT_S = 5.0
ANSWER_BYTES = 65_536
State = Literal["waiting", "under_way", "answered", "failed", "not_sent"]
_PASSWORD = re.compile(r"(?<=://)[^/?#@\s]*@")
_UNREACHED = {
    "studio": "Studio flows do not run here",
    "flex": "Flex is not here",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A call as it goes over the wire."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said; the first bytes of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(Exception):  # noqa: N818 - what became of a call, which need not be an error of ours
    """A call that got no answer; the message says why."""


if TYPE_CHECKING:
    Sender = Callable[[Sent], Awaitable[Answer]]


@dataclass(slots=True, eq=False)
class Delivery:
    """One call and what became of it. ``code`` is what Twilio's debugger would say: 50057 or 50076."""

    id: str
    call: Outgoing
    at_s: float
    token: str
    repeats: str | None = None
    state: State = "waiting"
    reason: str | None = None
    code: int | None = None
    answer: Answer | None = None
    duration_s: float | None = None

    def sent(self) -> Sent:
        """Return the signed call. Only for calls that have a URL."""
        call = self.call
        url = called_url(call.url or "", call.method, call.parameters)
        in_form = {} if call.method == "GET" else call.parameters
        headers = {
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": self._mark(),
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": signature(self.token, url, in_form),
        }
        if call.method == "GET":
            return Sent("GET", url, headers, b"")
        return Sent(call.method, url, {"Content-Type": FORM_TYPE, **headers}, urlencode(in_form).encode())

    def _mark(self) -> str:
        # Ids begin anew with each process, and a receiver may remember.
        told = f"{self.id} {self.at_s} {sorted(self.call.parameters.items())}"
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    def end(self, state: State, reason: str | None = None, code: int | None = None) -> None:
        """Say what became of it."""
        self.state, self.reason, self.code = state, reason, code

    def shown(self) -> dict[str, Any]:
        """Return the delivery for a reader outside."""
        call, answer = self.call, self.answer
        sent = self.sent() if call.url else None
        return {
            "id": self.id,
            "replay_of": self.repeats,
            "at": date_text(int(self.at_s)),
            "at_s": self.at_s,
            "level": call.level,
            "target": call.target,
            "event": call.event,
            "webhook_sid": call.webhook_sid,
            "conversation_sid": call.conversation_sid,
            "parameters": dict(call.parameters),
            "request": sent and _shown(sent),
            "signature": sent and sent.headers["X-Twilio-Signature"],
            "state": self.state,
            "reason": self.reason,
            "error_code": self.code,
            "answer": answer and {"status": answer.status, "body": answer.body.decode("utf-8", "replace")},
            "duration_s": self.duration_s,
        }


def _shown(sent: Sent) -> dict[str, Any]:
    # A password in a URL stays here.
    return {"method": sent.method, "url": _PASSWORD.sub("", sent.url), "headers": dict(sent.headers)}


@dataclass(slots=True)
class Deliveries:
    """The deliveries of one world, the latest ``KEPT``. ``listeners`` hear, under its lock, of those due.

    ``send`` is how a call is made, None where nobody makes any; ``allow_external``, set before a server
    begins, lets calls leave this machine.
    """

    store: Store
    send: Sender | None = None
    allow_external: bool = False
    timeout_s: float = TIMEOUT_S
    last: int = 0
    listeners: list[Callable[[list[Delivery]], None]] = field(default_factory=list)
    _kept: deque[Delivery] = field(default_factory=deque)
    _planned: list[Outgoing] = field(default_factory=list)

    def __iter__(self) -> Iterator[Delivery]:
        """Give what is kept, the oldest first."""
        return iter(tuple(self._kept))

    def find(self, name: str) -> Delivery | None:
        """Return the delivery of this id."""
        return next((one for one in self._kept if one.id == name), None)

    def plan(self, calls: Iterable[Outgoing]) -> None:
        """Have calls made once what they tell of is committed."""
        self._planned.extend(calls)

    def publish(self) -> None:
        """Let what was planned be due: it is committed."""
        if self._planned:
            planned, self._planned = self._planned, []
            self._tell([self.note(call) for call in planned])

    def note(self, call: Outgoing, repeats: str | None = None) -> Delivery:
        """Keep a call as a delivery. What cannot be sent from here is not."""
        self.last += 1
        store = self.store
        made = Delivery(f"d{self.last}", call, store.now_s(), store.account.auth_token, repeats)
        if refusal := self._refusal(call):
            made.end("not_sent", refusal)
        if len(self._kept) >= KEPT:
            oldest = self._kept.popleft()
            if oldest.state == "waiting":
                oldest.end("not_sent", f"more than {KEPT} calls wait")
        self._kept.append(made)
        return made

    def repeat(self, delivery: Delivery) -> Delivery:
        """Make a call once more, as it was."""
        made = self.note(delivery.call, delivery.id)
        self._tell([made])
        return made

    def forget(self) -> None:
        """Drop what is kept, for a world that starts again; what waits is not sent, numbers go on."""
        for one in self._kept:
            if one.state == "waiting":
                one.end("not_sent", "the world began again")
        self._kept.clear()
        self._planned.clear()

    def _tell(self, made: list[Delivery]) -> None:
        due = [one for one in made if one.state == "waiting"]
        for listener in list(self.listeners) if due else ():
            listener(due)

    def _refusal(self, call: Outgoing) -> str | None:
        if call.url is None:
            return _UNREACHED.get(call.target, "it has no URL")
        host = host_of(call.url)
        if host in self.store.index.serverless.domain:
            return f"{host} is a domain of this world, where functions are deployed and not run"
        if self.allow_external or is_loopback(host):
            return None
        return (
            f"{host} is not this machine; only localhost, 127.0.0.0/8 and ::1 are called unless "
            "the emulator was started with --allow-external-webhooks"
        )


def host_of(url: str) -> str:
    """Return the host of a URL, '' for what has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address is this machine: of names only ``localhost``, none is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
