"""The rules of playing: turns what is known of people, words and times into who gets what. Pure.

Each rule says how sure it is. *Documented*: pages on inbound autocreation, fan-out, delivery receipts, group
texting, error pages. *Inferred*: our reading; where another is as likely there is a switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator.conversations.bindings import GROUP_MIN, group_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reconciler.emulator.rows import Participant

WINDOW_S = 24 * 3600.0
BODY_CHARS = 1600
OUTSIDE_WINDOW, UNAPPROVED, OPTED_OUT = 63016, 63027, 21610
TOO_LONG, UNFIT = 21617, 63021
ALL_SENDERS = "*"

# Documented for a whole message in any letter case; "YES" starts too.
_KEYWORDS = {
    "stop": ("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"),
    "start": ("start", "yes", "unstop"),
    "help": ("help", "info"),
}
_KEYWORD_OF = {word: kind for kind, words in _KEYWORDS.items() for word in words}
_WITH_READ = ("whatsapp", "rcs", "messenger")
_PASSED = {
    "sent": ("sent",),
    "delivered": ("sent", "delivered"),
    "read": ("sent", "delivered", "read"),
    "failed": ("failed",),
    "undelivered": ("undelivered",),
}
STATUSES = tuple(_PASSED)

REASONS = {
    "not_ours": "the account does not own the number it was sent to",
    "no_conversation": "no open conversation has this address with this sender, and the sender's address "
    "configuration does not create one",
    "closed": "the conversation that had this address with this sender is closed",
    "initializing": "the conversation that will have this address with this sender is not ready yet",
    "refused": "a pre-event webhook refused it",
    "keyword_reply": "Twilio itself answers a keyword of opting out with it, so it is in no conversation",
    "was_template": "outside the 24 hours WhatsApp takes approved templates alone. The text equals one, and "
    "matching by text ended in April 2025: send the template by its ContentSid",
    "keyword": "it is a keyword of opting out, which is not passed on (switch keyword_is_message)",
}


_CODES = {
    OUTSIDE_WINDOW: "WhatsApp takes free-form messages only within 24 hours after the user last wrote to "
    "this sender; an approved template (ContentSid) passes",
    OPTED_OUT: "the handset has sent STOP to this sender",
    TOO_LONG: "the text is longer than the 1600 characters that an SMS may have",
    UNFIT: "the channel cannot show it: its content has no type that fits (add twilio/text), or the text is "
    "too long",
    UNAPPROVED: "WhatsApp takes this content only once it is approved, and it is not",
    63028: "a placeholder of the content has neither a value in ContentVariables nor a default",
    # What only a fault brings.
    30003: "the handset cannot be reached: it is off or has no network",
    30005: "the number is not known to its carrier",
    30006: "the number is a landline, or its carrier cannot be reached",
    30007: "the carrier filtered the message",
    30008: "it failed for a reason that nobody knows",
    63003: "nobody can be reached at this address on the channel: the number has no WhatsApp, for instance",
    63013: "it breaks a policy of the channel",
    63015: "WhatsApp's sandbox reaches only who has joined it",
    63018: "more was sent to the channel than it takes in this time",
    63020: "the channel has a problem with the sender's business account",
    63024: "the channel does not take this recipient",
    63030: "the message has something that this channel does not support",
    63049: "WhatsApp chose not to deliver this marketing message",
}


def explanation(error_code: int, reason: str | None) -> str | None:
    """Return in words why a message did not arrive, or is in no conversation; None if nothing is wrong."""
    known = REASONS.get(reason or "") or _CODES.get(error_code)
    return known or (f"error {error_code}: see Twilio's page of it" if error_code else None)


def keyword_of(body: str | None) -> str | None:
    """Return stop, start or help if a whole text is such a keyword (documented for SMS)."""
    return _KEYWORD_OF.get((body or "").strip().lower())


def window_end_s(last_inbound_s: float | None) -> float | None:
    """Return when the window for free-form messages shuts: 24 h after the user last wrote (documented)."""
    return None if last_inbound_s is None else last_inbound_s + WINDOW_S


def is_open(last_inbound_s: float | None, now_s: float) -> bool:
    """Tell whether the window is open; at its very end it is shut (inferred)."""
    end_s = window_end_s(last_inbound_s)
    return end_s is not None and now_s < end_s


def refusal(channel: str | None, *, window_open: bool, opted_out: bool) -> int:
    """Return why a channel does not take free text from us, 0 if it does (documented: 63016, 21610)."""
    if channel == "whatsapp":
        return 0 if window_open else OUTSIDE_WINDOW
    return OPTED_OUT if channel == "sms" and opted_out else 0


def length_refusal(channel: str | None, body: str, whatsapp_chars: int) -> int:
    """Return why a text is too long for a channel, 0 if it is not (documented: 1,600 characters, 63021)."""
    if channel == "whatsapp":
        return UNFIT if len(body) > whatsapp_chars else 0
    return TOO_LONG if channel == "sms" and len(body) > BODY_CHARS else 0


def can_show_read(channel: str | None) -> bool:
    """Tell whether a channel tells that a message was read (documented: not SMS)."""
    return channel in _WITH_READ


def writer(members: Iterable[Participant], author: str) -> Participant | None:
    """Return the participant whom an author's name means: by identity, address or projected address."""
    return next((row for row in members if author in names(row)), None)


def names(row: Participant) -> tuple[str | None, ...]:
    """Return what a participant can be called as an author."""
    return (row.identity, row.address, row.projected_address)


@dataclass(frozen=True, slots=True)
class Leg:
    """One way of a message: to whom, shown as from whom, in which thread of the recipient's handset."""

    participant: Participant
    address: str
    from_: str
    peer: str
    to: tuple[str, ...]


def legs(members: Sequence[Participant], author: Participant | None, email: str | None = None) -> list[Leg]:
    """Return a message's ways outside chat: to all but its author, each from their own proxy (documented).

    An author who is nobody here, such as ``system``, leaves nobody out (documented). Who has an address and
    no proxy is reached by the group's business number, and not at all without one (inferred), or in a group
    that is too small.
    """
    group = group_addresses(members)
    business = next((row.projected_address for row in members if row.projected_address), None)
    if author is not None and author.projected_address is not None:
        business = author.projected_address
    found = []
    for row in members:
        if row is author or row.address is None:
            continue
        if row.proxy_address is not None:
            found.append(Leg(row, row.address, row.proxy_address, row.proxy_address, (row.address,)))
        elif "@" in row.address:
            sender = email or ""
            found.append(Leg(row, row.address, sender, sender, (row.address,)))
        elif business is not None and len(group) >= GROUP_MIN:
            others = tuple(one for one in group if one != business)
            found.append(Leg(row, row.address, business, group_peer(group, row.address), others))
    return found


def group_peer(addresses: Iterable[str], own: str) -> str:
    """Return the name of a group's thread on a member's handset: all the others."""
    return ",".join(sorted(set(addresses) - {own}))


def totals(statuses: Sequence[str | None], recipients: int, counting: str) -> dict[str, Any] | None:
    """Return ``delivery``: null without recipients (observed), else none, some or all (documented)."""
    if not recipients:
        return None
    counts = dict.fromkeys(STATUSES, 0)
    for status in statuses:
        if status is not None:
            for passed in _PASSED[status] if counting == "reached" else (status,):
                counts[passed] += 1
    words = {name: "none" if not n else "all" if n == recipients else "some" for name, n in counts.items()}
    order = ("sent", "delivered", "read", "failed", "undelivered")
    return {"total": recipients, **{name: words[name] for name in order}}


def sid_prefix(channel: str | None, *, has_media: bool) -> str:
    """Return how a channel's message SIDs begin (documented: SM and WA; MM for media)."""
    return "WA" if channel == "whatsapp" else "MM" if has_media else "SM"
