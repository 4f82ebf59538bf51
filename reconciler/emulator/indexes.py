"""The ways into a world: turns rows into dictionaries and ordered lists that answer every question of a call.

Each index has one place where it gains a row and one where it loses it. Nothing here decides anything; the
rules of Twilio are asked for by the modules of the resources.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from .claims import Claims
from .content.indexes import ContentIndexes
from .content.rows import ContentRow
from .ordered import Ordered
from .ordered import claim as _claim
from .ordered import into as _into
from .ordered import out_of as _out_of
from .rows import (
    AddressConfiguration,
    ChannelMessage,
    Conversation,
    Credential,
    Document,
    Handset,
    Message,
    Participant,
    PushBinding,
    Receipt,
    Role,
    Row,
    Service,
    SyncService,
    User,
    Webhook,
)
from .serverless.indexes import ServerlessIndexes
from .serverless.rows import ServerlessRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .faults import Effect
    from .switches import Switches

_SEQ_BITS = 40  # dates in front of sequence numbers make one sortable integer


def date_key(at_s: int, seq: int = 0) -> int:
    """Return the key of a moment, or of the row created at that moment, in a list by date."""
    return (at_s << _SEQ_BITS) | seq


class Indexes:
    """All indexes of one world."""

    def __init__(self, switches: Switches) -> None:
        self._by_sid = switches.list_order == "sid"
        self.rows: dict[str, Row] = {}
        self.services: Ordered[Service] = Ordered()
        self.roles: dict[str, Ordered[Role]] = {}
        self.users: dict[str, Ordered[User]] = {}
        self.conversations: dict[str, Ordered[Conversation]] = {}
        self.in_state: dict[tuple[str, str], Ordered[Conversation]] = {}
        self.by_date: dict[str, Ordered[Conversation]] = {}
        self.participants: dict[str, Ordered[Participant]] = {}
        self.webhooks: dict[str, Ordered[Webhook]] = {}
        self.messages: dict[str, Ordered[Message]] = {}
        self.receipts: dict[str, Ordered[Receipt]] = {}
        self.handsets: dict[str, Handset] = {}
        self.channel_messages: dict[str, Ordered[ChannelMessage]] = {}
        self.address_configurations: Ordered[AddressConfiguration] = Ordered()
        self.address_configuration_of: dict[str, AddressConfiguration] = {}
        self.credentials: Ordered[Credential] = Ordered()
        self.push_bindings: dict[str, Ordered[PushBinding]] = {}
        self.push_bindings_of: dict[tuple[str, str], Ordered[PushBinding]] = {}
        self.user_of: dict[tuple[str, str], User] = {}
        self.participant_of: dict[tuple[str, str], Participant] = {}
        self.by_identity: dict[tuple[str, str], Ordered[Participant]] = {}
        self.by_address: dict[tuple[str, str], Ordered[Participant]] = {}
        self.names = Claims()
        self.pairs = Claims()
        self.groups = Claims()
        self.group_of: dict[str, frozenset[str]] = {}
        self.sync_services: Ordered[SyncService] = Ordered()
        self.sync_service_of: dict[str, SyncService] = {}
        self.documents: dict[str, Ordered[Document]] = {}
        self.document_of: dict[tuple[str, str], Document] = {}
        self.content = ContentIndexes()
        self.serverless = ServerlessIndexes()
        self.heed(switches)

    def heed(self, switches: Switches) -> None:
        """Let what is freed from now on stay held for as long as these say."""
        self.names.lag = switches.name_release_lag_s, switches.name_release_lag_calls
        self.pairs.lag = switches.pair_release_lag_s, switches.pair_release_lag_calls

    def key(self, row: Row) -> int:
        """Return a row's place in lists whose order Twilio does not document."""
        return int.from_bytes(bytes.fromhex(row.sid[2:]), "big") if self._by_sid else row.seq

    @contextlib.contextmanager
    def lingering(self, lag: Effect | None) -> Iterator[None]:
        """Let what is freed within the block stay held for a while (a fault, ``release_lag``)."""
        self.names.extra = self.pairs.extra = (lag.seconds, lag.calls) if lag else (0.0, 0)
        try:
            yield
        finally:
            self.names.extra = self.pairs.extra = 0.0, 0

    def add(self, row: Row) -> None:
        """Let every index know of a row."""
        self.rows[row.sid] = row
        key = self.key(row)
        match row:
            case Conversation():
                self._add_conversation(row, key)
            case Participant():
                self._add_participant(row, key)
            case Webhook():
                _into(self.webhooks, row.conversation_sid, key, row)
            case Message():
                _into(self.messages, row.conversation_sid, row.index, row)
            case Receipt() | Handset() | ChannelMessage():
                self._add_delivery(row, key)
            case AddressConfiguration() | Credential() | PushBinding():
                self._add_setting(row, key)
            case User() | Role() | Service():
                self._add_people(row, key)
            case SyncService() | Document():
                self._add_sync(row, key)
            case _ if isinstance(row, ContentRow):
                self.content.add(row, key)
            case _ if isinstance(row, ServerlessRow):
                self.serverless.add(row, key)

    def discard(self, row: Row) -> None:
        """Let every index forget a row."""
        self.rows.pop(row.sid, None)
        key = self.key(row)
        match row:
            case Conversation():
                self._discard_conversation(row, key)
            case Participant():
                self._discard_participant(row, key)
            case Webhook():
                _out_of(self.webhooks, row.conversation_sid, key)
            case Message():
                _out_of(self.messages, row.conversation_sid, row.index)
            case Receipt() | Handset() | ChannelMessage():
                self._discard_delivery(row, key)
            case AddressConfiguration() | Credential() | PushBinding():
                self._discard_setting(row, key)
            case User() | Role() | Service():
                self._discard_people(row, key)
            case SyncService() | Document():
                self._discard_sync(row, key)
            case _ if isinstance(row, ContentRow):
                self.content.discard(row, key)
            case _ if isinstance(row, ServerlessRow):
                self.serverless.discard(row, key)

    def _add_conversation(self, row: Conversation, key: int) -> None:
        row.service_sid = sys.intern(row.service_sid)
        row.messaging_service_sid = sys.intern(row.messaging_service_sid)
        _into(self.conversations, row.service_sid, key, row)
        _into(self.in_state, (row.service_sid, row.state), key, row)
        _into(self.by_date, row.service_sid, date_key(row.date_created, row.seq), row)

    def _discard_conversation(self, row: Conversation, key: int) -> None:
        _out_of(self.conversations, row.service_sid, key)
        _out_of(self.in_state, (row.service_sid, row.state), key)
        _out_of(self.by_date, row.service_sid, date_key(row.date_created, row.seq))

    def _add_participant(self, row: Participant, key: int) -> None:
        row.service_sid = sys.intern(row.service_sid)
        _into(self.participants, row.conversation_sid, key, row)
        if row.identity is not None:
            _claim(self.participant_of, (row.conversation_sid, row.identity), row)
            _into(self.by_identity, (row.service_sid, row.identity), key, row)
        if row.address is not None:
            _into(self.by_address, (row.service_sid, row.address), key, row)

    def _discard_participant(self, row: Participant, key: int) -> None:
        _out_of(self.participants, row.conversation_sid, key)
        if row.identity is not None:
            del self.participant_of[row.conversation_sid, row.identity]
            _out_of(self.by_identity, (row.service_sid, row.identity), key)
        if row.address is not None:
            _out_of(self.by_address, (row.service_sid, row.address), key)

    def _add_delivery(self, row: Receipt | Handset | ChannelMessage, key: int) -> None:
        match row:
            case Receipt():
                _into(self.receipts, row.message_sid, key, row)
            case Handset():
                _claim(self.handsets, row.address, row)
            case ChannelMessage():
                _into(self.channel_messages, row.address, row.seq, row)

    def _discard_delivery(self, row: Receipt | Handset | ChannelMessage, key: int) -> None:
        match row:
            case Receipt():
                _out_of(self.receipts, row.message_sid, key)
            case Handset():
                del self.handsets[row.address]
            case ChannelMessage():
                _out_of(self.channel_messages, row.address, row.seq)

    def _add_setting(self, row: AddressConfiguration | Credential | PushBinding, key: int) -> None:
        match row:
            case AddressConfiguration():
                self.address_configurations.add(key, row)
                _claim(self.address_configuration_of, row.channel_address, row)
            case Credential():
                self.credentials.add(key, row)
            case PushBinding():
                _into(self.push_bindings, row.service_sid, key, row)
                _into(self.push_bindings_of, (row.service_sid, row.identity), key, row)

    def _discard_setting(self, row: AddressConfiguration | Credential | PushBinding, key: int) -> None:
        match row:
            case AddressConfiguration():
                self.address_configurations.discard(key)
                del self.address_configuration_of[row.channel_address]
            case Credential():
                self.credentials.discard(key)
            case PushBinding():
                _out_of(self.push_bindings, row.service_sid, key)
                _out_of(self.push_bindings_of, (row.service_sid, row.identity), key)

    def _add_people(self, row: User | Role | Service, key: int) -> None:
        match row:
            case User():
                _into(self.users, row.service_sid, key, row)
                _claim(self.user_of, (row.service_sid, row.identity), row)
            case Role():
                _into(self.roles, row.service_sid, key, row)
            case Service():
                self.services.add(key, row)

    def _discard_people(self, row: User | Role | Service, key: int) -> None:
        match row:
            case User():
                _out_of(self.users, row.service_sid, key)
                del self.user_of[row.service_sid, row.identity]
            case Role():
                _out_of(self.roles, row.service_sid, key)
            case Service():
                self.services.discard(key)

    def _add_sync(self, row: SyncService | Document, key: int) -> None:
        if isinstance(row, Document):
            _into(self.documents, row.service_sid, key, row)
            if row.unique_name is not None:
                _claim(self.document_of, (row.service_sid, row.unique_name), row)
            return
        self.sync_services.add(key, row)
        if row.unique_name is not None:
            _claim(self.sync_service_of, row.unique_name, row)

    def _discard_sync(self, row: SyncService | Document, key: int) -> None:
        if isinstance(row, Document):
            _out_of(self.documents, row.service_sid, key)
            if row.unique_name is not None:
                del self.document_of[row.service_sid, row.unique_name]
            return
        self.sync_services.discard(key)
        if row.unique_name is not None:
            del self.sync_service_of[row.unique_name]
