"""The operations of Conversations v1: every one in Twilio's OpenAPI, and what performs those we have.

Most resources live twice, in the account's default service and under ``/Services/{ChatServiceSid}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import accounts, conversations, memberships, messages, participants, people, together, webhooks
from .operations import Operation, Table, Ways, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVICE = "/Services/{ChatServiceSid}"
_CRUD: Ways = dict.fromkeys(("Create", "List", "Fetch", "Update", "Delete"))
_READ: Ways = dict.fromkeys(("List", "Fetch"))
_SINGLE: Ways = dict.fromkeys(("Fetch", "Update"))

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
    ("/Conversations/{ConversationSid}/Messages/{MessageSid}/Receipts", "ConversationMessageReceipt", _READ),
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
    ("/Configuration/Addresses", "ConfigurationAddress", _CRUD),
    ("/Credentials", "Credential", _CRUD),
    (f"{_SERVICE}/Bindings", "ServiceBinding", dict.fromkeys(("List", "Fetch", "Delete"))),
)
_USER_CONVERSATIONS = dict.fromkeys(("List", "Fetch", "Update", "Delete"))
_SINGLETONS: tuple[tuple[str, str, Ways], ...] = (
    (
        "/Configuration",
        "Configuration",
        {"Fetch": accounts.fetch_configuration, "Update": accounts.update_configuration},
    ),
    ("/Configuration/Webhooks", "ConfigurationWebhook", _SINGLE),
    (
        f"{_SERVICE}/Configuration",
        "ServiceConfiguration",
        {"Fetch": accounts.fetch_service_configuration, "Update": accounts.update_service_configuration},
    ),
    (f"{_SERVICE}/Configuration/Webhooks", "ServiceWebhookConfiguration", _SINGLE),
    (f"{_SERVICE}/Configuration/Notifications", "ServiceNotification", _SINGLE),
)


def _operations() -> Iterator[Operation]:
    for path, name, ways in _TWICE:
        yield from spread(path, name, ways)
        yield from spread(_SERVICE + path, f"Service{name}", ways)
    for start, word in (("", "User"), (_SERVICE, "ServiceUser")):
        path = f"{start}/Users/{{UserSid}}/Conversations"
        yield from spread(path, f"{word}Conversation", _USER_CONVERSATIONS, "/{ConversationSid}")
    for path, name, ways in _ONCE:
        yield from spread(path, name, ways)
    for path, name, ways in _SINGLETONS:
        yield from spread(path, name, ways, "")


TABLE = Table("Conversations v1", tuple(_operations()))
