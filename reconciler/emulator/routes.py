"""The one table of operations: turns a method and a path into an operation, and itself into the parity table.

It lists every operation of Conversations v1 in Twilio's OpenAPI by path, name and method, with the function
that performs it or None. Most resources live twice, in the account's default service and under
``/Services/{ChatServiceSid}``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from . import accounts, conversations, memberships, messages, participants, people, together, webhooks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .call import Handler

_SERVICE = "/Services/{ChatServiceSid}"
_METHODS = {"List": "GET", "Create": "POST", "Fetch": "GET", "Update": "POST", "Delete": "DELETE"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: Twilio's name for it, where it is, and what performs it (None: not emulated)."""

    name: str
    method: str
    path: str
    handler: Handler | None


Ways = dict[str, "Handler | None"]
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


def _spread(path: str, name: str, ways: Ways, instance: str = "/{Sid}") -> Iterator[Operation]:
    for way, handler in ways.items():
        full = path if way in ("Create", "List") else path + instance
        yield Operation(way + name, _METHODS[way], full, handler)


def _operations() -> Iterator[Operation]:
    for path, name, ways in _TWICE:
        yield from _spread(path, name, ways)
        yield from _spread(_SERVICE + path, f"Service{name}", ways)
    for start, word in (("", "User"), (_SERVICE, "ServiceUser")):
        path = f"{start}/Users/{{UserSid}}/Conversations"
        yield from _spread(path, f"{word}Conversation", _USER_CONVERSATIONS, "/{ConversationSid}")
    for path, name, ways in _ONCE:
        yield from _spread(path, name, ways)
    for path, name, ways in _SINGLETONS:
        yield from _spread(path, name, ways, "")


OPERATIONS: tuple[Operation, ...] = tuple(_operations())


@dataclass(slots=True)
class _Node:
    words: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    name: str = ""
    by_method: dict[str, tuple[Operation, tuple[str, ...]]] = field(default_factory=dict)


def _tree(operations: tuple[Operation, ...]) -> _Node:
    top = _Node()
    for operation in operations:
        node, names = top, []
        for segment in operation.path.split("/")[1:]:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.any = node = node.any or _Node()
            else:
                node = node.words.setdefault(segment, _Node())
        node.by_method[operation.method] = operation, tuple(names)
    return top


_TREE = _tree(OPERATIONS)


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to: an operation (None: the path does not take the method), its parameters."""

    operation: Operation | None
    ids: dict[str, str]


def match(method: str, path: str) -> Match | None:
    """Return where a path (below ``/v1``, percent-encoded) leads, or None if the table does not have it.

    Decoding comes after splitting, so that a unique name may hold a slash.
    """
    node, values = _TREE, []
    for segment in path.split("/")[1:]:
        step = node.words.get(segment)
        if step is None:
            if node.any is None or not segment:
                return None
            values.append(unquote(segment))
            step = node.any
        node = step
    if not node.by_method:
        return None
    if method not in node.by_method:
        return Match(None, {})
    operation, names = node.by_method[method]
    return Match(operation, dict(zip(names, values, strict=True)))


def parity_table() -> str:
    """Return the operations as a Markdown table: supported, or a loud 501."""
    lines = ["| Operation | Method | Path | |", "|---|---|---|---|"]
    for operation in sorted(OPERATIONS, key=lambda found: (found.path, found.name)):
        state = "supported" if operation.handler else "501"
        lines.append(f"| {operation.name} | {operation.method} | `/v1{operation.path}` | {state} |")
    return "\n".join(lines) + "\n"
