"""The checks of `doctor` → a line each with what to do below it, or JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.doctor import Check, Verdict, count
from reconciler.render.json import FORMAT_VERSION, masked
from reconciler.render.numbers import require_masked
from reconciler.render.outline import plural
from reconciler.render.text import Line, Tone
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.render.numbers import Numbers

_TONES = {
    Verdict.OK: Tone.PLAIN,
    Verdict.WARN: Tone.WARN,
    Verdict.FAIL: Tone.ERROR,
    Verdict.SKIP: Tone.NOTE,
}


def check_lines(checks: Sequence[Check], numbers: Numbers) -> list[Line]:
    """Return a line for each check, what to do below those that are not fine, and how many there are."""
    words = Words(numbers)
    width = max((len(check.subject) for check in checks), default=0)
    lines: list[Line] = []
    for check in checks:
        tone = _TONES[check.verdict]
        head = f"{check.verdict:<4}  {check.subject:<{width}}  "
        lines.append(Line(head + words.text(check.told), tone))
        below = check.remedy.splitlines()
        lines += [Line(" " * len(head) + words.text(text), tone) for text in below]
    return [*lines, Line(_summed(checks), Tone.TITLE)]


def _summed(checks: Sequence[Check]) -> str:
    failed, warned, left = (count(checks, v) for v in (Verdict.FAIL, Verdict.WARN, Verdict.SKIP))
    counts = ((failed, "failed"), (warned, "to look at"), (left, "not made"))
    told = ", ".join(f"{number} {word}" for number, word in counts if number)
    return f"{plural(len(checks), 'check')}: {told or 'all is fine'}."


def checks_json(checks: Sequence[Check], numbers: Numbers) -> str:
    """Return ``{"format_version", "summary": {verdict: count}, "checks": [CHECK]}``.

    A CHECK is ``{"verdict", "subject", "told", "remedy"}``.
    """
    require_masked(numbers, "JSON")
    data = {
        "summary": {verdict.value: count(checks, verdict) for verdict in Verdict},
        "checks": [
            {"verdict": one.verdict.value, "subject": one.subject, "told": one.told, "remedy": one.remedy}
            for one in checks
        ],
    }
    whole = {"format_version": FORMAT_VERSION, **masked(data, numbers)}
    return json.dumps(whole, indent=2, sort_keys=True)
