"""Leaves as written in YAML → typed values, for the spec models of all kinds.

The YAML border types a scalar by the field it stands in: ``language: no`` is text where the field is text.
So a leaf arrives here as a `Leaf` (what is written, and how), and each field type below reads it its own
way. A value that does not fit raises through `wrong`, in our words, and is reported with its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from reconciler.model import Joined, Json, Ref, Secret


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar at the border. `text` is None for a value that an expression brought in with its type."""

    text: str | None
    json: Json | Ref | Joined
    plain: bool = False
    sensitive: bool = False

    @property
    def is_null(self) -> bool:
        """Whether the specs say null here."""
        return self.json is None


class Spec(BaseModel):
    """What one resource's YAML may say; unknown keys are errors."""

    model_config = ConfigDict(
        extra="forbid", arbitrary_types_allowed=True, frozen=True, use_attribute_docstrings=True
    )

    def given(self, name: str) -> bool:
        """Whether the specs say anything about `name`, null included."""
        return name in self.model_fields_set


def wrong(summary: str, detail: str = "") -> NoReturn:
    """Raise what is wrong with the value at hand, and what would be right."""
    raise PydanticCustomError("spec", "{summary}", {"summary": summary, "detail": detail})


def shape(value: Any) -> str:
    """Name what stands in the YAML, for messages."""
    if isinstance(value, Leaf):
        return f"{value.text!r}" if value.text is not None and not value.sensitive else "this value"
    if isinstance(value, dict):
        return "a map"
    return "a list" if isinstance(value, list) else "this value"


def _scalar(value: Any, wanted: str) -> Leaf:
    if not isinstance(value, Leaf):
        wrong(f"expected {wanted}, found {shape(value)}")
    return value


def _sealed(leaf: Leaf, value: Any) -> Any:
    return Secret(value) if leaf.sensitive and value is not None else value


def read_text(value: Any) -> Any:
    """Read text: what is written, whatever it looks like."""
    leaf = _scalar(value, "text")
    if leaf.is_null or isinstance(leaf.json, Ref | Joined):
        return _sealed(leaf, leaf.json)
    if isinstance(leaf.json, dict | list):
        wrong(f"expected text, found {shape(leaf.json)}")
    if leaf.text is not None:
        return _sealed(leaf, leaf.text)
    return _sealed(leaf, str(leaf.json).lower() if isinstance(leaf.json, bool) else str(leaf.json))


def read_name(value: Any) -> Any:
    """Read text that must be known while planning: no reference, no secret."""
    text = read_text(value)
    if isinstance(text, Ref | Joined):
        wrong("this must be known while planning, so it cannot refer to another resource")
    if isinstance(text, Secret):
        wrong("a sensitive variable cannot be used here", "Names, addresses and urls are shown in plans.")
    return text


def read_flag(value: Any) -> Any:
    """Read true or false."""
    leaf = _scalar(value, "true or false")
    if not isinstance(leaf.json, bool):
        wrong(
            f"expected true or false, found {shape(leaf)}",
            "YAML 1.2 knows true and false, not yes, no, on, off.",
        )
    return leaf.json


def read_integer(value: Any) -> Any:
    """Read a whole number that is not negative."""
    leaf = _scalar(value, "a whole number")
    number = leaf.json
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        wrong(f"expected a whole number, 0 or more, found {shape(leaf)}")
    return number


def read_json(value: Any) -> Any:
    """Read any YAML as JSON; a sensitive or referring leaf stays marked as such."""
    if isinstance(value, dict):
        return {name: read_json(below) for name, below in value.items()}
    if isinstance(value, list):
        return _list_of_json([read_json(below) for below in value])
    return _sealed(value, value.json) if isinstance(value, Leaf) else value


def _list_of_json(items: list[Any]) -> Any:
    """Return a list as the one value it is: one sensitive leaf makes all of it sensitive."""
    if any(isinstance(leaf, Ref | Joined) for item in items for leaf in _leaves(item)):
        wrong(
            "a reference cannot stand inside a list", "A list is compared as one value; use a map of names."
        )
    return (
        Secret(_bare(items)) if any(isinstance(x, Secret) for item in items for x in _leaves(item)) else items
    )


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for below in tree.values() for leaf in _leaves(below)]
    return [leaf for below in tree for leaf in _leaves(below)] if isinstance(tree, list) else [tree]


def _bare(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _bare(below) for name, below in tree.items()}
    if isinstance(tree, list):
        return [_bare(below) for below in tree]
    return tree.value if isinstance(tree, Secret) else tree


def read_object(value: Any) -> Any:
    """Read a map as a JSON object."""
    if isinstance(value, Leaf) and isinstance(value.json, dict):
        value = value.json
    if not isinstance(value, dict):
        wrong(f"expected a map of names and values, found {shape(value)}", "For example {topic: delivery}.")
    return read_json(value)


def read_names(value: Any) -> Any:
    """Read a list of texts."""
    if isinstance(value, Leaf) and isinstance(value.json, list):
        value = [Leaf(item if isinstance(item, str) else None, item) for item in value.json]
    if not isinstance(value, list):
        wrong(f"expected a list, found {shape(value)}", "Write it as [one, two] or with a dash a line.")
    return [read_name(item) for item in value]


_DURATION = re.compile(
    r"P(?!$)(?:(?P<W>\d{1,9})W)?(?:(?P<D>\d{1,9})D)?"
    r"(?:T(?=\d)(?:(?P<H>\d{1,9})H)?(?:(?P<M>\d{1,9})M)?(?:(?P<S>\d{1,9})S)?)?",
    re.ASCII,
)
_SHORT_DURATION = re.compile(
    r"(?!$)(?P<days>(?:\d{1,9}w)?(?:\d{1,9}d)?)(?P<time>(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?)",
    re.ASCII,
)
_UNITS_S = {"W": 604_800, "D": 86_400, "H": 3_600, "M": 60, "S": 1}


def iso_duration(text: str) -> str | None:
    """Return a duration of weeks to seconds, short (``1d12h``) or ISO 8601, as ISO 8601; else None."""
    short = _SHORT_DURATION.fullmatch(text)
    if short is None:
        return text if _DURATION.fullmatch(text) else None
    return f"P{short['days']}{'T' if short['time'] else ''}{short['time']}".upper()


def duration_s(text: str) -> float | None:
    """Return the seconds of a duration that `iso_duration` reads, None where `text` is none."""
    match = _DURATION.fullmatch(iso_duration(text) or "")
    if not match:
        return None
    return float(sum(_UNITS_S[unit] * int(number) for unit, number in match.groupdict().items() if number))


def read_duration(least: str, value: Any) -> Any:
    """Read a duration of at least `least`, as ISO 8601, which is what Twilio takes."""
    text = read_name(value)
    if text is None:
        return None
    seconds = duration_s(text)
    if seconds is None:
        wrong(f"{text!r} is no duration", "Write 30m, 1h, 2d or 1d12h, or in ISO 8601: PT30M, PT1H, P2D.")
    if seconds < (duration_s(least) or 0):
        wrong(f"{text} is too short", f"The least is {least}. To have no such timer write null.")
    return iso_duration(text)


def duration(least: str) -> PlainValidator:
    """Return the validator of a field that takes a duration of at least `least`."""
    return PlainValidator(partial(read_duration, least), json_schema_input_type=str)


def read_choice(allowed: tuple[str, ...], value: Any) -> Any:
    """Read one of the `allowed` texts."""
    text = read_name(value)
    if text not in allowed:
        wrong(f"{shape(value)} is not allowed here", f"Allowed: {', '.join(allowed)}.")
    return text


def one_of(*allowed: str) -> PlainValidator:
    """Return the validator of a field that takes one of `allowed`."""
    return PlainValidator(partial(read_choice, allowed), json_schema_input_type=Literal[allowed])


def read_sid(prefix: str, value: Any) -> Any:
    """Read the sid of a resource of the account; null is none."""
    text = read_name(value)
    if text is not None and not re.fullmatch(f"{prefix}[0-9a-f]{{32}}", text):
        wrong(
            f"{text!r} is no sid", f"It has {prefix} and 32 hexadecimal digits; the Twilio console shows it."
        )
    return text


def sid(prefix: str) -> PlainValidator:
    """Return the validator of a field that takes a sid, ``sid("MG")`` a messaging service's."""
    return PlainValidator(partial(read_sid, prefix), json_schema_input_type=str)


_TEXT = WithJsonSchema({"type": "string"})
Text = Annotated[Any, PlainValidator(read_text), _TEXT]
FreeText = Annotated[Any, PlainValidator(read_text), _TEXT, "free text"]
"""Prose: a ``#`` in it is more likely meant than a comment."""
Name = Annotated[Any, PlainValidator(read_name), _TEXT]
Flag = Annotated[Any, PlainValidator(read_flag), WithJsonSchema({"type": "boolean"})]
Integer = Annotated[Any, PlainValidator(read_integer), WithJsonSchema({"type": "integer", "minimum": 0})]
Object = Annotated[Any, PlainValidator(read_object), WithJsonSchema({"type": "object"})]
Names = Annotated[
    Any, PlainValidator(read_names), WithJsonSchema({"type": "array", "items": {"type": "string"}})
]
NONE: Any = None
