"""A scenario is a title, what it is played on, and steps; a step is a beat: a deed and where it is written.

Names (`who`, `via`, `conversation`, `webhook`) are kept as they are written; `cast.py` knows whom they mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler import nodes
    from reconciler.model import Place


@dataclass(frozen=True, slots=True)
class Content:
    """What a message holds; as an expectation, what is None is not compared."""

    text: str | None = None
    media: tuple[str, ...] | None = None
    content_sid: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Says:
    """Somebody writes on a handset. It has to end in their conversation, or where `reaches` says."""

    who: str
    message: Content
    via: str = ""
    reaches: str = ""


@dataclass(frozen=True, slots=True)
class Sees:
    """The next message that has come onto a handset is this one."""

    who: str
    message: Content
    via: str = ""


@dataclass(frozen=True, slots=True)
class Misses:
    """The next message that was refused on its way to a handset is this one, for this reason."""

    who: str
    message: Content
    via: str = ""
    code: int | None = None


@dataclass(frozen=True, slots=True)
class SeesNothing:
    """Nothing has come onto a handset beyond what was seen."""

    who: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class Thumbs:
    """Something else that is done on a handset: ``stop``, ``read``, ``offline`` or ``online``."""

    who: str
    deed: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class Posts:
    """An application posts a message by Twilio's API, in somebody's name; `webhooks` asks for webhooks."""

    who: str
    message: Content
    author: str = ""
    variables: str = ""
    media_sid: str = ""
    webhooks: bool = False


@dataclass(frozen=True, slots=True)
class Advances:
    """Time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Becomes:
    """An application sets the state of a conversation by Twilio's API."""

    conversation: str
    state: str


@dataclass(frozen=True, slots=True)
class IsIn:
    """A conversation is in this state."""

    conversation: str
    state: str


@dataclass(frozen=True, slots=True)
class Called:
    """A webhook has been called so often since the play began; None: at least once."""

    webhook: str
    event: str = ""
    times: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


Deed: TypeAlias = "Says | Sees | Misses | SeesNothing | Thumbs | Posts | Advances | Becomes | IsIn | Called"


@dataclass(frozen=True, slots=True)
class Beat:
    """A deed, how it is written (`courier sees`) and where."""

    deed: Deed
    words: str
    place: Place


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file.

    It is played on the stack at `stack`, or on what it describes itself (`given`). `conversation` is the
    one that bare names mean.
    """

    title: str
    place: Place
    lines: tuple[str, ...]
    stack: Path | None
    given: nodes.Mapping | None
    folder: Path
    environment: str
    variables: tuple[tuple[str, str], ...]
    conversation: str
    conversation_at: Place
    steps: tuple[Beat, ...]

    @property
    def file(self) -> str:
        """The file as the person named it."""
        return self.place.file
