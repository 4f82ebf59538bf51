"""One item of `steps:` → a Beat: `WHO VERB: WHAT`, where WHAT is a text or, with more to say, a map."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from reconciler.border import as_input, validated
from reconciler.diagnostics import error
from reconciler.expressions import nearest
from reconciler.kinds.fields import (
    NONE,
    Flag,
    FreeText,
    Integer,
    Name,
    Names,
    Object,
    Spec,
    duration_s,
    one_of,
    read_name,
    shape,
    wrong,
)
from reconciler.kinds.webhook import FILTERS
from reconciler.nodes import Entry, Failed, Mapping, Scalar, is_null, leaves
from reconciler.scenarios.scenario import (
    Advances,
    Beat,
    Becomes,
    Called,
    Content,
    IsIn,
    Misses,
    Posts,
    Says,
    Sees,
    SeesNothing,
    Thumbs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.diagnostics import Diagnostic
    from reconciler.nodes import Node
    from reconciler.scenarios.scenario import Deed


def read_seconds(value: Any) -> Any:
    """Read how much time passes: 25h, 1d12h, or in ISO 8601."""
    text = read_name(value)
    seconds = duration_s(text) if isinstance(text, str) and len(text) < 40 else None
    if seconds is None:
        wrong(f"{shape(value)} is no duration", "Write 25h, 90m, 1d12h, or in ISO 8601: PT25H.")
    return seconds


def read_event(value: Any) -> Any:
    """Read the name of an event that webhooks of a conversation are called for."""
    name = read_name(value)
    if name not in FILTERS:
        near = nearest(name, FILTERS) if isinstance(name, str) else None
        detail = f"Did you mean {near}?" if near else f"There are: {', '.join(FILTERS)}."
        wrong(f"{shape(value)} is no event of a webhook", detail)
    return name


_STATE = Annotated[Any, one_of("active", "inactive", "closed")]


class SaysSpec(Spec):
    """What somebody writes on a handset."""

    text: FreeText = NONE
    """What is written; alone it needs no map: `customer says: Hello`."""
    media: Names = NONE
    """URLs of pictures and files."""
    subject: FreeText = NONE
    """The subject of an MMS."""
    via: Name = NONE
    """To which sender of ours; left out, the one that the participant sees."""
    reaches: Name = NONE
    """The conversation that has to take it, or `nobody`; left out, that of the participant."""


class SeesSpec(Spec):
    """The next message on a handset. What is left out is not compared."""

    text: FreeText = NONE
    """Its text, exactly; alone it needs no map: `courier sees: Hello`."""
    media: Names = NONE
    """What is attached, compared by the last part of the URL."""
    content_sid: Name = NONE
    """The template it was made of."""
    via: Name = NONE
    """The sender that it is shown from; left out, the one that the participant sees."""


class MissesSpec(Spec):
    """The next message that a handset should have got and did not. What is left out is not compared."""

    text: FreeText = NONE
    """Its text, exactly; alone it needs no map."""
    media: Names = NONE
    """What is attached, compared by the last part of the URL."""
    content_sid: Name = NONE
    """The template it was made of."""
    code: Integer = NONE
    """Twilio's error code: 63016 outside WhatsApp's window, 21610 after STOP."""
    via: Name = NONE
    """The sender that it would have been from."""


class OnHandsetSpec(Spec):
    """Which thread of a handset is meant."""

    via: Name = NONE
    """The sender; left out, the one that the participant sees."""


class WholeHandsetSpec(Spec):
    """Nothing: what is done concerns all threads of a handset."""


class PostsSpec(Spec):
    """A message that an application posts by the API."""

    text: FreeText = NONE
    """Its text; alone it needs no map: `system posts: Just a moment`."""
    subject: FreeText = NONE
    """Its subject."""
    content_sid: Name = NONE
    """The template that it is made of."""
    content_variables: Object = NONE
    """What fills the template's placeholders."""
    media_sid: Name = NONE
    """What is attached."""
    author: Name = NONE
    """Another author than the participant, or than `system`."""
    webhooks: Flag = NONE
    """Whether the application asks for webhooks (`X-Twilio-Webhook-Enabled`)."""


class StateSpec(Spec):
    """A state of a conversation."""

    state: _STATE
    """One of the three states; alone it needs no map: `order-1042 is: closed`."""


class AdvanceSpec(Spec):
    """How much time passes."""

    time: Annotated[Any, PlainValidator(read_seconds), WithJsonSchema({"type": "string"})]
    """`25h`, `90m`, `1d12h`, or in ISO 8601; alone it needs no map: `advance: 25h`."""


class CalledSpec(Spec):
    """Calls of a webhook since the play began."""

    webhook: Name
    """Its key; alone it needs no map: `webhook_called: audit`."""
    event: Annotated[Any, PlainValidator(read_event), WithJsonSchema({"type": "string"})] = NONE
    """Only calls for this event, one of those that `filters` can name."""
    times: Integer = NONE
    """How many there were; left out, at least one."""
    parameters: Object = NONE
    """Only calls with these parameters, compared as text."""


@dataclass(frozen=True, slots=True)
class Verb:
    """What can be said of somebody or something: its fields, and the one that a bare value stands for.

    `required` are fields of which one has to be given.
    """

    spec: type[Spec]
    bare: str
    build: Callable[[str, Any], Deed]
    required: tuple[str, ...] = ()


def _content(spec: Any) -> Content:
    media = getattr(spec, "media", None)
    return Content(
        spec.text,
        None if media is None else tuple(media),
        getattr(spec, "content_sid", None),
        getattr(spec, "subject", None),
    )


def _says(who: str, spec: SaysSpec) -> Deed:
    return Says(who, _content(spec), spec.via or "", spec.reaches or "")


def _sees(who: str, spec: SeesSpec) -> Deed:
    return Sees(who, _content(spec), spec.via or "")


def _misses(who: str, spec: MissesSpec) -> Deed:
    return Misses(who, _content(spec), spec.via or "", spec.code)


def _sees_nothing(who: str, spec: OnHandsetSpec) -> Deed:
    return SeesNothing(who, spec.via or "")


def _thumbs(deed: str, who: str, spec: OnHandsetSpec) -> Deed:
    return Thumbs(who, deed, spec.via or "")


def _goes(way: str, who: str, _: WholeHandsetSpec) -> Deed:
    return Thumbs(who, way)


def _posts(who: str, spec: PostsSpec) -> Deed:
    variables = "" if spec.content_variables is None else json.dumps(spec.content_variables)
    author, media = spec.author or "", spec.media_sid or ""
    return Posts(who, _content(spec), author, variables, media, webhooks=bool(spec.webhooks))


def _advances(_: str, spec: AdvanceSpec) -> Deed:
    return Advances(spec.time)


def _called(_: str, spec: CalledSpec) -> Deed:
    parameters = {name: as_text(value) for name, value in (spec.parameters or {}).items()}
    return Called(spec.webhook, spec.event or "", spec.times, parameters)


def as_text(value: Any) -> str:
    """Return a value as `--var` takes it, and as parameters are compared: a text as it is, else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


_WRITTEN = ("text", "media")
VERBS: dict[str, Verb] = {
    "says": Verb(SaysSpec, "text", _says, _WRITTEN),
    "sees": Verb(SeesSpec, "text", _sees),
    "sees_nothing": Verb(OnHandsetSpec, "", _sees_nothing),
    "misses": Verb(MissesSpec, "text", _misses),
    "posts": Verb(PostsSpec, "text", _posts, ("text", "content_sid", "media_sid")),
    "reads": Verb(OnHandsetSpec, "", partial(_thumbs, "read")),
    "stops": Verb(OnHandsetSpec, "", partial(_thumbs, "stop")),
    "goes_offline": Verb(WholeHandsetSpec, "", partial(_goes, "offline")),
    "goes_online": Verb(WholeHandsetSpec, "", partial(_goes, "online")),
    "is": Verb(StateSpec, "state", lambda which, spec: IsIn(which, spec.state)),
    "becomes": Verb(StateSpec, "state", lambda which, spec: Becomes(which, spec.state)),
}
"""What stands behind somebody's name, or a conversation's."""

ALONE: dict[str, Verb] = {
    "advance": Verb(AdvanceSpec, "time", _advances),
    "webhook_called": Verb(CalledSpec, "webhook", _called),
}
"""Steps that are nobody's."""

_FORM = "A step reads WHO VERB: WHAT, as in `- customer says: Hello`, or `- advance: 25h`."


def read_step(node: Node, problems: list[Diagnostic]) -> Beat | None:
    """Return one item of `steps:`, or None with its problems noted."""
    if isinstance(node, Failed):
        return None
    entry = _entry(node)
    if entry is None:
        problems.append(error(f"{_shown(node)} is no step", _FORM, place=node.place))
        return None
    who, verb = _verb(entry.key, problems)
    if verb is None or isinstance(entry.value, Failed):
        return None
    _check_comment(entry.value, problems)
    deed = _deed(who, verb, entry, problems)
    return None if deed is None else Beat(deed, " ".join(entry.key.text.split()), entry.key.place)


def _entry(node: Node) -> Entry | None:
    """Return a step's words and what stands behind them; a step that is only words needs no colon."""
    if isinstance(node, Scalar) and not is_null(node):
        return Entry(node, Scalar("", plain=True, place=node.place))
    if isinstance(node, Mapping) and len(node.entries) == 1:
        return node.entries[0]
    return None


def _shown(node: Node) -> str:
    if isinstance(node, Mapping) and node.entries:
        return f"a map of {len(node.entries)} keys"
    return "nothing" if is_null(node) else shape(as_input(node))


def _verb(key: Scalar, problems: list[Diagnostic]) -> tuple[str, Verb | None]:
    """Return of whom a step tells, and what."""
    words = key.text.split()
    if len(words) == 1 and words[0] in ALONE:
        return "", ALONE[words[0]]
    who, last = " ".join(words[:-1]), words[-1] if words else ""
    if who and last in VERBS:
        return who, VERBS[last]
    near = nearest(last, VERBS if who else [*ALONE, *VERBS])
    at = next((n for n, word in enumerate(words[1:-1], 2) if word in VERBS), 0)
    if at:
        said = f"{' '.join(words[:at])}: {' '.join(words[at:])}"
        detail = f"A colon is missing: `{said}`."
    elif last in VERBS or (near in VERBS and not who):
        detail = f"Say who: `customer {near or last}`."
    else:
        detail = f"Did you mean {near}?" if near else f"{_FORM} Verbs: {', '.join(VERBS)}."
    problems.append(error(f"unknown step {key.text!r}", detail, place=key.place))
    return who, None


def _check_comment(value: Node, problems: list[Diagnostic]) -> None:
    """Refuse a text that has most likely lost its end to a comment: a step would say something else."""
    for leaf in leaves(value):
        if isinstance(leaf, Scalar) and leaf.plain and re.match(r"#\S", leaf.trailing):
            summary = f"{leaf.trailing.split()[0]!r} is a comment here, not part of the text"
            detail = f'Quote the text: "{leaf.text} {leaf.trailing}". A comment has a space behind its #.'
            problems.append(error(summary, detail, place=leaf.place))


def _deed(who: str, verb: Verb, entry: Entry, problems: list[Diagnostic]) -> Deed | None:
    value = entry.value
    if not isinstance(value, Mapping) and verb.bare and not is_null(value):
        value = Mapping((Entry(Scalar(verb.bare, plain=True, place=value.place), value),), value.place)
    spec = validated(problems, verb.spec, value, entry.key.place)
    if spec is None:
        return None
    if verb.required and not any(getattr(spec, name) for name in verb.required):
        summary = f"{entry.key.text} nothing"
        detail = f"Write it behind the colon: `{entry.key.text}: Hello`."
        problems.append(error(summary, detail, place=entry.key.place))
        return None
    return verb.build(who, spec)
