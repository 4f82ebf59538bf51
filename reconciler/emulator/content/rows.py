"""The nouns of Content: a template in several types, and the request that WhatsApp approve it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Content:
    """A template: ``types`` as they were given, checked; ``variables`` are what placeholders fall back to."""

    sid: str
    seq: int
    friendly_name: str
    language: str
    variables: dict[str, str]
    types: dict[str, Any]
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Approval:
    """A request for approval; at ``due_s`` it is decided by itself, as ``verdict`` says and for that reason.

    A rejected one outlives its content, because its name is spent.
    """

    sid: str
    seq: int
    content_sid: str
    name: str
    category: str
    content_type: str
    allow_category_change: bool
    status: str
    date_created: int
    date_updated: int
    rejection_reason: str = ""
    due_s: float | None = None
    verdict: str | None = None
    verdict_reason: str = ""


ContentRow = Content | Approval
CONTENT_KINDS: dict[str, type[ContentRow]] = {"content": Content, "approval": Approval}
