"""Deletions that take their time: turns a DELETE into a row that lingers, refused to writers, until it goes.

Documented: a delete is answered before it is done; meanwhile a write meets 50334 or 50002, and a name that is
being freed 50391. Only what stands in a conversation, and conversations, are removed this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import ApiError
from .handle import process, routed
from .rows import Conversation
from .wire import json_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rows import Row
    from .store import Store
    from .wire import Request, Response


def begin_removal(
    store: Store, request: Request, number: int, later: Callable[[Callable[[], object]], None]
) -> Response | None:
    """Answer 204 and have the row removed later; None if this call is no removal that would succeed now."""
    try:
        row = _doomed(store, request)
    except ApiError:
        return None
    if row is None or row.sid in store.removing:
        return None
    store.removing.add(row.sid)

    def remove() -> None:
        store.removing.discard(row.sid)
        process(store, request, number)

    later(remove)
    return json_response(204, None, number)


def _doomed(store: Store, request: Request) -> Row | None:
    call = routed(store, request)
    if (
        call is None
        or "Sid" not in call.ids
        or not call.path.split("/")[-2].endswith(("Conversations", "Participants", "Webhooks", "Messages"))
    ):
        return None
    inside = "ConversationSid" in call.ids
    conversation = call.clearable_conversation() if inside else call.conversation()
    name = call.ids["Sid"]
    found: Row | None = conversation if not inside else store.index.rows.get(name)
    if inside and found is None:
        found = store.index.participant_of.get((conversation.sid, name))
    if found is None or isinstance(found, Conversation):
        return found
    return found if getattr(found, "conversation_sid", None) == conversation.sid else None
