"""The frame of a stack (`stack:`, `environments:`, `senders:`) → settings and our own addresses.

What stands inside the frame, the resources themselves, is read by `desired.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from reconciler.kinds.fields import NONE, Integer, Names, Object, Spec, one_of, read_name, wrong
from reconciler.kinds.participant import is_address
from reconciler.safety import Limits as RemovalLimits
from reconciler.transitions import Transitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.model import Graph, Owner
    from reconciler.outputs import Output

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")


def read_stack_name(value: Any) -> str:
    """Read the owner's name, which becomes part of every unique_name."""
    text = read_name(value)
    if not isinstance(text, str) or not _NAME.fullmatch(text):
        wrong(
            "a stack's name has lower-case letters, digits and dashes, at most 40",
            "For example courier-demo.",
        )
    return text


def read_id(value: Any) -> str:
    """Read what tells a stack from one of the same name in another repository."""
    text = read_name(value)
    if not isinstance(text, str) or not _ID.fullmatch(text):
        wrong(
            "an id has letters, digits, dots, dashes and underscores, at most 64",
            "For example the name of the repository.",
        )
    return text


def read_account(value: Any) -> str:
    """Read an account's sid."""
    text = read_name(value)
    if not isinstance(text, str) or not _ACCOUNT.fullmatch(text):
        wrong("an account is named by its sid", "AC and 32 hexadecimal digits.")
    return text


def read_service(value: Any) -> str:
    """Read which Conversations service is meant."""
    text = read_name(value)
    if not isinstance(text, str) or not text.strip():
        wrong("service names no service", "Write default, its name, or its sid (IS…); or take the line out.")
    return text


class Limits(Spec):
    """How much one apply may do; a removal is refused when `remove` and `remove_percent` are both passed."""

    remove: Integer = NONE
    """Conversations that may be closed or deleted at once; 10."""
    remove_percent: Integer = NONE
    """The share of what is open that may be; 30. Counts from ten conversations up."""
    writes_per_second: Integer = NONE
    """Writes per second, in the service and in each conversation; 10. With 0 there is no limit."""


class StackSpec(Spec):
    """The `stack:` block."""

    name: Annotated[str, PlainValidator(read_stack_name), WithJsonSchema({"type": "string"})]
    """The owner of what is created: lower-case letters, digits and dashes."""
    service: Annotated[str, PlainValidator(read_service), WithJsonSchema({"type": "string"})] = "default"
    """The Conversations service: `default`, its name, or its sid."""
    on_remove: Annotated[str, one_of("close", "delete", "release")] = "close"
    """What becomes of a conversation that vanished from the specs: closed, deleted, or no longer managed."""
    limits: Limits | None = None
    """How much one apply may do."""
    id: Annotated[Any, PlainValidator(read_id), WithJsonSchema({"type": "string"})] = None
    """Kept in the record: a stack of this name with another id, from another repository, is refused."""
    record: Annotated[str, one_of("sync", "none")] = "sync"
    """Where lease and history are kept: `sync`, a document in Twilio Sync; or `none`, which has neither."""


class EnvironmentSpec(Spec):
    """One entry of `environments:`."""

    account: Annotated[Any, PlainValidator(read_account), WithJsonSchema({"type": "string"})] = None
    """The account it is for (`AC…`); any other is refused. An emulator stands in for any."""
    recipients: Names = NONE
    """Globs of the only numbers that may become participants here (`+15550100*`); left out, any may."""
    variables: Object = NONE
    """Values of variables in this environment."""
    limits: Limits | None = None
    """Limits in this environment, before the stack's."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as its specs describe it, ready to be compared with an account."""

    owner: Owner
    service: str
    on_remove: str
    desired: Graph
    account: str = ""
    """The account that the chosen environment names; '' where it names none."""
    writes_per_second: int = 10
    senders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    transitions: Transitions = field(default_factory=Transitions)
    limits: RemovalLimits = field(default_factory=RemovalLimits)
    recipients: tuple[str, ...] | None = None
    """The only numbers that may become participants, as globs; None where any may."""
    stack_id: str = ""
    """What tells it from a stack of the same name in another repository; '' where nothing does."""
    record: str = "sync"
    """Where its record is kept: ``sync`` or ``none``."""
    outputs: tuple[Output, ...] = ()
    """What the stack tells other programs, in the order it is written."""


def sender_problem(numbers: tuple[str, ...]) -> str:
    """Return what is wrong with a sender, one number or a pool of them; '' where nothing is."""
    for number in numbers:
        if not is_address(number):
            return f"{number!r} is no sender of ours"
    channels = sorted({number.rpartition(":")[0] or "sms" for number in numbers})
    if len(channels) > 1:
        return f"a pool has numbers of one channel, this one of {' and '.join(channels)}"
    return "" if len(set(numbers)) == len(numbers) else "a number stands in this pool twice"
