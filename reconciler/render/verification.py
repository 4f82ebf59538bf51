"""What a verification found → lines of text, or JSON. Answers come scrubbed, and are masked here."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.render.json import FORMAT_VERSION, masked
from reconciler.render.numbers import require_masked
from reconciler.render.outline import plural
from reconciler.render.text import Line, Tone
from reconciler.render.values import Words
from reconciler.verifying import STATUSES, UNASKED, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reconciler.render.numbers import Numbers
    from reconciler.verifying import Finding, Leftover, Probe, Unasked, Verification

NO_SWITCH = "no switch has this answer: a gap of the emulator"
STATUS = "which status a code comes with is written in the emulator's errors.py; status_seed draws others"
_SIGNS = {Verdict.AGREES: "agree", Verdict.DIFFERS: "differ", Verdict.UNSEEN: "could not be asked"}


def verification_lines(
    found: Verification, left_out: Sequence[Probe], throttled: Sequence[str], numbers: Numbers
) -> list[Line]:
    """Return a line for each group, then what differs, what could not be asked, and what is never asked.

    `left_out` are probes that were not carried out, `throttled` the Retry-After of each 429 that was met.
    """
    words = Words(numbers)
    lines = [*_groups(found.findings), Line("")]
    lines += _differing(found.findings, words)
    lines += _unseen(found.findings, words)
    lines += _unasked(left_out)
    if throttled:
        lines.append(Line(_throttling(throttled)))
    return [*lines, Line(_summed(found), Tone.TITLE)]


def _groups(findings: Iterable[Finding]) -> Iterator[Line]:
    """Yield how each group of probes came out, in a line."""
    counts: dict[str, Counter[Verdict]] = {}
    for one in findings:
        counts.setdefault(one.probe.group, Counter())[one.verdict] += 1
    width = max(len(group) for group in counts)
    for group, verdicts in counts.items():
        told = ", ".join(f"{verdicts[one]} {word}" for one, word in _SIGNS.items() if verdicts[one])
        tone = Tone.WARN if verdicts[Verdict.DIFFERS] else Tone.PLAIN
        yield Line(f"{group:<{width}}  {told}", tone)


def _differing(findings: Iterable[Finding], words: Words) -> Iterator[Line]:
    for one in findings:
        if one.verdict is not Verdict.DIFFERS:
            continue
        yield Line(f"{one.probe.name}: {one.probe.asks}{_facts(one.probe)}", Tone.WARN)
        if one.probe is STATUSES:
            yield Line(f"    {STATUS}", Tone.NOTE)
        elif one.answers:
            yield Line(f"    agrees under {', '.join(one.answers)}", Tone.NOTE)
        for each in one.differences:
            yield Line(f"    {words.text(each.where)}")
            yield Line(f"        Twilio    {words.text(_spelled(each.twilio))}")
            yield Line(f"        emulator  {words.text(_spelled(each.emulator))}")
            if one.probe is not STATUSES and not one.answers:
                told = ", ".join(each.answers)
                yield Line(f"        {'agrees under ' + told if told else NO_SWITCH}", Tone.NOTE)
        yield Line("")


def _unseen(findings: Iterable[Finding], words: Words) -> Iterator[Line]:
    unseen = [one for one in findings if one.verdict is Verdict.UNSEEN]
    if not unseen:
        return
    yield Line("Could not be asked:", Tone.TITLE)
    for one in unseen:
        yield Line(f"    {one.probe.name}: {words.text(one.why)}", Tone.WARN)
    yield Line("")


def _unasked(left_out: Sequence[Probe]) -> Iterator[Line]:
    yield Line("Not asked:", Tone.TITLE)
    for one in left_out:
        yield Line(f"    {one.name}, because it {one.costly}: --thorough asks it", Tone.NOTE)
    for other in UNASKED:
        yield Line(f"    {', '.join(other.names)}{_facts(other)}, because {other.because}", Tone.NOTE)
    yield Line("")


def _facts(probe: Probe | Unasked) -> str:
    return f" (open question {probe.facts})" if probe.facts else ""


def _spelled(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _throttling(throttled: Sequence[str]) -> str:
    told = sorted({one or "without Retry-After" for one in throttled})
    return f"429 was met {plural(len(throttled), 'time')}: {', '.join(told)}"


def _summed(found: Verification) -> str:
    differ, unseen = found.count(Verdict.DIFFERS), found.count(Verdict.UNSEEN)
    told = [f"{differ} answered differently"] if differ else []
    told += [f"{unseen} could not be asked"] if unseen else []
    return f"{plural(len(found.findings), 'probe')}: {', '.join(told) or 'all agree'}."


def leftover_lines(left: Iterable[Leftover], numbers: Numbers) -> list[Line]:
    """Return what a run could not take away, each with its sid and the reason."""
    words = Words(numbers)
    return [
        Line(f"    {' '.join(filter(None, (one.kind, one.sid)))}: {words.text(one.why)}", Tone.ERROR)
        for one in left
    ]


def verification_json(
    found: Verification, left_out: Sequence[Probe], throttled: Sequence[str], numbers: Numbers
) -> str:
    """Return ``{"format_version", "summary": {verdict: count}, "probes": [PROBE], "not_asked", …}``.

    A PROBE is ``{"name", "asks", "settles", "facts", "verdict", "why", "differences": [DIFFERENCE]}``, a
    DIFFERENCE ``{"where", "twilio", "emulator", "answers"}``.
    """
    require_masked(numbers, "JSON")
    data = {
        "summary": {verdict.value: found.count(verdict) for verdict in Verdict},
        "probes": [_probe_data(one) for one in found.findings],
        "not_asked": [
            *({"names": [one.name], "because": one.costly} for one in left_out),
            *({"names": list(one.names), "because": one.because} for one in UNASKED),
        ],
        "throttled": list(throttled),
    }
    return json.dumps({"format_version": FORMAT_VERSION, **masked(data, numbers)}, indent=2, sort_keys=True)


def _probe_data(one: Finding) -> dict[str, Any]:
    differences = [
        {"where": each.where, "twilio": each.twilio, "emulator": each.emulator, "answers": list(each.answers)}
        for each in one.differences
    ]
    probe = one.probe
    asked = {"name": probe.name, "asks": probe.asks, "settles": list(probe.settles), "facts": probe.facts}
    return {**asked, "verdict": one.verdict.value, "why": one.why, "differences": differences}


def record_json(found: Verification, numbers: Numbers) -> str:
    """Return what the account answered, to be kept or passed on: no sid, number or name is in it.

    It is ``{"format_version", "seen": {probe: answers}, "unseen": {probe: reason}, "statuses"}``.
    """
    require_masked(numbers, "JSON")
    reading = found.reading
    data = {"seen": dict(reading.seen), "unseen": dict(reading.unseen), "statuses": dict(reading.statuses)}
    return json.dumps({"format_version": FORMAT_VERSION, **masked(data, numbers)}, indent=2, sort_keys=True)
