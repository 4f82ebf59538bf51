"""A conversation made with its participants: turns one call into all of it, now or soon, or into nothing.

Sources: OpenAPI ``/v1/ConversationWithParticipants`` and its page; error pages 50424–50427, 50435. The whole
request is checked before anything exists. With ``Switches.attach_delay_s`` the conversation is
``initializing`` until the clock attaches its participants; should that fail then, it closes and frees what
it held (documented).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.events import Cause
from reconciler.emulator.wire import Form

from . import bindings, conversations, lifecycle, participants
from .participants import Draft

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Conversation
    from reconciler.emulator.store import Store

_MAX_PARTICIPANTS = 10
_NAMES = {
    "identity": "Identity",
    "attributes": "Attributes",
    "role_sid": "RoleSid",
    "date_created": "DateCreated",
    "date_updated": "DateUpdated",
}
_BINDING_NAMES = {
    "address": "MessagingBinding.Address",
    "proxy_address": "MessagingBinding.ProxyAddress",
    "projected_address": "MessagingBinding.ProjectedAddress",
}


def create(call: Call) -> Reply:
    """POST: 201 without participants, 202 with (OpenAPI examples)."""
    store = call.store
    asked = conversations.wanted(call)
    texts = call.form.all("Participant")
    if len(texts) > _MAX_PARTICIPANTS:
        raise ApiError(50426)
    drafts = [participants.drafted(store, _form(text)) for text in texts]
    _check_together(store, call.service.sid, drafts)
    for draft in drafts:
        participants.check_person(store, call.service.sid, draft.identity, draft.role_sid)
    conversation = conversations.build(call, asked)
    conversations.add(store, conversation)
    if drafts and store.switches.attach_delay_s:
        _postpone(store, conversation, drafts)
    else:
        _attach(store, conversation, drafts)
    return (202 if drafts else 201), _show(call, conversation)


def attach_pending(store: Store, conversation: Conversation) -> None:
    """Attach who was accepted earlier, or close the conversation if someone can no longer be admitted."""
    # By time, and yet what a call by REST has asked for: it decides whether webhooks hear of it.
    told = any(kept.get("webhooks") for kept in conversation.pending)
    with store.events.caused_by(Cause("API", "API", webhooks=told)):
        _attach_all(store, conversation)


def _attach_all(store: Store, conversation: Conversation) -> None:
    drafts = [_revived(kept) for kept in conversation.pending]
    for kept in conversation.pending:
        lifecycle.release_draft(store, conversation, kept)
    store.update(conversation, state="active", pending=[], attach_at=None, date_updated=store.today())
    try:
        for draft in drafts:
            participants.admit(store, conversation, _unpaired(draft))
        _attach(store, conversation, drafts)
    except ApiError:
        lifecycle.close(store, conversation)


def _form(text: str) -> Form:
    try:
        value = fields.strict_json(text)
    except ValueError as error:
        raise ApiError(50424) from error
    if not isinstance(value, dict):
        raise ApiError(50424)
    binding = value.get("messaging_binding") or {}
    if not isinstance(binding, dict):
        raise ApiError(50424)
    return Form([*_pairs(value, _NAMES), *_pairs(binding, _BINDING_NAMES)])


def _pairs(value: dict[str, Any], names: dict[str, str]) -> list[tuple[str, str]]:
    given = [(names[key], item) for key, item in value.items() if key in names and item is not None]
    if not all(isinstance(item, str) for _, item in given):
        raise ApiError(50424)
    return given


def _check_together(store: Store, service_sid: str, drafts: list[Draft]) -> None:
    """Refuse what is wrong among the participants themselves, or with pairs held elsewhere (50425)."""
    identities = [draft.identity for draft in drafts if draft.identity is not None]
    if len(set(identities)) < len(identities):
        raise ApiError(50433)
    pairs = [
        bindings.pair_key(store, service_sid, draft.address, draft.proxy_address)
        for draft in drafts
        if draft.address is not None and draft.proxy_address is not None
    ]
    if len(set(pairs)) < len(pairs) or any(bindings.pair_holder(store, key) for key in pairs):
        raise ApiError(50425)
    _check_group(store, drafts)


def _check_group(store: Store, drafts: list[Draft]) -> None:
    addresses = [
        address
        for draft in drafts
        if draft.proxy_address is None and (address := draft.projected_address or draft.address)
    ]
    for address in addresses:
        bindings.check_group_number(store, address)
    if not any(draft.projected_address for draft in drafts):
        return
    if any(draft.binding.is_empty for draft in drafts):
        raise ApiError(50434)
    if len(set(addresses)) < len(addresses):
        raise ApiError(50437)
    if len(addresses) < bindings.GROUP_MIN:
        raise ApiError(50435)
    bindings.check_group_free(store, "", addresses)


def _postpone(store: Store, conversation: Conversation, drafts: list[Draft]) -> None:
    due = store.now_s() + store.switches.attach_delay_s
    told = "true" if store.events.cause.webhooks else None
    kept = [{**draft.kept(), "webhooks": told} for draft in drafts]
    with store.events.silent():  # it begins so
        store.update(conversation, state="initializing", pending=kept, attach_at=due)
    lifecycle.hold_drafts(store, conversation)
    lifecycle.arm(store, conversation)


def _attach(store: Store, conversation: Conversation, drafts: list[Draft]) -> None:
    service = store.service(conversation.service_sid)
    if service is None:
        raise ApiError(50050)
    for draft in drafts:
        participants.attach(store, service, conversation, draft)


def _revived(kept: dict[str, str | None]) -> Draft:
    return Draft(
        identity=kept["identity"],
        address=kept["address"],
        proxy_address=kept["proxy_address"],
        projected_address=kept["projected_address"],
        attributes=kept["attributes"] or "{}",
        role_sid=kept["role_sid"],
        dates={},
    )


def _unpaired(draft: Draft) -> Draft:
    """Return the draft without its pair, which this conversation has kept for it since it was accepted."""
    if draft.proxy_address is None:
        return draft
    return Draft(draft.identity, None, None, None, draft.attributes, draft.role_sid, draft.dates)


def _show(call: Call, conversation: Conversation) -> dict[str, Any]:
    view = conversations.show(call, conversation)
    links = {name: url for name, url in view["links"].items() if name != "export"}
    return {**view, "links": links}
