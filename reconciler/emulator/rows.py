"""The nouns of a world: one mutable record per live resource, as it is kept, not as it is shown.

``seq`` is the order of creation across the world. Dates are whole seconds, durations seconds. Rows hold text
as it was sent (attributes verbatim); what a reader sees is made by the module of the resource.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .content.rows import CONTENT_KINDS, ContentRow
from .serverless.rows import SERVERLESS_KINDS, ServerlessRow

# 2: Sync, 3: the rest of Conversations, 4: Content and Serverless; an older file becomes one of this format
FORMAT = 4


@dataclass(slots=True)
class Configuration:
    """The account's own settings (OpenAPI ``/v1/Configuration``) and webhooks; one row a world."""

    sid: str
    seq: int
    default_chat_service_sid: str
    default_messaging_service_sid: str
    default_inactive_timer: str | None = None
    default_closed_timer: str | None = None
    pre_webhook_url: str | None = None
    post_webhook_url: str | None = None
    webhook_filters: list[str] | None = field(default_factory=list)
    webhook_method: str | None = "POST"
    webhook_target: str = "webhook"


@dataclass(slots=True)
class AddressConfiguration:
    """What becomes of a message to one of the account's addresses that no conversation waits for.

    ``channel_address`` is the address as such a message carries it, with its channel's prefix.
    """

    sid: str
    seq: int
    address: str
    channel_address: str
    type: str
    friendly_name: str | None
    address_country: str | None
    enabled: bool
    creation_type: str | None
    conversation_service_sid: str | None
    webhook_url: str | None
    webhook_method: str | None
    webhook_filters: list[str] | None
    studio_flow_sid: str | None
    studio_retry_count: int | None
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Service:
    """A namespace of unique names, users and roles, with its configuration, webhooks and notifications."""

    sid: str
    seq: int
    friendly_name: str
    date_created: int
    date_updated: int
    creator_role_sid: str = ""
    conversation_role_sid: str = ""
    service_role_sid: str = ""
    reachability_enabled: bool = False
    pre_webhook_url: str | None = None
    post_webhook_url: str | None = None
    webhook_filters: list[str] | None = None
    webhook_method: str | None = None
    notifications: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Role:
    """A set of permissions of type conversation or service."""

    sid: str
    seq: int
    service_sid: str
    friendly_name: str
    type: str
    permissions: list[str]
    date_created: int
    date_updated: int


@dataclass(slots=True)
class User:
    """A chat identity within one service."""

    sid: str
    seq: int
    service_sid: str
    identity: str
    friendly_name: str | None
    attributes: str
    role_sid: str
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Conversation:
    """A conversation; ``pending`` holds participants accepted with it but not attached yet."""

    sid: str
    seq: int
    service_sid: str
    messaging_service_sid: str
    friendly_name: str | None
    unique_name: str | None
    attributes: str
    state: str
    date_created: int
    date_updated: int
    inactive_after_s: float | None = None
    closed_after_s: float | None = None
    date_inactive: int | None = None
    date_closed: int | None = None
    email_address: str | None = None
    email_name: str | None = None
    next_index: int = 0
    attach_at: float | None = None
    pending: list[dict[str, str | None]] = field(default_factory=list)


@dataclass(slots=True)
class Participant:
    """Someone in a conversation: an identity, an (address, proxy) pair, or a member of a group."""

    sid: str
    seq: int
    service_sid: str
    conversation_sid: str
    identity: str | None
    address: str | None
    proxy_address: str | None
    projected_address: str | None
    attributes: str
    role_sid: str | None
    date_created: int
    date_updated: int
    last_read_message_index: int | None = None
    last_read_timestamp: str | None = None
    notification_level: str = "default"


@dataclass(slots=True)
class Webhook:
    """A webhook of one conversation; ``words`` are filters or triggers, as the target has it."""

    sid: str
    seq: int
    conversation_sid: str
    target: str
    hook_url: str | None
    method: str | None
    words: list[str]
    flow_sid: str | None
    replay_after: int | None
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Message:
    """A message at ``index`` of its conversation; ``recipients`` counts who is reached outside chat."""

    sid: str
    seq: int
    conversation_sid: str
    index: int
    author: str
    body: str | None
    attributes: str
    participant_sid: str | None
    media_sid: str | None
    content_sid: str | None
    content_variables: str | None
    subject: str | None
    recipients: int
    date_created: int
    date_updated: int
    media: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Receipt:
    """What became of a message on its way to one participant; no status: it is still inside Twilio."""

    sid: str
    seq: int
    conversation_sid: str
    message_sid: str
    participant_sid: str
    channel_message_sid: str
    date_created: int
    date_updated: int | None = None
    status: str | None = None
    error_code: int = 0


@dataclass(slots=True)
class Handset:
    """A phone on one channel: ``inbound_s`` is when it last wrote to whom, ``opted_out`` whom it stopped."""

    sid: str
    seq: int
    address: str
    online: bool = True
    opted_out: list[str] = field(default_factory=list)
    inbound_s: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class ChannelMessage:
    """A message between us and one handset, as its channel carries it: inbound is what the handset wrote.

    ``peer`` is whom the handset sees: a sender of ours, or the others of a group. ``due_s`` is when its way
    goes on by itself; ``reason`` says why an inbound one is in no conversation. ``content`` is what a
    template became for this channel: its type, what can be tapped, why it cannot be carried.
    """

    sid: str
    seq: int
    address: str
    peer: str
    direction: str
    from_: str
    to: list[str]
    body: str | None
    media: list[dict[str, Any]]
    subject: str | None
    content_sid: str | None
    status: str
    date_created: int
    error_code: int = 0
    due_s: float | None = None
    conversation_sid: str | None = None
    message_sid: str | None = None
    participant_sid: str | None = None
    receipt_sid: str | None = None
    reason: str | None = None
    content: dict[str, Any] | None = None


@dataclass(slots=True)
class Credential:
    """Leave to send through a push service; the secrets that grant it are not kept."""

    sid: str
    seq: int
    type: str
    friendly_name: str | None
    sandbox: bool
    date_created: int
    date_updated: int


@dataclass(slots=True)
class PushBinding:
    """A device that a chat client registered for an identity's push notifications."""

    sid: str
    seq: int
    service_sid: str
    identity: str
    endpoint: str
    binding_type: str
    credential_sid: str
    message_types: list[str]
    date_created: int
    date_updated: int


@dataclass(slots=True)
class SyncService:
    """A namespace of Sync documents; only the account's default one has a unique name."""

    sid: str
    seq: int
    unique_name: str | None
    date_created: int
    date_updated: int
    friendly_name: str | None = None
    webhook_url: str | None = None
    webhooks_from_rest_enabled: bool = False
    reachability_webhooks_enabled: bool = False
    acl_enabled: bool = False
    reachability_debouncing_enabled: bool = False
    reachability_debouncing_window: int = 5000


@dataclass(slots=True)
class Document:
    """A Sync document; ``data`` is the text of a JSON object, ``revision`` counts from 0."""

    sid: str
    seq: int
    service_sid: str
    unique_name: str | None
    data: str
    date_expires: int | None
    date_created: int
    date_updated: int
    revision: int = 0


Row = (
    Configuration
    | Service
    | Role
    | User
    | Conversation
    | Participant
    | Webhook
    | Message
    | Receipt
    | Handset
    | ChannelMessage
    | AddressConfiguration
    | Credential
    | PushBinding
    | SyncService
    | Document
    | ContentRow
    | ServerlessRow
)
KINDS: dict[str, type[Row]] = {
    "configuration": Configuration,
    "service": Service,
    "role": Role,
    "user": User,
    "conversation": Conversation,
    "participant": Participant,
    "webhook": Webhook,
    "message": Message,
    "receipt": Receipt,
    "handset": Handset,
    "channel_message": ChannelMessage,
    "address_configuration": AddressConfiguration,
    "credential": Credential,
    "push_binding": PushBinding,
    "sync_service": SyncService,
    "document": Document,
    **CONTENT_KINDS,
    **SERVERLESS_KINDS,
}
KIND_OF: dict[type[Row], str] = {row: name for name, row in KINDS.items()}
