"""What a stack has written down about itself → lines of text, or JSON: the lease, and the last applies.

Who holds a lease is written by other machines: all of it goes through Words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.render.listing import columns, dumped, where
from reconciler.render.outline import plural
from reconciler.render.text import Line, Tone
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.model import Target
    from reconciler.record.contents import Apply, Held
    from reconciler.record.documents import Seen
    from reconciler.render.numbers import Numbers

_SHORT = 16
"""How much of a commit or digest names it to a person."""


def holder_text(held: Held, words: Words) -> str:
    """Return who holds a lease: ``ann@desk, process 4711 (run kdjfeoab)``."""
    return words.text(f"{held.who} (run {held.run})", 200)


# --- the lease ---------------------------------------------------------------------------------------------


def lock_lines(seen: Seen | None, target: Target, numbers: Numbers) -> list[Line]:
    """Return who holds the lease, where the record is, and what is unfinished."""
    words = Words(numbers)
    rows = [*_lock_rows(seen, words)]
    table = [Line(text) for text in columns("  ", rows)]
    held = seen.record.lease if seen else None
    end = f"The lease is held by {holder_text(held, words)}." if held else "No lease is held."
    return [Line(where(target, words), Tone.TITLE), Line(""), *table, Line(""), Line(end, Tone.TITLE)]


def _lock_rows(seen: Seen | None, words: Words) -> Iterator[tuple[str, str]]:
    if seen is None:
        yield "Record", "none yet: the first apply makes it"
        return
    record = seen.record
    yield "Record", f"document {words.text(seen.sid)} in the Sync service {words.text(seen.service_sid)}"
    yield "Revision", words.text(seen.revision)
    if record.stack_id:
        yield "Id", words.text(record.stack_id)
    if record.lease:
        yield "Duration", f"{record.lease.duration_s:g} s after each sign of life of its holder"
    if record.open:
        yield "Unfinished", f"the apply of digest {_short(record.open.digest, words)}"


def lock_json(seen: Seen | None, target: Target, numbers: Numbers) -> str:
    """Return ``{"format_version", "target", "document", "stack_id", "lease", "open"}``.

    A document is ``{"sid", "service_sid", "revision"}``, a lease ``{"who", "run", "duration_s"}``, what is
    open ``{"digest"}``; null where there is none.
    """
    record = seen.record if seen else None
    held, unfinished = (record.lease, record.open) if record else (None, None)
    data = {
        "document": seen
        and {name: numbers.mask(getattr(seen, name)) for name in ("sid", "service_sid", "revision")},
        "stack_id": numbers.mask(record.stack_id) if record else "",
        "lease": held and _held_data(held, numbers),
        "open": unfinished and {"digest": numbers.mask(unfinished.digest)},
    }
    return dumped(data, target, numbers)


def _held_data(held: Held, numbers: Numbers) -> dict[str, Any]:
    return {"who": numbers.mask(held.who), "run": numbers.mask(held.run), "duration_s": held.duration_s}


def release_lines(seen: Seen | None, numbers: Numbers) -> list[Line]:
    """Return whose lease was freed; `seen` is the record before."""
    held = seen.record.lease if seen else None
    if held is None:
        return [Line("No lease is held: there is nothing to free.")]
    return [Line(f"Freed the lease of {holder_text(held, Words(numbers))}.")]


def release_json(seen: Seen | None, target: Target, numbers: Numbers) -> str:
    """Return ``{"format_version", "target", "released": {"who", "run", "duration_s"} or null}``."""
    held = seen.record.lease if seen else None
    return dumped({"released": held and _held_data(held, numbers)}, target, numbers)


# --- the history -------------------------------------------------------------------------------------------


def history_lines(seen: Seen | None, target: Target, numbers: Numbers) -> list[Line]:
    """Return the last applies, the latest first."""
    words = Words(numbers)
    applies = _latest_first(seen)
    table = [Line(text) for text in columns("  ", [[*_apply_cells(one, words)] for one in applies])]
    said = plural(len(applies), "apply") if len(applies) == 1 else f"{len(applies) or 'No'} applies"
    title = [Line(where(target, words), Tone.TITLE), Line("")]
    return [*title, *table, *([Line("")] if table else []), Line(f"{said} on record.", Tone.TITLE)]


def _latest_first(seen: Seen | None) -> list[Apply]:
    return [*reversed(seen.record.applies)] if seen else []


def _apply_cells(one: Apply, words: Words) -> Iterator[str]:
    yield words.text(one.at)
    yield words.text(one.result)
    yield words.text(", ".join(f"{count:,} {name}" for name, count in one.counts.items() if count))
    yield words.text(one.who)
    yield f"commit {_short(one.commit, words)}" if one.commit else ""
    yield f"digest {_short(one.digest, words)}" if one.digest else ""


def _short(digest: str, words: Words) -> str:
    return words.text(digest)[:_SHORT]


def history_json(seen: Seen | None, target: Target, numbers: Numbers) -> str:
    """Return ``{"format_version", "target", "applies": [APPLY]}``, the latest first.

    An APPLY is ``{"who", "at", "commit", "digest", "result", "counts": {action: count}}``.
    """
    return dumped({"applies": [_apply_data(one, numbers) for one in _latest_first(seen)]}, target, numbers)


def _apply_data(one: Apply, numbers: Numbers) -> dict[str, Any]:
    texts = {name: getattr(one, name) for name in ("who", "commit", "digest", "result")}
    masked = {name: numbers.mask(text) for name, text in texts.items()}
    counts = {numbers.mask(name): count for name, count in one.counts.items()}
    return {**masked, "at": numbers.mask(one.at), "counts": counts}
