"""Conversations that a message makes: turns one that nothing waits for into a conversation with its writer.

Documented: the address configuration of the sender, if it is enabled, or else the integration of the
messaging service that the sender belongs to. The latter is a setting of another product: ``Account`` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations import bindings, conversations, participants, webhooks
from reconciler.emulator.conversations.participants import Draft
from reconciler.emulator.events import Cause

from . import delivery

if TYPE_CHECKING:
    from reconciler.emulator.rows import AddressConfiguration, Conversation, Participant, Service
    from reconciler.emulator.store import Store

    from .inbound import Written


@dataclass(frozen=True, slots=True)
class Plan:
    """A conversation to be: its service, the sender of ours, the configuration that says so, if any."""

    service: Service
    proxy_address: str
    messaging_service_sid: str
    config: AddressConfiguration | None = None

    def binding(self, written: Written) -> dict[str, str]:
        """Return the pair that a conversation is created for, as events tell it."""
        return {
            "MessagingBinding.Address": written.from_,
            "MessagingBinding.ProxyAddress": self.proxy_address,
            "MessagingBinding.AuthorAddress": written.from_,
        }


def planned(store: Store, written: Written) -> Plan | None:
    """Return what would be created for a message that nobody waits for, None: nothing."""
    if len(written.to) > 1 and not _is_group(set(written.addresses)):
        return None
    default = store.service(store.configuration.default_chat_service_sid)
    messaging_sid = store.configuration.default_messaging_service_sid
    for sender in written.to:
        config = store.index.address_configuration_of.get(sender)
        if config is not None and config.enabled:
            service = store.service(config.conversation_service_sid or "") or default
            return Plan(service, config.channel_address, messaging_sid, config) if service else None
    for sid, senders in store.account.creating.items():
        ours = next((one for one in written.to if one in senders), None)
        if ours is not None and default is not None:
            return Plan(default, ours, sid)
    return None


def _is_group(addresses: set[str]) -> bool:
    fits = bindings.GROUP_MIN <= len(addresses) <= bindings.GROUP_MAX
    return fits and all(bindings.is_group_number(one) for one in addresses)


def created(store: Store, written: Written) -> tuple[Conversation, Participant] | None:
    """Create a conversation with the writer in it, or nothing."""
    plan = planned(store, written)
    if plan is None:
        return None
    given: dict[str, Any] = {"messaging_service_sid": plan.messaging_service_sid}
    if name := written.changes.get("friendly_name"):
        given["friendly_name"] = name
    conversation = conversations.built(
        store, plan.service.sid, conversations.Wanted(given, None, has_timers=False)
    )
    source = delivery.source_of(written.from_)
    with store.events.caused_by(Cause(source, "EVENT", binding=plan.binding(written))):
        conversations.add(store, conversation)
    _attach_target(store, conversation, plan.config)
    drafts = _drafts(written, plan.proxy_address)
    rows = [participants.attach(store, plan.service, conversation, draft) for draft in drafts]
    return conversation, rows[0]


def _drafts(written: Written, ours: str) -> list[Draft]:
    """Return who is in a new conversation, the writer first: one person, or everybody in the group."""

    def draft(address: str | None, proxy: str | None, projected: str | None) -> Draft:
        return Draft(None, address, proxy, projected, "{}", None, {})

    if len(written.to) == 1:
        return [draft(written.from_, ours, None)]
    others = [one for one in written.to if one != ours]
    members = [draft(one, None, None) for one in (written.from_, *others)]
    return [*members, draft(None, None, ours)]


def _attach_target(store: Store, conversation: Conversation, config: AddressConfiguration | None) -> None:
    """Give a new conversation the configuration's webhook or flow (documented)."""
    if config is None:
        return
    if config.creation_type == "webhook" and config.webhook_url:
        given: dict[str, Any] = {
            "hook_url": config.webhook_url,
            "method": config.webhook_method or "POST",
            "words": list(config.webhook_filters or ()),
        }
    elif config.creation_type == "studio" and config.studio_flow_sid:
        given = {"flow_sid": config.studio_flow_sid}
    else:
        return
    store.insert(webhooks.built(store, conversation, config.creation_type, given))
