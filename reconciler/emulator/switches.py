"""The open questions about Twilio, turned into settings a test can flip.

Where no source settles how Twilio behaves, the emulator does not decide in secret: each such question is one
field here, with the answer we hold most likely as its default and the other possible answers beside it.
Whoever relies on the emulator should hold under every one of ``Switches.variants()``.
"""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass, field
from typing import Any, Literal


def _open(default: Any, *others: Any, asks: str) -> Any:
    return field(default=default, metadata={"others": others, "asks": asks})


@dataclass(frozen=True, slots=True)
class Switches:
    """One answer to every open question; immutable, so that a run is one behaviour throughout."""

    status_seed: int | None = _open(
        None, 1, 2, asks="HTTP status of codes whose status nobody saw: the likely one, or drawn by this seed"
    )
    closing_update: Literal["together", "name_dropped", "refused"] = _open(
        "together",
        "name_dropped",
        "refused",
        asks="State=closed with other fields in one update: all apply, only the state applies, or 50377",
    )
    empty_unique_name: Literal["clears", "ignored", "refused"] = _open(
        "clears", "ignored", "refused", asks="UniqueName= (empty) in an update"
    )
    trigger_echo: Literal["triggers", "filters"] = _open(
        "triggers", "filters", asks="under which key of configuration a trigger webhook shows its keywords"
    )
    attributes_echo: Literal["verbatim", "compact", "sorted"] = _open(
        "verbatim", "compact", "sorted", asks="whether the text of attributes comes back as it was sent"
    )
    pair_scope: Literal["account", "service"] = _open(
        "account", "service", asks="where an (address, proxy) pair is unique"
    )
    own_pair_code: Literal[50416, 50437] = _open(
        50416, 50437, asks="code for a pair that this very conversation already has"
    )
    pair_release_lag_s: float = _open(
        0.0, 2.0, asks="seconds a freed pair still counts as held (delete or close)"
    )
    pair_release_lag_calls: int = _open(0, 2, asks="calls a freed pair still counts as held")
    name_release_lag_s: float = _open(0.0, 2.0, asks="seconds a freed unique name is still refused (50391)")
    name_release_lag_calls: int = _open(0, 2, asks="calls a freed unique name is still refused (50391)")
    list_order: Literal["created", "created_desc", "sid"] = _open(
        "created", "created_desc", "sid", asks="order of lists that have none documented"
    )
    page_drift: bool = _open(
        False, True, asks="page tokens count rows, so that rows shift when others come or go while listing"
    )
    page_size_above_max: Literal["refuse", "clamp"] = _open(
        "refuse", "clamp", asks="PageSize above the maximum: 400/20001, or quietly the maximum"
    )
    foreign_group_code: Literal[50407, 50435] = _open(
        50407, 50435, asks="code for a number outside +1 in a group MMS, which Twilio has for +1 alone"
    )
    small_group_code: Literal[50435, 50386, 0] = _open(
        50435,
        50386,
        0,
        asks="code for a message to a group of fewer than three addresses; 0 keeps it, and nobody is reached",
    )
    bare_whatsapp_address: Literal["refused", "prefixed", "unmatched"] = _open(
        "refused",
        "prefixed",
        "unmatched",
        asks="an address configuration of type whatsapp without `whatsapp:`: 20001, meant, or never matched",
    )
    method_echo: Literal["as_sent", "upper", "lower"] = _open(
        "as_sent", "upper", "lower", asks="letter case of a scoped webhook's method when read"
    )
    closed_children_deletable: bool = _open(
        False,
        True,
        asks="whether participants, webhooks and messages of a closed conversation can be deleted",
    )
    state_update_resets_timers: bool = _open(
        False, True, asks="whether a State update starts the timers again (waking always does)"
    )
    timers_need_state: bool = _open(
        True, False, asks="whether timers in a create without State are refused (50382)"
    )
    empty_update_code: Literal[50347, 20161, 0] = _open(
        50347, 20161, 0, asks="code for an update that carries nothing we know; 0 accepts it"
    )
    address_taken_code: Literal[20409, 20001] = _open(
        20409, 20001, asks="code for a second configuration of one address: 409 or 400"
    )
    unknown_webhook_filter: Literal["refused", "kept"] = _open(
        "refused",
        "kept",
        asks="a filter of the account's or a service's that is no event: 50054 or kept",
    )
    unread_before_reading: int | None = _open(
        None, 0, asks="unread messages of a user who has marked nothing as read"
    )
    attach_delay_s: float = _open(
        0.0,
        5.0,
        asks="how long a conversation made with participants stays `initializing` before they are attached",
    )
    document_linger_s: float = _open(
        5.0,
        0.0,
        60.0,
        asks="seconds an expired Sync document lingers before it is deleted; its name stays taken",
    )
    expired_document: Literal["shown", "hidden"] = _open(
        "shown",
        "hidden",
        asks="whether an expired document can be read and updated while it lingers, or is 54100",
    )
    sync_name_chars: Literal[320, 256] = _open(
        320, 256, asks="the longest unique name of a Sync document: as the resource says, or error page 54302"
    )
    delivery_delay_s: float = _open(
        0.0, 2.0, asks="seconds from sending a message to a handset that is online having it"
    )
    delivery_totals: Literal["reached", "latest"] = _open(
        "reached",
        "latest",
        asks="whether `delivery` counts a receipt under every status it has passed (a read one is sent, too)",
    )
    window_status: Literal["undelivered", "failed"] = _open(
        "undelivered", "failed", asks="status of a receipt that WhatsApp's 24-hour window refuses (63016)"
    )
    whatsapp_body_chars: Literal[1600, 1024] = _open(
        1600, 1024, asks="the longest text that WhatsApp takes from us; a longer one fails with 63021"
    )
    opt_out_scope: Literal["sender", "account"] = _open(
        "sender", "account", asks="whether STOP by SMS refuses the sender it went to, or all of the account"
    )
    keyword_is_message: bool = _open(
        True, False, asks="whether STOP, START and HELP become messages of the conversation, too"
    )
    keyword_replies: Literal["sent", "none"] = _open(
        "sent",
        "none",
        asks="whether Twilio replies to STOP, START and HELP by SMS",
    )
    trigger_case: Literal["ignored", "exact"] = _open(
        "ignored", "exact", asks="whether a trigger webhook's keywords mind the letter case of a message"
    )
    unknown_content_code: Literal[50526, 20404] = _open(
        50526, 20404, asks="code for a message by a ContentSid that is well formed and names nothing"
    )
    template_body: Literal["rendered", "null"] = _open(
        "rendered", "null", asks="body of a message by ContentSid when read: the content's words, or null"
    )
    unfilled_placeholder: Literal["refused", "kept"] = _open(
        "refused",
        "kept",
        asks="a placeholder with neither a value nor a default: the leg is 63028, or it goes out as it is",
    )
    unapproved_template_code: Literal[63016, 63027] = _open(
        63016, 63027, asks="code of a receipt for content that WhatsApp takes only approved, and is not"
    )
    template_by_body: bool = _open(
        False,
        True,
        asks="whether text equal to an approved template, filled, goes as that template (until April 2025)",
    )
    submitted_content_update: Literal["refused", "applied"] = _open(
        "refused", "applied", asks="an update of content that was submitted for approval: 20001 or applied"
    )
    rejected_name: Literal["refused", "rejected"] = _open(
        "refused",
        "rejected",
        asks="a request for approval under a rejected name: 20001, or taken and then rejected",
    )
    edge_placeholder: Literal["rejected", "approved"] = _open(
        "rejected",
        "approved",
        asks="whether WhatsApp approves a placeholder at an end of a body, or two side by side, with samples",
    )
    pre_events_by_rest: bool = _open(
        True, False, asks="whether X-Twilio-Webhook-Enabled has pre-event webhooks asked, too"
    )
    pre_event_refusal: Literal[50056, 50388] = _open(
        50056, 50388, asks="code of a call that a pre-event webhook refused"
    )
    delete_in_use: Literal["refused", "allowed"] = _open(
        "refused",
        "allowed",
        asks="whether a function or asset that a build has, and a build that is deployed, can be deleted",
    )
    oldest_runtime: Literal["node8", "node20"] = _open(
        "node8",
        "node20",
        asks="the oldest runtime of a build: any that is described, or what Node still keeps",
    )
    retry_after_s: int | None = _open(None, 1, asks="Retry-After on 429")

    @staticmethod
    def questions() -> dict[str, str]:
        """Return every switch with the question it answers, for documentation."""
        return {f.name: str(f.metadata["asks"]) for f in dataclasses.fields(Switches)}

    @staticmethod
    def variants() -> dict[str, Switches]:
        """Return the default and every single departure from it, by a name such as ``list_order=sid``."""
        found = {"default": Switches()}
        for f in dataclasses.fields(Switches):
            for other in f.metadata["others"]:
                found[f"{f.name}={other}"] = Switches(**{f.name: other})
        return found

    @staticmethod
    def drawn(seed: int) -> Switches:
        """Return one combination of answers, the same for the same seed."""
        dice = random.Random(seed)  # noqa: S311 - a repeatable draw is the purpose
        answers = {
            f.name: dice.choice((f.default, *f.metadata["others"])) for f in dataclasses.fields(Switches)
        }
        return Switches(**answers)
