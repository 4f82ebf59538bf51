"""Random plays for the laws: a seed → people, conversations and what everybody does with their thumbs."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

from contents import approved, created

from reconciler.emulator import Account, Clock, Store, ask
from reconciler.emulator.playing.phones import PhoneError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.emulator import Switches
    from reconciler.emulator.rows import Conversation

SMS_SENDERS = ["+15550100200", "+15550100201"]
WA_SENDERS = ["whatsapp:+15550100210", "whatsapp:+15550100211"]
NUMBERS = [f"+155501003{n:02}" for n in range(6)]
PARTIES = [*NUMBERS, *(f"whatsapp:{number}" for number in NUMBERS[:4])]
GROUP_SENDER = "+15550100220"
BODIES = ["hello", "where?", "ok", "STOP", "start", "a longer text, with commas"]
ACCOUNT = Account(senders=frozenset({*SMS_SENDERS, *WA_SENDERS, GROUP_SENDER}))


class Play:
    """Takes random steps in a world; the same seed takes the same ones."""

    def __init__(self, seed: int, switches: Switches, path: Path | None = None) -> None:
        self.dice = random.Random(seed)
        self.path = path
        self.switches = switches
        self.store = self._opened(Clock.frozen())
        self.approved = approved(self.store)
        self.contents = [self.approved, created(self.store, friendly_name="unapproved")]
        self.pairs: dict[str, dict[str, Any]] = {}
        self._seen = 0
        steps = {
            self.create: 2,
            self.join: 10,
            self.join_by_name: 1,
            self.join_group: 1,
            self.answer_strangers: 1,
            self.post: 8,
            self.text: 14,
            self.text_group: 2,
            self.switch: 3,
            self.read: 3,
            self.wait: 4,
            self.move: 1,
            self.leave: 1,
            self.remove: 1,
        }
        self._steps, self._weights = list(steps), list(steps.values())

    def _opened(self, clock: Clock | None) -> Store:
        return Store(path=self.path, switches=self.switches, account=ACCOUNT, clock=clock, seed=7)

    def run(self, steps: int) -> Play:
        """Take so many steps."""
        for _ in range(steps):
            self.dice.choices(self._steps, self._weights)[0]()
            self._note_who_joined()
        return self

    def reopen(self) -> None:
        """Close the world and open it again from its file."""
        self.store.close()
        self.store = self._opened(None)
        self._seen = self.store.events.last

    def _note_who_joined(self) -> None:
        for event in self.store.events.since(self._seen):
            if event.type == "onParticipantAdded":
                self.pairs[event.data["ParticipantSid"]] = event.data
        self._seen = self.store.events.last

    def rows(self) -> dict[str, str]:
        """Return everything the world holds, as text."""
        return {sid: repr(row) for sid, row in self.store.index.rows.items()}

    # Steps

    def _conversation(self) -> str | None:
        rows = sorted((row for rows in self.store.index.conversations.values() for row in rows), key=_order)
        alive = [row for row in rows if row.state != "closed"][-4:]
        chosen = alive if alive and self.dice.random() < 0.9 else rows
        return self.dice.choice(chosen).sid if chosen else None

    def _ask(self, method: str, path: str, form: dict[str, Any] | None = None) -> Any:
        return ask(self.store, method, path, form)[1]

    def create(self) -> None:
        timers = {"State": "active", "Timers.Inactive": "PT1H", "Timers.Closed": "P1D"}
        self._ask("POST", "/Conversations", timers if self.dice.random() < 0.4 else {})

    def join(self) -> None:
        address = self.dice.choice(PARTIES)
        proxy = self.dice.choice(WA_SENDERS if address.startswith("whatsapp") else SMS_SENDERS)
        form = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        self._ask("POST", f"/Conversations/{self._conversation()}/Participants", form)

    def join_by_name(self) -> None:
        form = {"Identity": self.dice.choice(["desk", "boss"])}
        self._ask("POST", f"/Conversations/{self._conversation()}/Participants", form)

    def join_group(self) -> None:
        sid = self._ask("POST", "/Conversations")["sid"]
        for address in self.dice.sample(NUMBERS, 2):
            self._ask("POST", f"/Conversations/{sid}/Participants", {"MessagingBinding.Address": address})
        form = {"MessagingBinding.ProjectedAddress": GROUP_SENDER}
        self._ask("POST", f"/Conversations/{sid}/Participants", form)

    def answer_strangers(self) -> None:
        sender = self.dice.choice([SMS_SENDERS[0], WA_SENDERS[0]])
        kind = "whatsapp" if sender.startswith("whatsapp") else "sms"
        form = {"Type": kind, "Address": sender.removeprefix("whatsapp:"), "AutoCreation.Enabled": "true"}
        self._ask("POST", "/Configuration/Addresses", {**form, "AutoCreation.Type": "default"})

    def post(self) -> None:
        form = {"Body": self.dice.choice(BODIES), "Author": self.dice.choice([*PARTIES, "system", "nobody"])}
        if self.dice.random() < 0.25:
            form["ContentSid"] = self.dice.choice(self.contents)
        self._ask("POST", f"/Conversations/{self._conversation()}/Messages", form)

    def text(self) -> None:
        address = self.dice.choice(PARTIES)
        sender = self.dice.choice(WA_SENDERS if address.startswith("whatsapp") else SMS_SENDERS)
        media = ["https://example.com/a.png"] if self.dice.random() < 0.1 else []
        self._thumb(lambda: self.store.phones.send(address, sender, self.dice.choice(BODIES), media))

    def text_group(self) -> None:
        author, other = self.dice.sample(NUMBERS, 2)
        self._thumb(lambda: self.store.phones.send(author, [GROUP_SENDER, other], "hi all"))

    def switch(self) -> None:
        address = self.dice.choice(PARTIES)
        self.dice.choice([self.store.phones.offline, self.store.phones.online])(address)

    def read(self) -> None:
        self.store.phones.read(self.dice.choice(PARTIES))

    def wait(self) -> None:
        self.store.advance(self.dice.choice([1, 60, 3600, 40_000, 90_000]))

    def move(self) -> None:
        state = self.dice.choice(["active", "inactive", "closed"])
        self._ask("POST", f"/Conversations/{self._conversation()}", {"State": state})

    def leave(self) -> None:
        sid = self._conversation()
        members = list(self.store.index.participants.get(sid or "", ()))
        if members:
            self._ask("DELETE", f"/Conversations/{sid}/Participants/{self.dice.choice(members).sid}")

    def remove(self) -> None:
        sid = self._conversation()
        messages = list(self.store.index.messages.get(sid or "", ()))
        if messages and self.dice.random() < 0.5:
            self._ask("DELETE", f"/Conversations/{sid}/Messages/{self.dice.choice(messages).sid}")
        elif sid and self.dice.random() < 0.3:
            self._ask("DELETE", f"/Conversations/{sid}")

    def _thumb(self, deed: Any) -> None:
        with contextlib.suppress(PhoneError):  # who is offline cannot write
            deed()


def _order(row: Conversation) -> int:
    return row.seq
