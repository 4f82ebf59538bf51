"""The admin path of a scenario: turns what was played in one conversation into a file that plays it again.

``reconciler test`` plays such files. The file names people by the keys that whoever made them left in their
attributes; where there are none it brings the conversation along (``given``), with the numbers as they are.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from . import played, scenario_text
from .admin import AdminError, Ways, described, query_of
from .shapes import COUNT, NAME, TEXT, listed, record

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_NO_NAME = re.compile(r"[^a-z0-9]+")
_FILE = {"file": TEXT, "text": TEXT, "steps": COUNT, "notes": listed(TEXT)}


@described(gives=record(_FILE), query={"conversation": NAME})
def saved(store: Store, request: Request) -> dict[str, Any]:
    """GET: what was played in a conversation, or the first one, as a scenario file; what is not in it."""
    sid = query_of(request).get("conversation")
    with store.lock:
        everything = chain.from_iterable(store.index.conversations.values())
        conversation = next(everything, None) if sid is None else store.conversation(sid)
        if conversation is None:
            raise AdminError("there is no such conversation", 404)
        found = played.of(store, conversation)
    slug = _NO_NAME.sub("-", found.title.lower()).strip("-")[:60]
    return {
        "file": f"{slug or 'scenario'}.yaml",
        "text": scenario_text.written(found),
        "steps": len(found.steps),
        "notes": list(found.notes),
    }


PATHS: dict[str, Ways] = {"scenario": {"GET": saved}}
