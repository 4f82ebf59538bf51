"""The frame of a stack (`stack:`, `environments:`, `senders:`) → settings and our own addresses.

What stands inside the frame, the resources themselves, is read by `desired.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainValidator

from reconciler.kinds.fields import NONE, Integer, Name, Names, Object, Spec, one_of, read_name, wrong
from reconciler.kinds.participant import is_address, number_of
from reconciler.model import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from reconciler.model import Graph, Value

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
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


def read_account(value: Any) -> str:
    """Read an account's sid."""
    text = read_name(value)
    if not isinstance(text, str) or not _ACCOUNT.fullmatch(text):
        wrong("an account is named by its sid", "AC and 32 hexadecimal digits.")
    return text


class Limits(Spec):
    """How much one apply may do."""

    remove: Integer = NONE
    remove_percent: Integer = NONE
    send: Integer = NONE
    writes_per_second: Integer = NONE


class StackSpec(Spec):
    """The `stack:` block."""

    name: Annotated[str, PlainValidator(read_stack_name)]
    id: Name = NONE
    service: Name = "default"
    on_remove: Annotated[str, one_of("close", "delete", "release")] = "close"
    limits: Limits | None = None


class EnvironmentSpec(Spec):
    """One entry of `environments:`."""

    account: Annotated[str, PlainValidator(read_account)] | None = None
    recipients: Names = NONE
    variables: Object = NONE
    limits: Limits | None = None


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
    senders: Mapping[str, Value] = field(default_factory=dict)


def sender_problem(text: Any) -> str:
    """Return what is wrong with a sender; '' where nothing is."""
    if not isinstance(text, str) or not is_address(text):
        return f"{text!r} is no sender of ours"
    return "" if number_of(text) else "this sender has no number"
