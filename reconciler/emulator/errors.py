"""What goes wrong, as values: a Twilio error code turned into status and words.

A rule raises ``ApiError(code)``; ``wire.error_response`` alone turns it into a body. Statuses marked
``sure`` were seen on a real account or are documented; every other is inferred from the kind of error, and
``Switches.status_seed`` draws it anew, because a client must branch on the code. Source of the codes:
Twilio's error pages (https://www.twilio.com/docs/api/errors/CODE); the wording is ours except where a
message form was observed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .switches import Switches


class ApiError(Exception):
    """A refusal in Twilio's terms: its code and, where it names something, its own message."""

    def __init__(self, code: int, message: str | None = None) -> None:
        self.code = code
        self.message = message or CODES[code].text
        super().__init__(f"{code}: {self.message}")


class WorldError(Exception):
    """The folder's world cannot be used; the message says why and what to do."""


class AuthorityError(Exception):
    """The certificates of tunnels cannot be kept where they belong; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Code:
    """The likely HTTP status of a code, whether it is more than likely, and what to say."""

    status: int
    text: str
    sure: bool = False


CODES: dict[int, Code] = {
    19038: Code(400, "PageToken must be a number, 0 or greater"),
    20001: Code(400, "A parameter is missing or invalid", sure=True),
    20002: Code(400, "FriendlyName must have 1 to 64 characters"),
    20003: Code(401, "Authenticate", sure=True),
    20004: Code(405, "This resource does not take that method"),
    20161: Code(400, "The update carries no parameters"),
    20403: Code(403, "Forbidden"),
    20404: Code(404, "The requested resource was not found", sure=True),
    20409: Code(409, "The account has a configuration of this address already"),
    20429: Code(429, "Too many requests", sure=True),
    20501: Code(501, "This operation is not emulated", sure=True),
    50000: Code(400, "FriendlyName is not provided"),
    50002: Code(409, "The resource is being deleted"),
    50003: Code(400, "FriendlyName is longer than 256 characters"),
    50004: Code(400, "UniqueName is longer than 256 characters"),
    50050: Code(404, "Service instance not found"),
    50054: Code(400, "Webhook parameters are not valid"),
    50055: Code(400, "Webhook method must be GET or POST"),
    50056: Code(403, "A pre-event webhook refused the action"),
    50077: Code(400, "Pre-event webhook URL must be an absolute http or https URL"),
    50063: Code(429, "Too many actions per second", sure=True),
    50074: Code(429, "Too many actions per second of this account", sure=True),
    50078: Code(400, "Webhook URL must be an absolute http or https URL"),
    50100: Code(404, "Role not found"),
    50101: Code(404, "Role is not of the type that is needed here"),
    50103: Code(400, "RoleSid is not provided"),
    50104: Code(400, "Permission not found"),
    50105: Code(400, "Role type must be conversation or service"),
    50109: Code(404, "Conversation role not found"),
    50201: Code(409, "User already exists"),
    50203: Code(400, "Identity is reserved"),
    50204: Code(400, "Identity not provided", sure=True),
    50206: Code(400, "Identity looks like a user SID"),
    50207: Code(400, "Identity is longer than 256 characters"),
    50211: Code(400, "A participant has an identity or an address, not both"),
    50214: Code(403, "This identity is in 1000 open conversations already"),
    50303: Code(400, "Attributes are too long"),
    50304: Code(400, "Attributes are not valid JSON", sure=True),
    50308: Code(400, "DateCreated is not a valid ISO 8601 date"),
    50309: Code(400, "DateUpdated is not a valid ISO 8601 date"),
    50310: Code(400, "Author is longer than 256 characters"),
    50334: Code(409, "Deletion in progress"),
    50340: Code(400, "MessagingServiceSid is not provided"),
    50341: Code(400, "MessagingServiceSid is not a messaging service SID"),
    50347: Code(400, "The update carries no parameter that this resource knows"),
    50353: Code(409, "Conversation with provided unique name already exists", sure=True),
    50361: Code(400, "A conversation has at most 5 webhooks"),
    50362: Code(400, "A trigger webhook has at most 5 triggers"),
    50364: Code(400, "Webhook target must be webhook, trigger or studio"),
    50365: Code(400, "Webhook filter is not a post-event of a conversation"),
    50366: Code(400, "A webhook trigger has 1 to 248 characters"),
    50367: Code(400, "FlowSid is not a Studio flow SID"),
    50368: Code(400, "Webhook target is not provided"),
    50369: Code(400, "Webhook URL is not provided"),
    50370: Code(400, "Webhook filters are not provided"),
    50371: Code(400, "Webhook triggers are not provided"),
    50372: Code(400, "Webhook URL is longer than 512 characters"),
    50374: Code(400, "State is empty"),
    50375: Code(400, "The inactive timer is shorter than 1 minute"),
    50376: Code(400, "The closed timer is shorter than 10 minutes"),
    50377: Code(400, "Conversation is closed, which is final"),
    50378: Code(400, "State must be active, inactive or closed"),
    50379: Code(400, "The inactive timer is not an ISO 8601 duration"),
    50380: Code(400, "The closed timer is not an ISO 8601 duration"),
    50382: Code(400, "Timers need a State"),
    50384: Code(400, "A conversation cannot begin closed"),
    50385: Code(400, "Conversations is not available in this region; it lives in us1"),
    50386: Code(400, "Conversation is initializing; its participants are not attached yet"),
    50388: Code(400, "A pre-event webhook refused the action"),
    50390: Code(400, "UniqueName looks like a conversation SID"),
    50391: Code(409, "Conflicting modification of a conversation; try again"),
    50396: Code(400, "EndDate is before StartDate"),
    50407: Code(400, "Messaging binding address is invalid", sure=True),
    50408: Code(400, "Messaging binding proxy address is invalid"),
    50409: Code(400, "Messaging binding address and proxy address are the same"),
    50411: Code(400, "Messaging binding address is empty"),
    50412: Code(400, "Messaging binding proxy address is empty"),
    50413: Code(400, "The account does not own the proxy address"),
    50414: Code(400, "Messaging binding address and proxy address are of different types"),
    50415: Code(400, "The proxy address is not a WhatsApp sender"),
    50416: Code(409, "A binding for this participant and proxy address already exists", sure=True),
    50417: Code(400, "The conversation has as many participants as its service allows"),
    50420: Code(400, "Messaging binding Name and Level are not supported by this channel"),
    50421: Code(400, "LastReadMessageIndex is not a message index"),
    50422: Code(400, "A conversation has at most 50 participants who are not chat users"),
    50424: Code(400, "Participant is not a JSON object of known shape"),
    50425: Code(409, "One or more of the participants' address pairs are in use"),
    50426: Code(400, "At most 10 participants come with a new conversation"),
    50433: Code(409, "Participant already exists", sure=True),
    50434: Code(400, "A group conversation needs an address or a projected address for each participant"),
    50435: Code(400, "Group MMS needs three or more participants with addresses"),
    50436: Code(400, "A group has at most 10 addresses"),
    50437: Code(409, "The group has this participant already"),
    50438: Code(409, "Group MMS with given participant list already exists"),
    50439: Code(400, "The account does not own the projected address"),
    50441: Code(400, "Failed to add a proxy address to a participant", sure=True),
    50442: Code(400, "The participant has no projected address to remove"),
    50443: Code(400, "The participant has another binding and takes no projected address"),
    50444: Code(400, "An identity can be added only to a group participant without one"),
    50451: Code(400, "Ask by Identity or by Address, not both"),
    50452: Code(403, "Group MMS is not enabled for this account"),
    50453: Code(400, "This channel has no proxy address"),
    50503: Code(400, "A message needs Body, MediaSid or ContentSid"),
    50504: Code(400, "Message body is too long"),
    50510: Code(400, "MediaSid is not a media SID"),
    50513: Code(400, "Message author should be among the group's participants", sure=True),
    50526: Code(400, "ContentSid is not a content SID"),
    50527: Code(400, "ContentVariables are not a JSON object"),
    50528: Code(400, "ContentVariables need a ContentSid"),
    50529: Code(400, "ContentVariables are too long"),
    50540: Code(400, "A content variable's key is longer than 16 characters"),
    50541: Code(400, "A content variable's value is longer than 256 characters"),
    50542: Code(400, "Conversations does not send content of these types"),
    54003: Code(400, "If-Match is not a revision"),
    54006: Code(413, "Data is longer than 16 KiB"),
    54008: Code(400, "Data is not valid JSON"),
    54010: Code(400, "The update carries no parameters"),
    54011: Code(400, "Ttl must be a number of seconds, 0 to 31536000"),
    54050: Code(404, "Service instance not found"),
    54100: Code(404, "Document not found", sure=True),
    54101: Code(400, "Data must be a JSON object"),
    54103: Code(412, "The document has another revision", sure=True),
    54301: Code(409, "Unique name already exists", sure=True),
    54302: Code(400, "UniqueName is empty, too long or looks like a SID"),
    70051: Code(403, "These credentials have no permission for this resource"),
}


def status_of(code: int, switches: Switches) -> int:
    """Return the HTTP status of a code under these switches (Twilio documents few of them)."""
    known = CODES[code]
    if known.sure or switches.status_seed is None:
        return known.status
    dice = random.Random(f"{switches.status_seed}:{code}")  # noqa: S311 - repeatable by design
    return dice.choice((known.status, 400, 403, 409))
