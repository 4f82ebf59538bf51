"""Names that others gave → keys of ours: readable, valid, and each only once.

Keys stand in marks, which chat clients can read, so none is made of a url, and of digits that may be a phone
number only the last four stay.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import count
from typing import TYPE_CHECKING

from reconciler.kinds.conversation import default_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from reconciler.model import Fields

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PERHAPS_A_NUMBER = re.compile(r"\d(?:[-_]?\d){8,}")
_LONGEST = 48
"""How long a key is made; there is room for what tells it from another."""


def is_key(text: str) -> bool:
    """Whether a text can be a key as it is."""
    return bool(_KEY.fullmatch(text))


def slug(text: object) -> str:
    """Return a text as a key: ASCII letters, digits and dashes; '' where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text if isinstance(text, str) else "")
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", plain.encode("ascii", "ignore").decode())
    dashed = re.sub(r"[^a-z0-9_]+", "-", plain.lower()).strip("-_")
    return _PERHAPS_A_NUMBER.sub(_last_four, dashed)[:_LONGEST].strip("-_")


def _last_four(found: re.Match[str]) -> str:
    return re.sub(r"\D", "", found[0])[-4:]


def free(name: str, taken: Collection[str]) -> str:
    """Return `name`, or where it is taken the first of `name-2`, `name-3` … that is not."""
    names = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(one for one in names if one not in taken)


def conversation_key(fields: Fields, sid: str, stack: str) -> str:
    """Return what to call a conversation: by its unique name, its friendly name, or its sid's end."""
    unique = str(fields.get(("unique_name",)) or "")
    start = default_name(stack, "")
    if unique.startswith(start) and is_key(unique.removeprefix(start)):
        return unique.removeprefix(start)
    return slug(unique) or slug(fields.get(("friendly_name",))) or f"conversation-{sid[-6:].lower()}"


def participant_key(fields: Fields) -> str:
    """Return what to call a participant: by its role word, its identity, or what sort of party it is."""
    role = slug(fields.get(("attributes", "role")))
    return role or slug(fields.get(("identity",))) or ("group" if ("projected",) in fields else "party")


def webhook_key(fields: Fields) -> str:
    """Return what to call a webhook: by the keyword or the events that it waits for, or its flow."""
    if fields.get(("target",)) == "studio":
        return "studio"
    words = [*_texts(fields.get(("triggers",))), *_texts(fields.get(("filters",)))]
    names = [slug(word.removeprefix("on")) for word in words]
    if ("triggers",) in fields:
        return names[0] or "keyword"
    return names[0] if len(names) == 1 and names[0] else _shared(names) or "events"


def _texts(value: object) -> Iterable[str]:
    return sorted(str(one) for one in value) if isinstance(value, list) else ()


def _shared(names: list[str]) -> str:
    """Return what several events are about, `messages`, where they are about one thing."""
    heads = {name.partition("-")[0] for name in names}
    return f"{heads.pop()}-events" if len(heads) == 1 and all(names) else ""
