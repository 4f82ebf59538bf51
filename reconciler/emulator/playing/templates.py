"""Messages by template: turns a content into what one handset gets of it, or why its channel takes nothing.

WhatsApp takes approved content at any time, some content within 24 hours, the rest never (documented). SMS
and the other channels know no approval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.content import placeholders, variants
from reconciler.emulator.conversations.addresses import channel_of

from . import attachments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.emulator.content.rows import Content
    from reconciler.emulator.rows import ChannelMessage, Message
    from reconciler.emulator.store import Store


def carried(store: Store, message: Message, channel: str) -> dict[str, Any]:
    """Return what a leg carries of a message: its own words, or a channel's variant of its content."""
    content = store.content(message.content_sid) if message.content_sid is not None else None
    if content is None:
        return {"content_sid": message.content_sid, "body": message.body, "media": list(message.media)}
    return _rendered(store, content, fields.strict_json(message.content_variables or "{}"), channel)


def _rendered(store: Store, content: Content, values: Mapping[str, Any], channel: str) -> dict[str, Any]:
    found = variants.variant(content, values, channel, unfilled=store.switches.unfilled_placeholder)
    return {
        "content_sid": content.sid,
        "body": found.body,
        "media": attachments.from_urls(store, found.media),
        "content": {"type": found.type, "actions": list(found.actions), "error_code": found.error_code},
    }


def refusal(store: Store, row: ChannelMessage, *, window_open: bool) -> int:
    """Return why a channel does not take a content now, 0 if it does."""
    told = row.content or {}
    if told.get("error_code"):
        return int(told["error_code"])
    if channel_of(row.address) != "whatsapp":
        return 0
    content, name = store.content(row.content_sid or ""), told.get("type")
    if content is None or name is None:
        return store.switches.unapproved_template_code
    if not variants.needs_approval(content, name, window_open=window_open):
        return 0
    passes = is_approved(store, content) and (window_open or variants.opens(name))
    return 0 if passes else store.switches.unapproved_template_code


def is_approved(store: Store, content: Content) -> bool:
    """Tell whether WhatsApp has approved a content, and has not taken that back."""
    found = store.index.content.approval_of.get(content.sid)
    return found is not None and found.status == "approved"


def recognise(store: Store, row: ChannelMessage) -> None:
    """Let free text go as the approved template that it equals, placeholders filled (until April 2025)."""
    found = equal(store, row)
    if found is not None:
        store.update(row, **_rendered(store, *found, "whatsapp"))


def equal(store: Store, row: ChannelMessage) -> tuple[Content, Mapping[str, str]] | None:
    """Return the approved template that free text equals, and what stands in its placeholders."""
    for content in store.index.content.contents if row.content_sid is None else ():
        values = _values(content, row.body or "") if is_approved(store, content) else None
        if values is not None:
            return content, values
    return None


def _values(content: Content, body: str) -> Mapping[str, str] | None:
    """Return what stands in a content's placeholders if this text is it."""
    words = content.types[variants.richest(content)].get("body")
    return placeholders.taken(words, body) if words else None
