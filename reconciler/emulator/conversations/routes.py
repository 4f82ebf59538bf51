"""The operations of Conversations v1: every one in Twilio's OpenAPI, and what performs those we have.

Most resources live twice, in the account's default service and under ``/Services/{ChatServiceSid}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.emulator.operations import Operation, Table, Ways, spread

from . import (
    accounts,
    address_configurations,
    configuration_webhooks,
    conversations,
    credentials,
    memberships,
    messages,
    notifications,
    participants,
    people,
    push_bindings,
    receipts,
    together,
    user_conversations,
    webhooks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVICE = "/Services/{ChatServiceSid}"

# Path below /v1, name in operations, ways. A collection and its instances ({Sid}) are one entry.
_TWICE: tuple[tuple[str, str, Ways], ...] = (
    (
        "/Conversations",
        "Conversation",
        {
            "Create": conversations.create,
            "List": conversations.listing,
            "Fetch": conversations.fetch,
            "Update": conversations.update,
            "Delete": conversations.delete,
        },
    ),
    (
        "/Conversations/{ConversationSid}/Participants",
        "ConversationParticipant",
        {
            "Create": participants.create,
            "List": participants.listing,
            "Fetch": participants.fetch,
            "Update": participants.update,
            "Delete": participants.delete,
        },
    ),
    (
        "/Conversations/{ConversationSid}/Webhooks",
        "ConversationScopedWebhook",
        {
            "Create": webhooks.create,
            "List": webhooks.listing,
            "Fetch": webhooks.fetch,
            "Update": webhooks.update,
            "Delete": webhooks.delete,
        },
    ),
    (
        "/Conversations/{ConversationSid}/Messages",
        "ConversationMessage",
        {
            "Create": messages.create,
            "List": messages.listing,
            "Fetch": messages.fetch,
            "Update": messages.update,
            "Delete": messages.delete,
        },
    ),
    (
        "/Conversations/{ConversationSid}/Messages/{MessageSid}/Receipts",
        "ConversationMessageReceipt",
        {"List": receipts.listing, "Fetch": receipts.fetch},
    ),
    ("/ConversationWithParticipants", "ConversationWithParticipants", {"Create": together.create}),
    ("/ParticipantConversations", "ParticipantConversation", {"List": memberships.listing}),
    (
        "/Roles",
        "Role",
        {
            "Create": people.create_role,
            "List": people.list_roles,
            "Fetch": people.fetch_role,
            "Update": people.update_role,
            "Delete": people.delete_role,
        },
    ),
    (
        "/Users",
        "User",
        {
            "Create": people.create_user,
            "List": people.list_users,
            "Fetch": people.fetch_user,
            "Update": people.update_user,
            "Delete": people.delete_user,
        },
    ),
)
_ONCE: tuple[tuple[str, str, Ways], ...] = (
    (
        "/Services",
        "Service",
        {
            "Create": accounts.create_service,
            "List": accounts.list_services,
            "Fetch": accounts.fetch_service,
            "Delete": accounts.delete_service,
        },
    ),
    (
        "/Configuration/Addresses",
        "ConfigurationAddress",
        {
            "Create": address_configurations.create,
            "List": address_configurations.listing,
            "Fetch": address_configurations.fetch,
            "Update": address_configurations.update,
            "Delete": address_configurations.delete,
        },
    ),
    (
        "/Credentials",
        "Credential",
        {
            "Create": credentials.create,
            "List": credentials.listing,
            "Fetch": credentials.fetch,
            "Update": credentials.update,
            "Delete": credentials.delete,
        },
    ),
    (
        f"{_SERVICE}/Bindings",
        "ServiceBinding",
        {
            "List": push_bindings.listing,
            "Fetch": push_bindings.fetch,
            "Delete": push_bindings.delete,
        },
    ),
)
_USER_CONVERSATIONS: Ways = {
    "List": user_conversations.listing,
    "Fetch": user_conversations.fetch,
    "Update": user_conversations.update,
    "Delete": user_conversations.delete,
}
_SINGLETONS: tuple[tuple[str, str, Ways], ...] = (
    (
        "/Configuration",
        "Configuration",
        {"Fetch": accounts.fetch_configuration, "Update": accounts.update_configuration},
    ),
    (
        "/Configuration/Webhooks",
        "ConfigurationWebhook",
        {"Fetch": configuration_webhooks.fetch, "Update": configuration_webhooks.update},
    ),
    (
        f"{_SERVICE}/Configuration",
        "ServiceConfiguration",
        {"Fetch": accounts.fetch_service_configuration, "Update": accounts.update_service_configuration},
    ),
    (
        f"{_SERVICE}/Configuration/Webhooks",
        "ServiceWebhookConfiguration",
        {"Fetch": configuration_webhooks.fetch_service, "Update": configuration_webhooks.update_service},
    ),
    (
        f"{_SERVICE}/Configuration/Notifications",
        "ServiceNotification",
        {"Fetch": notifications.fetch, "Update": notifications.update},
    ),
)
_STORED = ("Credential", "ServiceBinding", "ServiceNotification")  # no push is ever sent


def _operations() -> Iterator[Operation]:
    for path, name, ways in _TWICE:
        yield from spread(path, name, ways)
        yield from spread(_SERVICE + path, f"Service{name}", ways)
    for start, word in (("", "User"), (_SERVICE, "ServiceUser")):
        path = f"{start}/Users/{{UserSid}}/Conversations"
        yield from spread(path, f"{word}Conversation", _USER_CONVERSATIONS, "/{ConversationSid}")
    for path, name, ways in _ONCE:
        yield from spread(path, name, ways, stored=name in _STORED)
    for path, name, ways in _SINGLETONS:
        yield from spread(path, name, ways, "", stored=name in _STORED)


TABLE = Table("Conversations v1", tuple(_operations()))
