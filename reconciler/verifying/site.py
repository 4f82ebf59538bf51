"""A caller → a place to try things in: services of this run's own, in which all else is made.

Whatever is made bears the run's name from the call on that makes it, or stands in a service that does, so
that it can be found and taken away whatever becomes of the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.verifying.asking import CONVERSATIONS, SERVERLESS, SYNC
from reconciler.verifying.seeing import PREFIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from reconciler.verifying.asking import Answer, Caller, Form, Raw

FICTITIOUS_PROXY = "+15550109999"
"""Numbers from +15550100000 to +15550109999 are nobody's."""
_NOT_OURS = {50408: "is no proxy", 50413: "is not the account's", 50415: "is not the account's"}

Seen = dict[str, Any]


class CannotAskError(Exception):
    """What a question needs was refused, so that it has no answer; the text says with what."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question, and what to do to see its answer.

    ``name`` is ``group/question``; ``settles`` names the switches it answers, ``facts`` the open question of
    the fact sheet. ``costly`` says why it is asked only when that is asked for.
    """

    name: str
    asks: str
    run: Callable[[Site], Awaitable[Seen]]
    settles: tuple[str, ...] = ()
    facts: str = ""
    costly: str = ""

    @property
    def group(self) -> str:
        """What it is about."""
        return self.name.partition("/")[0]


class Site:
    """What probes are carried out with; ``run`` names this run, ``proxy`` is a number of the account."""

    def __init__(self, caller: Caller, run: str, proxy: str = "") -> None:
        self.prefix = f"{PREFIX}{run}-"
        self.statuses: dict[int, set[int]] = {}
        self.sleep = caller.sleep
        self.account_sid = caller.account_sid
        self.proxy = proxy or FICTITIOUS_PROXY
        self._caller = caller
        self._services: dict[str, str] = {}
        self._numbers = 0

    # Calls

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Read."""
        return self._noted(await self._caller.ask("GET", url, None, headers))

    async def post(
        self, url: str, sent: Form | Raw | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Create or update."""
        return self._noted(await self._caller.ask("POST", url, sent, headers))

    async def delete(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Delete."""
        return self._noted(await self._caller.ask("DELETE", url, None, headers))

    async def must(self, url: str, sent: Form | Raw | None = None) -> dict[str, Any]:
        """Create or update what a question needs. Raises CannotAskError where that is refused."""
        return _granted(await self.post(url, sent)).row

    def _noted(self, answer: Answer) -> Answer:
        if answer.code:
            self.statuses.setdefault(answer.code, set()).add(answer.status)
        return answer

    # Names

    def name(self, hint: str) -> str:
        """Return a name of this run's."""
        return self.prefix + hint

    def number(self) -> str:
        """Return a number that is nobody's, another one each time."""
        self._numbers += 1
        return f"+1555010{self._numbers:04d}"

    # Things

    async def service(self, hint: str = "main") -> str:
        """Return the URL of a Conversations service of this run's own."""
        return await self._own(CONVERSATIONS, hint)

    async def sync(self) -> str:
        """Return the URL of a Sync service of this run's own."""
        return await self._own(SYNC, "sync")

    async def functions(self) -> str:
        """Return the URL of a Functions service of this run's own."""
        name = {"UniqueName": self.name("functions")}
        return await self._own(SERVERLESS, "functions", name)

    async def _own(self, root: str, hint: str, more: Form | None = None) -> str:
        if hint not in self._services:
            form = {"FriendlyName": self.name(hint), **(more or {})}
            made = await self.must(f"{root}/Services", form)
            self._services[hint] = f"{root}/Services/{made['sid']}"
        return self._services[hint]

    async def conversation(self, form: Form | None = None, service: str = "main") -> str:
        """Return the URL of a new conversation."""
        at = f"{await self.service(service)}/Conversations"
        return f"{at}/{(await self.must(at, form))['sid']}"

    async def person(self, conversation: str, address: str, **more: str) -> Answer:
        """Add somebody by SMS. Raises CannotAskError where the account may not use the proxy."""
        binding = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": self.proxy}
        answer = await self.post(f"{conversation}/Participants", {**binding, **more})
        if answer.code in _NOT_OURS:
            told = f"{answer.code}, the proxy {_NOT_OURS[answer.code]}"
            raise CannotAskError(f"refused with {told}: name a number of the account with --proxy")
        return answer


def _granted(answer: Answer) -> Answer:
    if not answer.is_done or "sid" not in answer.row:
        raise CannotAskError(f"what it needs was refused with {answer.status}/{answer.code}")
    return answer
