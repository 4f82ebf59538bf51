"""One world: turns changes to rows into consistent indexes and, before an answer, a committed file.

A world belongs to one account and has one clock, one set of switches and one seed. It knows which rows exist
and how to find them; what may change, and with what consequences, is decided by the modules of the
resources.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from .callbacks.deliveries import Deliveries
from .clock import Clock
from .content import approvals
from .content.rows import Content
from .disk import Disk
from .events import Journal
from .indexes import Indexes
from .leftovers import Leftovers
from .limits import Limits
from .ordered import Ordered
from .playing.phones import Phones
from .request_log import RequestLog
from .rows import Configuration, Conversation, Message, Participant, Receipt, Row, Service, Webhook
from .serverless import builds
from .specs import Specs
from .switches import Switches
from .trouble import Faults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .past import Past

ACCOUNT_SID = "AC00000000000000000000000000000001"
OWNER_SID = "AC00000000000000000000000000000000"
AUTH_TOKEN = "local-emulator-token"  # noqa: S105 - documented, and worth nothing outside this process

_INDEXED = {"state", "date_created", "identity", "address", "key", "build_sid"}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose world it is and what it owns.

    ``senders`` are the addresses and numbers the account may use as proxy or projected address; None: any.
    ``group_mms`` False refuses projected addresses (50452), as for accounts that Twilio has not enabled;
    ``sync`` False refuses every call of Sync (70051), as for keys that may not use it.
    ``creating``: senders by the SID of their messaging service, if that creates conversations (which is a
    setting of another product).
    ``owner_sid`` is the main account it belongs to; its own SID: it is a main account itself.
    """

    sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    api_keys: Mapping[str, str] = field(default_factory=dict)
    senders: frozenset[str] | None = None
    group_mms: bool = True
    sync: bool = True
    creating: Mapping[str, frozenset[str]] = field(default_factory=dict)
    owner_sid: str = OWNER_SID
    status: Literal["active", "suspended", "closed"] = "active"

    def admits(self, user: str, password: str) -> bool:
        """Tell whether these are the account's own SID and token, or one of its API keys."""
        expected = self.auth_token if user == self.sid else self.api_keys.get(user)
        return expected is not None and expected == password


class Store:
    """The state of one world; ``Store()`` lives in memory, ``Store(path=…)`` in a file."""

    def __init__(
        self,
        *,
        path: Path | None = None,
        account: Account | None = None,
        switches: Switches | None = None,
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        self.account = account or Account()
        self.switches = switches or Switches()
        self.seed = seed
        self.lock = threading.RLock()
        self.calls = self.writes = self.committed = 0  # as they arrived; writes that were carried out
        self.faults = Faults(self)
        self.past: Past | None = None
        self.events = Journal(self)
        self.deliveries = Deliveries(self)
        self.phones = Phones(self)
        self.limits = Limits()
        self.approval_policy = approvals.POLICY
        self.build_policy = builds.POLICY
        self.requests = RequestLog()
        self.specs = Specs()
        self._leftovers = Leftovers()
        self._disk = Disk(path) if path is not None else None
        saved = self._disk.take_saved() if self._disk else None
        self.clock = clock or Clock.restored(saved.meta.get("clock", {}) if saved else {})
        self.events.last = saved.meta.get("events", 0) if saved else 0
        self._begin()
        if saved and saved.rows:
            self._restore(saved.rows, saved.mints)
        else:
            self._found()

    def _begin(self) -> None:
        self.index = Indexes(self.switches)
        self.configuration: Configuration
        self._seq = 0
        self._mints: dict[int, int] = {}
        self._changed: dict[str, Row] = {}
        self._dropped: dict[str, None] = {}
        self._minted: dict[int, int] = {}
        self._saved_clock: dict[str, float] = {}
        self._anew = False
        self.alarms: dict[str, float] = {}
        self.removing: set[str] = set()

    def _found(self) -> None:
        from .conversations import accounts
        from .sync import services as sync_services

        accounts.found(self)
        sync_services.found(self)
        self.commit()

    def _restore(self, rows: list[Row], mints: dict[int, int]) -> None:
        from .conversations import lifecycle
        from .playing import delivery
        from .sync import documents as sync_documents
        from .sync import services as sync_services

        self._mints = mints
        for row in rows:
            if isinstance(row, Configuration):
                self.configuration = row
            self.index.add(row)
        self._seq = rows[-1].seq
        lifecycle.restore(self)
        sync_documents.restore(self)
        delivery.restore(self)
        approvals.restore(self)
        builds.restore(self)
        if not self.index.sync_services.rows:  # a file from before there was Sync
            sync_services.found(self)
            self.commit()

    def holding(self, rows: list[Row]) -> Store:
        """Return a world in memory that holds these rows now, as this one's to read from."""
        other = Store(
            account=self.account, switches=self.switches, clock=Clock.frozen(self.now_s()), seed=self.seed
        )
        other.calls = self.calls
        other._begin()
        other._restore(rows, {})
        other.clock.forget()  # it is read from: nothing goes on in it
        return other

    # Time

    def now_s(self) -> float:
        """Return the present of this world."""
        return self.clock.now_s()

    def today(self) -> int:
        """Return the present in whole seconds, as dates have it."""
        return int(self.clock.now_s())

    def advance(self, seconds: float) -> None:
        """Move this world's time forward, letting timers fire in order."""
        with self.lock:
            self.clock.advance(seconds)
            self.commit()

    # Rows

    def mint(self, prefix: str, collection: str, natural_key: str) -> str:
        """Return a new SID, which depends on seed, collection, natural key and how often that key was used.

        It does not depend on what else happened before, so concurrent clients get the same SIDs in every run.
        """
        stem = f"{self.seed}\x00{collection}\x00{natural_key}".encode()
        digest = int.from_bytes(hashlib.blake2b(stem, digest_size=8).digest(), "big", signed=True)
        used = self._mints.get(digest, 0)
        self._mints[digest] = self._minted[digest] = used + 1
        tail = hashlib.blake2b(stem + f"\x00{prefix}{used}".encode(), digest_size=16).hexdigest()
        return prefix + tail

    def mints(self) -> Mapping[int, int]:
        """Return how often each natural key, by its digest, was used for a SID."""
        return self._mints

    def next_seq(self) -> int:
        """Return the next number in the order of creation."""
        self._seq += 1
        return self._seq

    def insert(self, row: Row) -> None:
        """Add a row to the world."""
        self._remember(row.sid, None)
        self.index.add(row)
        self._touch(row)
        self.events.inserted(row)

    def update(self, row: Row, **changes: Any) -> None:
        """Change fields of a row."""
        self._remember(row.sid, row)
        before = self.events.before(row, changes)
        if _INDEXED.isdisjoint(changes):
            _assign(row, changes)
        else:
            self.index.discard(row)
            _assign(row, changes)
            self.index.add(row)
        self._touch(row)
        self.events.updated(row, before)

    def remove(self, row: Row) -> None:
        """Take a row out of the world."""
        self._remember(row.sid, row)
        self.index.discard(row)
        self._changed.pop(row.sid, None)
        self._dropped[row.sid] = None
        self.events.removed(row)

    def _remember(self, sid: str, before: Row | None) -> None:
        if self.past is not None:
            self.past.note(self.calls, self.now_s(), sid, before)

    def _touch(self, row: Row) -> None:
        self._changed[row.sid] = row

    # Finding

    def service(self, sid: str) -> Service | None:
        """Return a service by its SID."""
        row = self.index.rows.get(sid)
        return row if isinstance(row, Service) else None

    def conversation(self, sid: str) -> Conversation | None:
        """Return a conversation by its SID."""
        row = self.index.rows.get(sid)
        return row if isinstance(row, Conversation) else None

    def content(self, sid: str) -> Content | None:
        """Return a content by its SID."""
        row = self.index.rows.get(sid)
        return row if isinstance(row, Content) else None

    def participants(self, conversation: Conversation) -> Ordered[Participant]:
        """Return the participants attached to a conversation."""
        return self.index.participants.get(conversation.sid) or Ordered()

    def webhooks(self, conversation: Conversation) -> Ordered[Webhook]:
        """Return the webhooks of a conversation."""
        return self.index.webhooks.get(conversation.sid) or Ordered()

    def messages(self, conversation: Conversation) -> Ordered[Message]:
        """Return the messages of a conversation by index."""
        return self.index.messages.get(conversation.sid) or Ordered()

    def receipts(self, message: Message) -> Ordered[Receipt]:
        """Return the delivery receipts of a message."""
        return self.index.receipts.get(message.sid) or Ordered()

    def children(self, conversation: Conversation) -> list[Row]:
        """Return everything that goes when a conversation is deleted."""
        messages = self.messages(conversation)
        return [
            *self.participants(conversation),
            *self.webhooks(conversation),
            *(receipt for message in messages for receipt in self.receipts(message)),
            *messages,
        ]

    # Keeping

    def commit(self) -> None:
        """Write what changed since the last commit; on failure it is tried again with the next one."""
        if self._disk is not None:
            clock = self.clock.saved()
            meta: dict[str, Any] = {"clock": clock} if clock != self._saved_clock else {}
            if self.events.has_news:
                meta["events"] = self.events.last
            if self._changed or self._dropped or self._minted or meta or self._anew:
                changed = self._changed.values()
                self._disk.write(changed, self._dropped, self._minted, meta, anew=self._anew)
                self._saved_clock, self._anew = clock, False
        self._changed.clear()
        self._dropped.clear()
        self._minted.clear()
        self._leftovers.free_some()
        self.events.publish()
        self.deliveries.publish()

    def reset(self) -> None:
        """Begin the world again, as empty as a new account; time does as well (``Clock.begin_again``)."""
        with self.lock:
            self.clock.begin_again()
            self._empty()
            self._found()

    def become(self, rows: list[Row], mints: Mapping[int, int], clock: Clock) -> None:
        """Hold these rows and no others from now on, as after a reset; who asks for it has checked them."""
        with self.lock:
            self.clock.forget()
            clock.dawn_s, self.clock = self.clock.dawn_s, clock
            self._empty()
            self._changed = {row.sid: row for row in rows}
            self._minted = dict(mints)
            self._restore(rows, dict(mints))
            self.commit()

    def _empty(self) -> None:
        self.faults.forget()
        self.limits = Limits()
        self.approval_policy = approvals.POLICY
        self.build_policy = builds.POLICY
        self.past = None
        index = self.index
        held = map(vars, (index, index.names, index.pairs, index.groups, index.content, index.serverless))
        tables = (table for one in held for table in one.values())
        self._leftovers.take(*tables, self._mints, self.events.forget(), self.requests.forget())
        self._begin()
        self._anew = True
        self.deliveries.forget()
        self.events.note("world.reset", {})

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            if self._disk is not None:
                self._disk.close()
                self._disk = None


def _assign(row: Row, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
