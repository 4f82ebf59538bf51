"""Writes as they are asked for → refused, where a message could reach anybody.

Silent is only a conversation that was itself seen made, alone, and to which nobody was brought who may have
an address. Of every other one it is not known, and so nothing is said in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

_CONVERSATIONS = r"/v1(?:/Services/[^/]+)?/Conversations"
_MADE = re.compile(_CONVERSATIONS)
_MESSAGES = re.compile(_CONVERSATIONS + r"/([^/]+)/Messages(?:/[^/]+)?")
_PARTICIPANTS = re.compile(_CONVERSATIONS + r"/([^/]+)/Participants(?:/[^/]+)?")
_NO_ADDRESS = frozenset({"Identity", "Attributes", "RoleSid", "LastReadMessageIndex", "LastReadTimestamp"})


class WouldSendError(RuntimeError):
    """A message was about to be written where somebody can be reached: a mistake in the program."""


class Silence:
    """Who may be spoken to: nobody. It is told of every write before it leaves, and of what was made."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = frozenset(hosts)
        self._is_silent: dict[str, bool] = {}
        """Each conversation that was seen made, by its sid."""

    def keep(self, method: str, url: str, names: Collection[str] | None) -> None:
        """Let a write pass that reaches nobody. Raises WouldSendError for any other.

        `names` are those of the fields that are sent, None where nobody can tell them.
        """
        parts = urlsplit(url)
        if method in ("GET", "DELETE"):
            return
        if parts.netloc not in self._hosts:
            raise WouldSendError(f"{method} {url}: nothing is written there")
        path = unquote(parts.path)
        if "participants" in path.casefold() and (
            names is None or parts.query or not _NO_ADDRESS.issuperset(names)
        ):
            self._brought(_PARTICIPANTS.fullmatch(path))
        if "messages" in path.casefold() and not self._reaches_nobody(_MESSAGES.fullmatch(path)):
            raise WouldSendError(f"a message to {path} could reach somebody")

    def note(self, method: str, url: str, made: Any) -> None:
        """Hear what was answered to a write that was carried out."""
        sid = made.get("sid") if isinstance(made, dict) else None
        if method == "POST" and _MADE.fullmatch(urlsplit(url).path) and isinstance(sid, str):
            self._is_silent.setdefault(sid, True)

    def _brought(self, place: re.Match[str] | None) -> None:
        """Somebody may have come; a conversation that is not named by its sid may be any of them."""
        to_all = place is None or place[1] not in self._is_silent
        for sid in self._is_silent:
            if to_all or (place is not None and place[1] == sid):
                self._is_silent[sid] = False

    def _reaches_nobody(self, place: re.Match[str] | None) -> bool:
        return place is not None and self._is_silent.get(place[1], False)
