"""Names in a scenario → who and what they mean in a stack, as it is desired or as it stands live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from reconciler.diagnostics import error
from reconciler.expressions import nearest
from reconciler.kinds.participant import is_address
from reconciler.model import Address, reveal
from reconciler.scenarios.scenario import (
    Advances,
    Becomes,
    Called,
    IsIn,
    Misses,
    Posts,
    Says,
    Sees,
    SeesNothing,
    Thumbs,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Resource
    from reconciler.scenarios.scenario import Beat, Scenario

SYSTEM = "system"
"""Who posts where an application says no author; nobody else's name."""
NOBODY = "nobody"
HERE = "conversation"
"""The word for the conversation that bare names mean."""
_CONVERSATION, _PARTICIPANT, _WEBHOOK = "conversation", "participant", "webhook"


class UnknownNameError(ValueError):
    """A name that means nobody, or several; the detail says what would be right."""

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Player:
    """Somebody: on a handset (`address`), reached from `sender` or in a group with `others`, or else by name.

    `conversation` is where they take part; None for a stranger.
    """

    name: str
    address: str = ""
    sender: str = ""
    identity: str = ""
    others: tuple[str, ...] = ()
    conversation: Address | None = None

    @property
    def thread(self) -> str:
        """How their handset names the thread; '' where that is not known."""
        return self.sender or ",".join(sorted(self.others))


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a scenario can name: resources by address, our senders by name."""

    resources: Mapping[Address, Resource]
    senders: Mapping[str, tuple[str, ...]]
    default: str = ""
    """The conversation that bare names mean, where the scenario says so."""
    service_sid: str = ""
    """Where all of them stand, once they do."""

    def conversation(self, name: str) -> Address:
        """Return a conversation; '' is the one that bare names mean. Raises UnknownNameError."""
        keys = [one.key for one in self.resources if one.kind == _CONVERSATION]
        if name in keys:
            return Address.of(_CONVERSATION, name)
        if name in ("", HERE) and self.default:
            return self.conversation(self.default)
        if name in ("", HERE) and len(keys) == 1:
            return Address.of(_CONVERSATION, keys[0])
        if name in ("", HERE):
            raise UnknownNameError("which conversation is meant?", _choose(keys))
        raise _unknown("conversation", name, keys)

    def player(self, name: str) -> Player:
        """Return whom a name means: a participant's key, one with its conversation's, or a bare address."""
        if is_address(name):
            return Player(name, address=name)
        before, slash, key = name.rpartition("/")
        if slash or self.default:
            return self._participant(name, self.conversation(before), key)
        found = [one for one in self._all(_PARTICIPANT) if one.key == name]
        if len(found) == 1:
            return self._participant(name, _parent(found[0]), name)
        if not found:
            raise _unknown("participant", name, sorted({one.key for one in self._all(_PARTICIPANT)}))
        keys = [f"{_parent(one).key}/{name}" for one in found]
        detail = f"Write {' or '.join(keys)}, or `conversation: {_parent(found[0]).key}` above the steps."
        raise UnknownNameError(f"{name} stands in {len(found)} conversations", detail)

    def webhook(self, name: str) -> Address:
        """Return the webhook of this key. Raises UnknownNameError."""
        before, slash, key = name.rpartition("/")
        hooks = list(self._all(_WEBHOOK))
        if slash or self.default:
            here = self.conversation(before)
            hooks = [one for one in hooks if one.parent == here]
        found = [one for one in hooks if one.key == key]
        if not found:
            raise _unknown("webhook", key, sorted({one.key for one in hooks}))
        if len(found) > 1:
            keys = " or ".join(f"{_parent(one).key}/{key}" for one in found)
            raise UnknownNameError(f"{key} stands in {len(found)} conversations", f"Write {keys}.")
        return found[0]

    def via(self, player: Player, name: str) -> Player:
        """Return somebody as they are seen through a sender of ours, by its name or number."""
        if not name:
            return player
        numbers = self.senders.get(name) or ((name,) if is_address(name) else ())
        if not numbers:
            raise _unknown("sender", name, sorted(self.senders))
        sender = player.sender if player.sender in numbers else numbers[0]
        return replace(player, sender=sender, others=())

    def sid(self, address: Address) -> str:
        """Return the sid of what stands live at an address, '' where nothing does."""
        live = self.resources[address].live
        return live.sid if live else ""

    def path(self, conversation: Address) -> str:
        """Return the path of a live conversation below Twilio's version."""
        return f"Services/{self.service_sid}/Conversations/{self.sid(conversation)}"

    def named(self, sender: str) -> str:
        """Return a sender as people call it: its name, if it has one, and its number."""
        names = [name for name, numbers in self.senders.items() if sender in numbers]
        return f"{names[0]} ({sender})" if names else sender

    def _all(self, kind: str) -> Iterator[Address]:
        return (one for one in self.resources if one.kind == kind and one.parent is not None)

    def _participant(self, name: str, conversation: Address, key: str) -> Player:
        address = Address.of(_PARTICIPANT, key, conversation)
        if address not in self.resources:
            keys = [one.key for one in self._all(_PARTICIPANT) if one.parent == conversation]
            raise _unknown(f"participant of {conversation.key}", key, keys)
        number, sender = (self._field(address, name) for name in ("address", "proxy"))
        identity = self._field(address, "identity") or self._field(address, "projected")
        others = self._group(conversation, number) if number and not self._has(address, "proxy") else ()
        return Player(name, number, sender, identity, others, conversation)

    def _group(self, conversation: Address, number: str) -> tuple[str, ...]:
        members = [one for one in self._all(_PARTICIPANT) if one.parent == conversation]
        alone = [self._field(one, "address") for one in members if not self._has(one, "proxy")]
        ours = [self._field(one, "projected") for one in members]
        return tuple(one for one in (*ours, *alone) if one and one != number)

    def _has(self, address: Address, name: str) -> bool:
        return (name,) in self.resources[address].fields

    def _field(self, address: Address, name: str) -> str:
        """Return a field that is a text; of a pool nobody knows the choice before it is made."""
        value = reveal(self.resources[address].fields.get((name,)))
        return value if isinstance(value, str) else ""


def _parent(address: Address) -> Address:
    return address.parent or address


def _unknown(what: str, name: str, known: list[str]) -> UnknownNameError:
    near = nearest(name, known)
    there = ", ".join(known[:10]) or "none"
    detail = f"Did you mean {near}?" if near else f"There are: {there}."
    return UnknownNameError(f"no {what} is called {name!r}", detail)


def _choose(keys: list[str]) -> str:
    if not keys:
        return "The stack has no conversation."
    return f"Write `conversation: {keys[0]}` above the steps. There are: {', '.join(keys[:10])}."


# --- checking ----------------------------------------------------------------------------------------------


def check_names(scenario: Scenario, cast: Cast) -> list[Diagnostic]:
    """Return what is wrong with the names of a scenario, before anything is played."""
    found = []
    if scenario.conversation:
        try:
            cast.conversation(scenario.conversation)
        except UnknownNameError as wrong:  # no bare name means anything then
            return [error(wrong.summary, wrong.detail, place=scenario.conversation_at)]
    for beat in scenario.steps:
        try:
            _check(beat, cast)
        except UnknownNameError as wrong:
            found.append(error(wrong.summary, wrong.detail, place=beat.place))
    return found


def _check(beat: Beat, cast: Cast) -> None:
    match beat.deed:
        case Posts(who=who):
            poster(cast, who)
        case Says(who=who, via=via, reaches=reaches):
            _check_handset(cast, who, via, needs_sender=True)
            if reaches not in ("", NOBODY):
                cast.conversation(reaches)
        case (
            Sees(who=who, via=via)
            | Misses(who=who, via=via)
            | SeesNothing(who=who, via=via)
            | Thumbs(who=who, via=via)
        ):
            _check_handset(cast, who, via)
        case IsIn(conversation=name) | Becomes(conversation=name):
            cast.conversation(name)
        case Called(webhook=name):
            cast.webhook(name)
        case Advances():
            pass
        case _:
            assert_never(beat.deed)


def _check_handset(cast: Cast, who: str, via: str, *, needs_sender: bool = False) -> None:
    player = cast.player(who)
    cast.via(player, via)
    if player.conversation is not None and not player.address:
        detail = f"A chat user has no handset. What an application posts in its name: `{who} posts: …`."
        raise UnknownNameError(f"{who} is no phone", detail)
    if needs_sender and player.conversation is None and not via:
        raise UnknownNameError(f"to whom does {who} write?", "Say to which sender: {text: Hello, via: …}.")


def poster(cast: Cast, who: str) -> tuple[Address, str]:
    """Return where somebody posts and as whom, '' for nobody. Raises UnknownNameError."""
    before, _, last = who.rpartition("/")
    if last == SYSTEM:
        return cast.conversation(before), ""
    player = cast.player(who)
    if player.conversation is None:
        detail = f"Name the conversation and the author: `system posts: {{text: …, author: {who}}}`."
        raise UnknownNameError(f"{who} takes part in no conversation", detail)
    return player.conversation, player.identity or player.address
