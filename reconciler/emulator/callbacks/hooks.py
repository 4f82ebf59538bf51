"""Who is told what: turns an event, or a new webhook that hears of the past, into calls that Twilio makes.

Documented: an account's or a service's webhooks hear of the events among their filters, a conversation's own
of its messages, participants and receipts; what REST does is told only where the call asked for it
(``X-Twilio-Webhook-Enabled``), receipts always. A trigger is called for a message with one of its keywords.
Studio flows and Flex are not here: their calls are recorded, and not sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations import configuration_webhooks
from reconciler.emulator.rows import Service

from . import parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.emulator.events import Event
    from reconciler.emulator.rows import Configuration, Message, Webhook
    from reconciler.emulator.store import Store


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call that Twilio makes: to whom, about what, with which parameters.

    ``level`` is whose webhook it is, account, service or conversation (then ``webhook_sid`` names it).
    ``target`` is webhook, trigger, studio or flex; only the first two have a URL.
    """

    level: str
    target: str
    event: str
    url: str | None
    method: str
    parameters: Mapping[str, str]
    webhook_sid: str | None = None

    @property
    def conversation_sid(self) -> str | None:
        """The conversation it is about, if any."""
        return self.parameters.get("ConversationSid")


def called(store: Store, event: Event) -> tuple[Outgoing, ...]:
    """Return the calls that an event makes, as things are configured now."""
    if not event.cause.webhooks or not event.is_twilios:
        return ()
    sent = form(store, event.type, event.cause.source, event.data)
    return (*_of_service(store, event.type, sent), *_of_conversation(store, sent))


def replayed(store: Store, webhook: Webhook) -> tuple[Outgoing, ...]:
    """Return the calls that tell a new webhook of the messages from ``replay_after`` on (documented)."""
    conversation = store.conversation(webhook.conversation_sid)
    if conversation is None or webhook.replay_after is None:
        return ()
    messages = (row for row in store.messages(conversation) if row.index >= webhook.replay_after)
    forms = (
        form(store, "onMessageAdded", _source(store, row), parameters.described(store, row))
        for row in messages
    )
    return tuple(_to_webhook(webhook, sent) for sent in forms if _hears(store, webhook, sent))


def form(store: Store, event: str, source: str | None, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a call; what has no value is left out, as is the source of a timer's."""
    first = {"AccountSid": store.account.sid, "EventType": event, "Source": source, "RetryCount": 0}
    return {name: str(value) for name, value in {**first, **data}.items() if value is not None}


def configured(
    store: Store, service_sid: str | None, sent: Mapping[str, str], *, before: bool
) -> Iterator[Outgoing]:
    """Give the call of the webhook that answers for a service, ``before`` an event or after it."""
    service = store.service(service_sid or "")
    row = configuration_webhooks.in_force(store, service) if service else store.configuration
    url = row.pre_webhook_url if before else row.post_webhook_url
    event = sent["EventType"]
    if event not in (row.webhook_filters or ()):
        return
    level = "service" if isinstance(row, Service) else "account"
    if _target(row) == "flex":
        yield Outgoing(level, "flex", event, None, "POST", sent)
    elif url:
        yield Outgoing(level, "webhook", event, url, (row.webhook_method or "POST").upper(), sent)


def _target(row: Service | Configuration) -> str:
    return "webhook" if isinstance(row, Service) else row.webhook_target


def _of_service(store: Store, event: str, sent: Mapping[str, str]) -> Iterator[Outgoing]:
    if event in configuration_webhooks.POST_EVENTS:
        yield from configured(store, sent.get("ChatServiceSid"), sent, before=False)


def _of_conversation(store: Store, sent: Mapping[str, str]) -> Iterator[Outgoing]:
    # Not by way of the conversation, which is gone when its removal is told.
    for row in store.index.webhooks.get(sent.get("ConversationSid", ""), ()):
        if _hears(store, row, sent):
            yield _to_webhook(row, sent)


def _hears(store: Store, row: Webhook, sent: Mapping[str, str]) -> bool:
    if row.target == "webhook":
        return sent["EventType"] in row.words
    if sent["EventType"] != "onMessageAdded":
        return False
    return row.target == "studio" or _triggered(store, row, sent.get("Body", ""))


def _triggered(store: Store, row: Webhook, body: str) -> bool:
    if store.switches.trigger_case == "exact":
        return any(word in body for word in row.words)
    return any(word.casefold() in body.casefold() for word in row.words)


def _to_webhook(row: Webhook, sent: Mapping[str, str]) -> Outgoing:
    method = (row.method or "POST").upper()
    return Outgoing("conversation", row.target, sent["EventType"], row.hook_url, method, sent, row.sid)


def _source(store: Store, message: Message) -> str:
    """Return how a message of the past came in: by its author's channel, else by REST."""
    from reconciler.emulator.playing.delivery import source_of

    carried = store.index.channel_messages.get(message.author, ())
    came = any(row.message_sid == message.sid and row.direction == "inbound" for row in carried)
    return source_of(message.author) if came else "API"
