"""Messages: turns calls on ``/Conversations/{…}/Messages`` into rows, and puts them on their way.

Sources: OpenAPI of the Message resource, error pages 50503–50542, 50513 (observed), documented limits. An
index is never used twice; a message wakes an inactive conversation and starts its timers again (documented).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.content import variants
from reconciler.emulator.errors import ApiError
from reconciler.emulator.ordered import Selection
from reconciler.emulator.pages import page
from reconciler.emulator.playing import delivery, rules
from reconciler.emulator.playing.attachments import medium
from reconciler.emulator.rows import Message
from reconciler.emulator.wire import date_text

from . import bindings, lifecycle

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Conversation, Participant
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

_UPDATABLE = ("Author", "Body", "DateCreated", "DateUpdated", "Attributes", "Subject")
_CHAT_BODY_BYTES = 32 * 1024
_VARIABLES_CHARS = 27_801
_VARIABLES_COUNT = 100


def create(call: Call) -> Reply:
    """POST the collection: 201 and the new message, whatever becomes of its way to people."""
    store, conversation = call.store, call.writable_conversation()
    given = _given(call, conversation)
    content_sid = fields.sid(call.form, "ContentSid", "HX", 50526)
    media_sid = fields.sid(call.form, "MediaSid", "ME", 50510)
    variables = _variables(call.form, content_sid)
    if not given.get("body") and media_sid is None and content_sid is None:
        raise ApiError(50503)
    if content_sid is not None:  # documented: then Body and MediaSid are ignored
        given["body"], media_sid = _words_of(store, content_sid, variables), None
    given |= {"media_sid": media_sid, "content_sid": content_sid, "content_variables": variables}
    given["media"] = [] if media_sid is None else [medium(media_sid)]
    author = rules.writer(store.participants(conversation), given.get("author") or "system")
    return 201, show(call, post(store, conversation, given, author))


def post(
    store: Store,
    conversation: Conversation,
    given: dict[str, Any],
    author: Participant | None,
    *,
    carried: bool = False,
) -> Message:
    """Add a message and send it to all others; ``carried``: a group has it by its own channel already."""
    ways = delivery.ways(store, conversation, author)
    found = [way for way in ways if way.participant.proxy_address is not None] if carried else ways
    row = _built(store, conversation, given, author, len(found))
    store.insert(row)
    store.update(conversation, next_index=row.index + 1)
    lifecycle.activity(store, conversation)
    delivery.send(store, conversation, row, found)
    return row


def fetch(call: Call) -> Reply:
    """GET by SID."""
    return 200, show(call, call.child(Message, call.conversation()))


def update(call: Call) -> Reply:
    """POST the instance."""
    conversation = call.writable_conversation()
    row = call.child(Message, conversation)
    call.require_change(_UPDATABLE)
    given = _given(call, conversation)
    if given.get("body") == "" and row.media_sid is None and row.content_sid is None:
        raise ApiError(50503)
    call.store.update(row, **{"date_updated": call.store.today(), **given})
    return 200, show(call, row)


def delete(call: Call) -> Reply:
    """DELETE with its receipts: 204; the index stays used."""
    row = call.child(Message, call.clearable_conversation())
    for receipt in list(call.store.receipts(row)):
        call.store.remove(receipt)
    call.store.remove(row)
    return 204, None


def listing(call: Call) -> Reply:
    """GET the collection by index, ``Order=asc`` unless ``desc``; page tokens are numbers."""
    order = (call.query.get("Order") or "asc").lower()
    if order not in ("asc", "desc"):
        raise ApiError(20001, "Order must be asc or desc")
    chosen = Selection(call.store.messages(call.conversation()), descending=order == "desc")
    return page(call, "messages", chosen, show, numeric_token=True)


def _given(call: Call, conversation: Conversation) -> dict[str, Any]:
    form, members = call.form, call.store.participants(conversation)
    given: dict[str, Any] = dict(fields.dates(form))
    echo = call.store.switches.attributes_echo
    attributes = fields.attributes(form.get("Attributes"), fields.SMALL_ATTRIBUTES_BYTES, echo)
    texts = {
        "author": fields.text(form, "Author", 50310),
        "body": form.get("Body"),
        "attributes": attributes,
        "subject": fields.text(form, "Subject", 20001),
    }
    given |= {name: value for name, value in texts.items() if value is not None}
    if given.get("body"):
        _check_length(given["body"], has_channels=any(row.identity is None for row in members))
    is_new = call.request.method == "POST" and "Sid" not in call.ids
    if bindings.is_group(members) and (is_new or "author" in given):
        _check_group_author(given.get("author"), bindings.group_addresses(members))
    if is_new and bindings.is_group(members) and not bindings.is_complete(members):
        _check_group_works(call.store)
    return given


def _check_length(body: str, *, has_channels: bool) -> None:
    too_long = len(body) > rules.BODY_CHARS if has_channels else len(body.encode()) > _CHAT_BODY_BYTES
    if too_long:
        raise ApiError(50504)


def _check_group_author(author: str | None, addresses: list[str]) -> None:
    if author not in addresses:
        raise ApiError(50513)


def _check_group_works(store: Store) -> None:
    code = store.switches.small_group_code
    if code:
        raise ApiError(code, "A group MMS works once it has three addresses")


def _variables(form: Form, content_sid: str | None) -> str | None:
    value = form.get("ContentVariables")
    if value is None:
        return None
    if content_sid is None:
        raise ApiError(50528)
    try:
        variables = fields.sound_json(value)
    except ValueError as error:
        raise ApiError(50527) from error
    if not isinstance(variables, dict):
        raise ApiError(50527)
    if len(value) > _VARIABLES_CHARS or len(variables) > _VARIABLES_COUNT:
        raise ApiError(50529)
    if any(len(key) > 16 for key in variables):
        raise ApiError(50540)
    if any(len(str(item)) > 256 for item in variables.values()):
        raise ApiError(50541)
    return value


def _words_of(store: Store, content_sid: str, variables: str | None) -> str | None:
    """Return the body that a content gives a message; refuses what Conversations cannot send."""
    content = store.content(content_sid)
    if content is None:
        raise ApiError(store.switches.unknown_content_code, f"There is no content {content_sid}")
    if not variants.is_sendable(content):
        raise ApiError(50542)
    if store.switches.template_body == "null":
        return None
    return variants.text_of(content, fields.strict_json(variables or "{}"))


def _built(
    store: Store,
    conversation: Conversation,
    given: dict[str, Any],
    author: Participant | None,
    recipients: int,
) -> Message:
    now, index = store.today(), conversation.next_index
    filled = {
        "body": None,
        "attributes": "{}",
        "subject": None,
        "media_sid": None,
        "content_sid": None,
        "content_variables": None,
        "date_created": now,
        "date_updated": now,
    }
    return Message(
        sid=store.mint("IM", f"{conversation.sid}/Messages", str(index)),
        seq=store.next_seq(),
        conversation_sid=conversation.sid,
        index=index,
        participant_sid=author.sid if author else None,
        recipients=recipients,
        **{**filled, **given, "author": given.get("author") or "system"},
    )


def _delivery(store: Store, row: Message) -> dict[str, Any] | None:
    statuses = [receipt.status for receipt in store.receipts(row)]
    return rules.totals(statuses, row.recipients, store.switches.delivery_totals)


def _media(row: Message) -> list[dict[str, Any]] | None:
    return row.media or (None if row.media_sid is None else [medium(row.media_sid)])


def show(call: Call, row: Message) -> dict[str, Any]:
    """Return the resource; under a service's path it also names the service."""
    url = call.url("Conversations", row.conversation_sid, "Messages", row.sid)
    scope = {"chat_service_sid": call.service.sid} if call.scoped else {}
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        **scope,
        "conversation_sid": row.conversation_sid,
        "body": row.body,
        "media": _media(row),
        "author": row.author,
        "participant_sid": row.participant_sid,
        "attributes": row.attributes,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "index": row.index,
        "delivery": _delivery(call.store, row),
        "content_sid": row.content_sid,
        "url": url,
        "links": {"delivery_receipts": f"{url}/Receipts", "channel_metadata": f"{url}/ChannelMetadata"},
    }
