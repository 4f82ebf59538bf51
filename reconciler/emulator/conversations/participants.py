"""Participants: turns calls on ``/Conversations/{…}/Participants`` into rows, claims and users.

Sources: OpenAPI of the Participant resource and its examples; error pages 50203–50214, 50407–50444;
observed: 50416's message, 50441 on any ``ProxyAddress`` in an update, ``role_sid`` filled but for members of
group MMS.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.rows import Participant
from reconciler.emulator.wire import date_text

from . import bindings, people
from .addresses import Binding, check_binding, shown

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply
    from reconciler.emulator.rows import Conversation, Service
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

PER_CONVERSATION = 100  # a service's default (page 50417); Twilio raises it on request, to 1000
NON_CHAT_PER_CONVERSATION = 50
CONVERSATIONS_PER_IDENTITY = 1000
_UPDATABLE = (
    "DateCreated",
    "DateUpdated",
    "Attributes",
    "RoleSid",
    "MessagingBinding.ProxyAddress",
    "MessagingBinding.ProjectedAddress",
    "Identity",
    "LastReadMessageIndex",
    "LastReadTimestamp",
)
_NOTHING = ("", "null")  # how a caller without JSON null says "none"


@dataclass(frozen=True, slots=True)
class Draft:
    """A participant as asked for, checked in itself but not yet against the conversation."""

    identity: str | None
    address: str | None
    proxy_address: str | None
    projected_address: str | None
    attributes: str
    role_sid: str | None
    dates: dict[str, int]

    @property
    def binding(self) -> Binding:
        """How the participant is reached."""
        return Binding(self.address, self.proxy_address, self.projected_address)

    def kept(self) -> dict[str, str | None]:
        """Return what is needed to attach the participant later."""
        return {name: value for name, value in asdict(self).items() if name != "dates"}


def create(call: Call) -> Reply:
    """POST the collection: 201 and the new participant."""
    conversation = call.writable_conversation()
    draft = drafted(call.store, call.form)
    admit(call.store, conversation, draft)
    return 201, show(call, attach(call.store, call.service, conversation, draft))


def fetch(call: Call) -> Reply:
    """GET by SID or identity."""
    return 200, show(call, addressed(call, call.conversation()))


def update(call: Call) -> Reply:
    """POST the instance; addresses are fixed, an identity can only be added to a group's business number."""
    store, conversation = call.store, call.writable_conversation()
    participant = addressed(call, conversation)
    call.require_change(_UPDATABLE)
    if "MessagingBinding.ProxyAddress" in call.form:
        raise ApiError(50441)
    changes: dict[str, Any] = {"date_updated": store.today(), **fields.dates(call.form)}
    changes |= _attributes(store, call.form) | _role(store, conversation.service_sid, call.form)
    changes |= read_marks(call.form) | _projected(store, conversation, participant, call.form)
    changes |= _identity(conversation, participant, call)
    store.update(participant, **changes)
    if "projected_address" in changes:
        bindings.regroup(store, conversation)
    if "identity" in changes:
        people.ensure_user(store, call.service, changes["identity"])
    return 200, show(call, participant)


def delete(call: Call) -> Reply:
    """DELETE: 204; the pair is free again."""
    conversation = call.clearable_conversation()
    detach(call.store, conversation, addressed(call, conversation))
    return 204, None


def listing(call: Call) -> Reply:
    """GET the collection."""
    rows = call.store.participants(call.conversation())
    return page(call, "participants", listed(call, rows), show)


def drafted(store: Store, form: Form) -> Draft:
    """Check a new participant's parameters in themselves."""
    identity = form.get("Identity")
    binding = Binding(
        *(form.get(f"MessagingBinding.{n}") for n in ("Address", "ProxyAddress", "ProjectedAddress"))
    )
    if identity is not None and (binding.address is not None or binding.proxy is not None):
        raise ApiError(50211)
    if identity is None and binding.is_empty:
        raise ApiError(50204)
    if identity is not None:
        fields.identity(identity)
    if not binding.is_empty:
        if binding.projected is not None and not store.account.group_mms:
            raise ApiError(50452)
        check_binding(binding, store.account.senders)
        if form.has_any(("MessagingBinding.Name", "MessagingBinding.Level")):
            raise ApiError(50420)
    return Draft(
        identity=identity,
        address=binding.address,
        proxy_address=binding.proxy,
        projected_address=binding.projected,
        attributes=_attributes(store, form).get("attributes", "{}"),
        role_sid=form.get("RoleSid"),
        dates=fields.dates(form),
    )


def admit(store: Store, conversation: Conversation, draft: Draft) -> None:
    """Refuse a participant whom this conversation cannot take."""
    members = store.participants(conversation)
    check_person(store, conversation.service_sid, draft.identity, draft.role_sid)
    if draft.identity is not None and (conversation.sid, draft.identity) in store.index.participant_of:
        raise ApiError(50433)
    bindings.check_pair_free(store, conversation, draft.binding)
    bindings.check_group(store, conversation, draft.binding)
    if len(members) >= PER_CONVERSATION:
        raise ApiError(50417)
    if draft.identity is None and sum(row.identity is None for row in members) >= NON_CHAT_PER_CONVERSATION:
        raise ApiError(50422)


def check_person(store: Store, service_sid: str, identity: str | None, role_sid: str | None) -> None:
    """Refuse a role that does not exist (50109, 50101), an identity in too many conversations (50214)."""
    if role_sid is not None:
        people.check_role(store, service_sid, role_sid, "conversation", unknown=50109)
    joined = store.index.by_identity.get((service_sid, identity or ""), ())
    if len(joined) < CONVERSATIONS_PER_IDENTITY:
        return
    found = (store.conversation(row.conversation_sid) for row in joined)
    if sum(row is not None and row.state != "closed" for row in found) >= CONVERSATIONS_PER_IDENTITY:
        raise ApiError(50214)


def attach(store: Store, service: Service, conversation: Conversation, draft: Draft) -> Participant:
    """Add an admitted participant: a row, its claims, and for an identity the user."""
    now = store.today()
    in_group = draft.identity is None and draft.binding.is_group
    natural_key = draft.identity or "|".join(
        (draft.address or "", draft.proxy_address or draft.projected_address or "")
    )
    row = Participant(
        sid=store.mint("MB", f"{conversation.sid}/Participants", natural_key),
        seq=store.next_seq(),
        service_sid=conversation.service_sid,
        conversation_sid=conversation.sid,
        identity=draft.identity,
        address=draft.address,
        proxy_address=draft.proxy_address,
        projected_address=draft.projected_address,
        attributes=draft.attributes,
        role_sid=draft.role_sid or (None if in_group else service.conversation_role_sid),
        date_created=draft.dates.get("date_created", now),
        date_updated=draft.dates.get("date_updated", now),
    )
    store.insert(row)
    bindings.claim(store, conversation, row)
    if draft.identity is not None:
        people.ensure_user(store, service, draft.identity)
    return row


def detach(store: Store, conversation: Conversation, participant: Participant) -> None:
    """Take a participant out, freeing what it held."""
    store.remove(participant)
    bindings.release(store, conversation, participant)


def addressed(call: Call, conversation: Conversation) -> Participant:
    """Return the participant that the path names by SID or identity, or refuse with 20404."""
    name = call.ids["Sid"]
    row = call.store.index.rows.get(name)
    if not isinstance(row, Participant):
        row = call.store.index.participant_of.get((conversation.sid, name))
    if row is None or row.conversation_sid != conversation.sid:
        raise call.not_found()
    return call.unremoved(row)


def _attributes(store: Store, form: Form) -> dict[str, str]:
    value = fields.attributes(
        form.get("Attributes"), fields.SMALL_ATTRIBUTES_BYTES, store.switches.attributes_echo
    )
    return {} if value is None else {"attributes": value}


def _role(store: Store, service_sid: str, form: Form) -> dict[str, str]:
    role_sid = form.get("RoleSid")
    if role_sid is None:
        return {}
    people.check_role(store, service_sid, role_sid, "conversation", unknown=50109)
    return {"role_sid": role_sid}


def read_marks(form: Form) -> dict[str, Any]:
    """Return how far someone has read, as a form sets it; an empty value or ``null`` is not at all."""
    changes: dict[str, Any] = {}
    if (index := form.get("LastReadMessageIndex")) is not None:
        changes["last_read_message_index"] = None if index in _NOTHING else fields.whole_number(index, 50421)
    if (moment := form.get("LastReadTimestamp")) is not None:
        changes["last_read_timestamp"] = None if moment in _NOTHING else moment
    return changes


def _projected(
    store: Store, conversation: Conversation, participant: Participant, form: Form
) -> dict[str, str | None]:
    value = form.get("MessagingBinding.ProjectedAddress")
    if value is None:
        return {}
    if value in _NOTHING:
        if participant.projected_address is None:
            raise ApiError(50442)
        if participant.identity is None:
            raise ApiError(50434)
        return {"projected_address": None}
    if participant.address is not None:
        raise ApiError(50443)
    binding = Binding(projected=value)
    check_binding(binding, store.account.senders)
    if value != participant.projected_address:
        bindings.check_group(store, conversation, binding)
    return {"projected_address": value}


def _identity(conversation: Conversation, participant: Participant, call: Call) -> dict[str, str]:
    value = call.form.get("Identity")
    if value is None:
        return {}
    if participant.identity is not None or participant.projected_address is None:
        raise ApiError(50444)
    fields.identity(value)
    check_person(call.store, conversation.service_sid, value, None)
    if (conversation.sid, value) in call.store.index.participant_of:
        raise ApiError(50433)
    return {"identity": value}


def show(call: Call, row: Participant) -> dict[str, Any]:
    """Return the resource; under a service's path it also names the service."""
    scope = {"chat_service_sid": row.service_sid} if call.scoped else {}
    return {
        "account_sid": call.store.account.sid,
        **scope,
        "conversation_sid": row.conversation_sid,
        "sid": row.sid,
        "identity": row.identity,
        "attributes": row.attributes,
        "messaging_binding": shown(Binding(row.address, row.proxy_address, row.projected_address)),
        "role_sid": row.role_sid,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": call.url("Conversations", row.conversation_sid, "Participants", row.sid),
        "last_read_message_index": row.last_read_message_index,
        "last_read_timestamp": row.last_read_timestamp,
    }
