"""One call on its way: turns a routed request into what a handler needs, the addressed rows included.

A handler is a function ``(call) -> (status, payload)``; it raises ``ApiError`` to refuse, and it changes
nothing before it has checked everything, so that a refused call leaves no trace. ``Asked`` is what every
product's handlers get, ``Call`` what those of Conversations get.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from .errors import ApiError
from .rows import Message, Row, Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .rows import Conversation, Service
    from .store import Store
    from .wire import Form, Request

C = TypeVar("C", Webhook, Message)
R = TypeVar("R", bound=Row)
Reply = tuple[int, Any]
CONVERSATION_SID = re.compile(r"CH[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its parameters decoded; ``root`` is the URL up to its version, ``path`` what follows."""

    store: Store
    request: Request
    root: str
    path: str
    ids: Mapping[str, str]
    query: Form
    form: Form

    def not_found(self) -> ApiError:
        """Return 404/20404 in Twilio's words: the path as asked for, without the version (observed)."""
        return ApiError(20404, f"The requested resource {self.path} was not found")

    def row(self, kind: type[R], parameter: str = "Sid", **of: str) -> R:
        """Return the row of this kind and of these parents that the path names, or refuse with 20404."""
        found = self.store.index.rows.get(self.ids[parameter])
        if not isinstance(found, kind) or any(getattr(found, name) != value for name, value in of.items()):
            raise self.not_found()
        return found


@dataclass(frozen=True, slots=True)
class Call(Asked):
    """A call of Conversations, which is always about one service."""

    service: Service

    @property
    def scoped(self) -> bool:
        """Whether the path names its service (``/Services/{ChatServiceSid}/…``)."""
        return "ChatServiceSid" in self.ids

    def url(self, *segments: str) -> str:
        """Return an absolute URL in the namespace the caller used, the service's or the default one."""
        start = f"{self.root}/Services/{self.service.sid}" if self.scoped else self.root
        return "/".join((start, *(quote(segment, safe="") for segment in segments)))

    def conversation(self) -> Conversation:
        """Return the conversation of the path, named by SID or, percent-decoded, by unique name."""
        name = self.ids.get("ConversationSid") or self.ids["Sid"]
        sid: str | None = name
        if not CONVERSATION_SID.fullmatch(name):
            sid = self.store.index.names.holder((self.service.sid, name))
        found = self.store.conversation(sid) if sid else None
        if found is None or found.service_sid != self.service.sid:
            raise self.not_found()
        return self.unremoved(found)

    def writable_conversation(self) -> Conversation:
        """Return the conversation if it takes changes: neither closed (50377) nor initializing (50386)."""
        found = self.conversation()
        if found.state == "closed":
            raise ApiError(50377)
        if found.state == "initializing":
            raise ApiError(50386)
        return found

    def clearable_conversation(self) -> Conversation:
        """Return the conversation if its children can be deleted; of a closed one nobody knows."""
        found = self.conversation()
        if found.state == "closed" and self.store.switches.closed_children_deletable:
            return found
        return self.writable_conversation()

    def require_change(self, names: tuple[str, ...]) -> None:
        """Refuse an update that carries none of the names this resource knows (50347 or 20161)."""
        code = self.store.switches.empty_update_code
        if code and not self.form.has_any(names):
            raise ApiError(code)

    def unremoved(self, row: R) -> R:
        """Return a row, unless it is on its way out and this call is a write (50334, for a delete 50002)."""
        if row.sid in self.store.removing and self.request.method != "GET":
            raise ApiError(50002 if self.request.method == "DELETE" else 50334)
        return row

    def child(self, kind: type[C], conversation: Conversation) -> C:
        """Return the row of this kind that the path names in a conversation, or refuse with 20404."""
        return self.unremoved(self.row(kind, conversation_sid=conversation.sid))
