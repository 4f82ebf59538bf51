"""What no probe asks, each with the reason: nothing is left out in silence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unasked:
    """Questions that are not asked, and why not: switches, and letters of the fact sheet's open questions."""

    switches: tuple[str, ...]
    because: str
    facts: str = ""
    also: str = ""
    """What else is not asked, in words."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that is not asked."""
        return (*self.switches, *filter(None, (self.also,)))


UNASKED = (
    Unasked(
        (
            *("delivery_delay_s", "delivery_totals", "window_status", "template_by_body"),
            *("unfilled_placeholder", "unapproved_template_code", "whatsapp_body_chars"),
        ),
        "they show in receipts, and those come of messages that are sent to people",
    ),
    Unasked(
        ("foreign_group_code", "small_group_code"),
        "groups need a number that can group MMS, and messages to one are sent to people",
    ),
    Unasked(
        ("bare_whatsapp_address",),
        "it takes a WhatsApp sender of the account's, and somebody who writes to it",
    ),
    Unasked(
        ("opt_out_scope", "keyword_is_message", "keyword_replies"),
        "somebody would have to write STOP from a handset",
    ),
    Unasked(
        ("trigger_case", "pre_events_by_rest", "pre_event_refusal"),
        "Twilio would have to reach a webhook of this machine",
        "i",
        "retries and order of webhooks",
    ),
    Unasked(
        ("submitted_content_update", "rejected_name", "edge_placeholder"),
        "a template would have to be submitted to WhatsApp, which people there look at",
    ),
    Unasked(
        ("retry_after_s",), "it takes a flood of calls; what a 429 says that is met by chance is told", "l"
    ),
)
