"""All about one address → lines of text, or JSON; first of all why it is touched, or why it is not.

Names and attributes of live rows are written by strangers: all of them go through Words.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.kinds import mark as marks
from reconciler.model import Action, Cause, Change
from reconciler.render import outline
from reconciler.render.json import plan_json
from reconciler.render.listing import columns, dumped, owner_data, where
from reconciler.render.text import TONES, Line, Tone, rows
from reconciler.render.values import Words, secrets_in

if TYPE_CHECKING:
    from reconciler.model import Fields
    from reconciler.render.numbers import Numbers
    from reconciler.subject import Subject

_VERBS = {
    Action.CREATE: "created",
    Action.ADOPT: "adopted",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.MOVE: "moved",
    Action.CLOSE: "closed",
    Action.DELETE: "deleted",
    Action.RELEASE: "released",
    Action.SEND: "sent",
}
_WHO = {
    Cause.YOU: "you changed",
    Cause.THEY: "others changed",
    Cause.BOTH: "you and others changed",
    None: "nobody can tell who changed",
}


def subject_lines(subject: Subject, numbers: Numbers) -> list[Line]:
    """Return why an address is touched or not, then what the specs, the live row and its mark say of it."""
    words = Words(numbers, secrets_in(subject.planned.plan))
    change = subject.change
    tone = Tone.ERROR if subject.problems else TONES[change.action] if change else Tone.PLAIN
    lines = [Line(f"{words.address(subject.address)}, {where(subject.target, words)}", Tone.TITLE), Line("")]
    lines += [Line(reason(subject, words), tone), Line("")]
    for title, table in (_specs(subject, words), _live(subject, words), _mark(subject, words)):
        lines += [Line(title), *(Line(text) for text in columns("    ", table))]
    if change and change.live and change.edits:
        differences = [[f"{name}:", value] for name, value in rows(change, words)]
        lines += [Line("Differences, live → specs:"), *map(Line, columns("    ", differences))]
    return lines


def _specs(subject: Subject, words: Words) -> tuple[str, list[list[str]]]:
    wanted = subject.wanted
    if wanted is None:
        return "Not in the specs.", []
    handling = [(name, value) for name, value in wanted.policy.items() if value]
    return f"In the specs{words.text(f' ({wanted.place})') if wanted.place else ''}:", [
        *_pairs(wanted.fields, words),
        *(
            [f"{words.path(p)}:", f"{words.value(v)} (at creation only)"]
            for p, v in wanted.at_creation.items()
        ),
        *([f"{words.text(name)}:", words.value(value)] for name, value in handling),
    ]


def _live(subject: Subject, words: Words) -> tuple[str, list[list[str]]]:
    row = subject.live
    if row is None or row.live is None:
        return "Not there.", []
    known = [row.live.sid, row.live.state, row.live.created and f"created {row.live.created}"]
    rest = ", ".join(words.path(path) for path in subject.unmanaged)
    return f"There: {words.text(', '.join(filter(None, known)))}", [
        *_pairs(row.fields, words),
        *([["not managed:", rest]] if rest else []),
    ]


def _pairs(fields: Fields, words: Words) -> list[list[str]]:
    return [[f"{words.path(path)}:", words.value(fields[path])] for path in sorted(fields)]


def _mark(subject: Subject, words: Words) -> tuple[str, list[list[str]]]:
    mark = subject.live.live.mark if subject.live and subject.live.live else None
    if subject.recorded:
        return f"Mark: {words.text(f'that of {subject.address.parent} records it as {subject.recorded}')}", []
    if mark is None:
        return "No mark.", []
    if mark.newer:
        return "Mark: of a newer version of reconciler.", []
    title = f"Mark: of stack {outline.owner(mark.owner, words)}, key {words.text(mark.key)}"
    flags = [name for name in ("closing", "protected") if getattr(mark, name)]
    told = {
        "last set:": ", ".join(words.text(name) for name in sorted(mark.fields) if name != marks.WHOLE),
        "names:": ", ".join(words.text(name) for name in sorted(mark.children)),
        "says:": ", ".join(flags),
        "succeeds:": words.text(mark.predecessor),
    }
    return title, [[name, value] for name, value in told.items() if value]


def subject_json(subject: Subject, numbers: Numbers) -> str:
    """Return all about one address; ``change`` and ``diagnostics`` read as in the JSON of a plan.

    What is not there is null::

        {"format_version", "target", "address", "touched", "why", "change", "diagnostics",
         "specs": {"place", "fields", "at_creation", "handling"},
         "live": {"sid", "state", "created", "fields", "unmanaged": [path]},
         "mark": {"owner", "key", "is_ours", "set": [path], "names", "closing", "protected", "newer"}
                 or, where it stands in the mark of its parent, {"recorded_in", "sid"}}
    """
    data = json.loads(plan_json(subject.planned, numbers))
    change = subject.change
    words = Words(numbers, secrets_in(subject.planned.plan))
    told = {
        "address": numbers.mask(str(subject.address)),
        "touched": change is not None and change.action is not Action.NONE,
        "why": reason(subject, words),
        "specs": _specs_data(subject, numbers),
        "live": _live_data(subject, numbers),
        "mark": _mark_data(subject, words),
        "change": next(iter(data["changes"]), None),
        "diagnostics": data["diagnostics"],
    }
    return dumped(told, subject.target, numbers)


def _specs_data(subject: Subject, numbers: Numbers) -> dict[str, Any] | None:
    wanted = subject.wanted
    if wanted is None:
        return None
    place = wanted.place
    return {
        "place": {"file": place.file, "line": place.line, "column": place.column} if place else None,
        "fields": _fields_data(wanted.fields, subject, numbers),
        "at_creation": _fields_data(wanted.at_creation, subject, numbers),
        "handling": dict(wanted.policy),
    }


def _live_data(subject: Subject, numbers: Numbers) -> dict[str, Any] | None:
    row = subject.live
    if row is None or row.live is None:
        return None
    return {
        "sid": row.live.sid,
        "state": row.live.state or None,
        "created": row.live.created or None,
        "fields": _fields_data(row.fields, subject, numbers),
        "unmanaged": [[numbers.mask(name) for name in path] for path in subject.unmanaged],
    }


def _mark_data(subject: Subject, words: Words) -> dict[str, Any] | None:
    mark = subject.live.live.mark if subject.live and subject.live.live else None
    if subject.recorded:
        return {"recorded_in": words.text(str(subject.address.parent)), "sid": words.text(subject.recorded)}
    if mark is None:
        return None
    return {
        "owner": {name: words.text(value) for name, value in owner_data(mark.owner).items()},
        "key": words.text(mark.key),
        "is_ours": subject.is_ours,
        "set": [words.text(name) for name in sorted(mark.fields) if name != marks.WHOLE],
        "names": [words.text(name) for name in sorted(mark.children)],
        "closing": mark.closing,
        "protected": mark.protected,
        "newer": mark.newer,
    }


def _fields_data(fields: Fields, subject: Subject, numbers: Numbers) -> Any:
    """Return ``[{"path", "value": VALUE}]`` as the JSON of a plan writes it: carried by a change of one."""
    carrier = Change(Action.UPDATE, subject.address, at_creation=dict(sorted(fields.items())))
    plan = replace(subject.planned.plan, changes=(carrier,), diagnostics=())
    return json.loads(plan_json(replace(subject.planned, plan=plan), numbers))["changes"][0]["at_creation"]


# --- why it is touched or not ------------------------------------------------------------------------------


def reason(subject: Subject, words: Words) -> str:
    """Return in a sentence or two why an address is touched, or why it is not."""
    if subject.problems:
        one = subject.problems[0]
        where = f"{one.address}: " if one.address and one.address != subject.address else ""
        refusal = " ".join(f"{where}{one.summary}. {one.detail}".split())
        return words.text(f"It is left as it is, because this is refused: {refusal}")
    change = subject.change
    if change is not None and change.action is not Action.NONE:
        return f"It will be {_VERBS[change.action]}: {_because(subject, change, words)}."
    return words.text(_untouched(subject))


def _because(subject: Subject, change: Change, words: Words) -> str:
    why = subject.drift or change.why
    if change.action is Action.CREATE:
        return words.text(why or "the specs want it, and it is not there")
    if change.action in outline.REMOVALS:
        return words.text(why or "it bears our mark, and the specs do not mention it any more")
    parts = [words.text(why)] if why else []
    for cause, says in _WHO.items():
        paths = [words.path(edit.path) for edit in change.edits if edit.cause is cause]
        parts += [f"{says} {', '.join(paths)}"] if paths else []
    if change.action is Action.REPLACE:
        parts.append("that cannot be changed in place, so a new one takes its place")
    return "; ".join(parts)


def _untouched(subject: Subject) -> str:
    """Return why nothing happens to what nothing refuses."""
    above = subject.ended if subject.ended != subject.address else None
    if above is not None:
        return (
            f"It is not touched: it stands in {above}, which is closed, and what is closed takes no change."
        )
    if subject.wanted is None:
        return _unwanted(subject)
    if subject.ended is not None:
        return "It is closed and left so: `on_closed: leave`. What is closed cannot be opened again."
    if subject.live is None:
        return "It is not created again: it was there, and with `once: true` its own handler removes it."
    if subject.change is not None:
        return "It is as the specs say; only the names of what stands in it are written into its mark anew."
    return "It is not touched: it is as the specs say."


def _unwanted(subject: Subject) -> str:
    """Return why nothing happens to what the specs do not mention."""
    live = subject.live.live if subject.live else None
    mark = live.mark if live else None
    if subject.ended is not None and subject.is_ours:
        return "It is not in the specs any more, and it is closed: nothing is left to do."
    if subject.going is not None and subject.is_ours:
        going = subject.going
        return (
            f"It is not in the specs, and {going.address}, where it stands, will be {_VERBS[going.action]}."
        )
    if mark is None:
        return "It is not touched: it is not in the specs and bears no mark, so it belongs to others."
    if mark.newer:
        return "It is not touched: a newer version of reconciler marked it."
    if subject.is_ours:
        return "It is not touched: it bears our mark, but nothing asks for its removal."
    return (
        f"It is not touched: it is not in the specs, and its mark is of stack {mark.owner}, key {mark.key}"
        + (
            "."
            if mark.owner != subject.target.owner
            else ", which does not fit it: a copy, or it was renamed."
        )
    )
