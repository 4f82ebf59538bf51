"""How much at once: turns calls into counts, and what is over a limit into 429. Off unless asked for.

Documented: 30 actions a second, per service for creating and deleting conversations and for users and roles,
per conversation for its updates and what stands in it; reads are exempt. The account's own limit (50074) and
its concurrency (20429) have no figure. Inferred: seconds are whole ones of the world's clock, a call that is
refused for other reasons counts too, and a conversation's limit has the service's code (50063).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .call import CONVERSATION_SID
from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Call

NAMES = ("actions_per_s", "account_actions_per_s", "in_flight")


@dataclass(slots=True)
class Limits:
    """The limits of one world (None: off), and how much of them is used."""

    actions_per_s: int | None = None
    account_actions_per_s: int | None = None
    in_flight: int | None = None
    _second: int = 0
    _flying: int = 0
    _actions: dict[str, int] | None = None

    def count(self, call: Call, now_s: float) -> None:
        """Count a call that changes something. Raises ApiError 50063 or 50074 when it is over a limit."""
        if self.actions_per_s is None and self.account_actions_per_s is None:
            return
        if self._actions is None or self._second != int(now_s):
            self._second, self._actions = int(now_s), {}
        scopes = {
            scope_of(call): (self.actions_per_s, 50063),
            call.store.account.sid: (self.account_actions_per_s, 50074),
        }
        for scope, (limit, code) in scopes.items():
            if limit is not None and self._actions.get(scope, 0) >= limit:
                raise ApiError(code)
        for scope in scopes:
            self._actions[scope] = self._actions.get(scope, 0) + 1

    @contextlib.contextmanager
    def flight(self) -> Iterator[bool]:
        """Give whether one more request fits in, and have it counted for the length of the block."""
        fits = self.in_flight is None or self._flying < self.in_flight
        self._flying += fits
        try:
            yield fits
        finally:
            self._flying -= fits

    def shown(self) -> dict[str, Any]:
        """Return the limits for a reader outside."""
        return {name: getattr(self, name) for name in NAMES}


def scope_of(call: Call) -> str:
    """Return whose actions a call counts among: a conversation's SID, or its service's."""
    name = call.ids.get("ConversationSid")
    if name is None and call.request.method == "POST" and "Sid" in call.ids:
        name = call.ids["Sid"] if call.path.split("/")[-2] == "Conversations" else None
    if name is None:
        return call.service.sid
    if CONVERSATION_SID.fullmatch(name):
        return name
    return call.store.index.names.holder((call.service.sid, name)) or call.service.sid
