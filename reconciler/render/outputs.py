"""What the outputs of a stack are now → lines of text, JSON, or one bare value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.render.json import masked
from reconciler.render.listing import dumped
from reconciler.render.text import Line, Tone
from reconciler.render.values import SENSITIVE, UNKNOWN, Words

if TYPE_CHECKING:
    from reconciler.model import Json
    from reconciler.outputs import Answer, Answers
    from reconciler.render.numbers import Numbers


def output_lines(found: Answers, numbers: Numbers) -> list[Line]:
    """Return ``name = value`` for every output, or what hides its value or keeps it waiting."""
    words = Words(numbers)
    if not found.answers:
        return [Line("The stack has no outputs: write some below outputs:", Tone.NOTE)]
    return [
        Line(f"{words.text(one.output.name)} = {_shown(one, words)}", _tone(one)) for one in found.answers
    ]


def _tone(one: Answer) -> Tone:
    return Tone.NOTE if one.waits_for else Tone.PLAIN


def _shown(one: Answer, words: Words) -> str:
    if one.output.sensitive:
        return SENSITIVE
    if not one.waits_for:
        return words.value(one.value)
    first, *more = one.waits_for
    also = f", and {len(more)} more" if more else ""
    return f"({UNKNOWN}: {words.text(first.attribute)} of {words.address(first.address)}{also})"


def output_json(found: Answers, numbers: Numbers) -> str:
    """Return ``{"format_version", "target", "outputs": {name: OUTPUT}}``.

    An OUTPUT is ``{"known", "sensitive", "value", "waits_for": [ADDRESS]}``; where it is sensitive or not
    known yet, its value is null.
    """
    data = {one.output.name: _data(one) for one in found.answers}
    return dumped({"outputs": masked(data, numbers)}, found.target, numbers)


def _data(one: Answer) -> dict[str, Any]:
    return {
        "known": not one.waits_for,
        "sensitive": one.output.sensitive,
        "value": None if one.output.sensitive else one.value,
        "waits_for": [str(address) for address in dict.fromkeys(ref.address for ref in one.waits_for)],
    }


def bare(value: Json, form: str = "text") -> str:
    """Return one value as it is: a text without quotes, anything else as JSON; as JSON all are."""
    if isinstance(value, str) and form == "text":
        return value
    return json.dumps(value, ensure_ascii=False)
