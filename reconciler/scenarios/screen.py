"""The threads of a handset, as the emulator tells them → what arrived, what did not, and lines to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.render.visible import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ARRIVED = ("delivered", "read")
_REFUSED = ("failed", "undelivered")
_WORDS = {
    **dict.fromkeys(_ARRIVED, ("got", "arrived")),
    **dict.fromkeys(_REFUSED, ("missed", "refused")),
    "received": ("wrote", "sent"),
}
"""What a handset did with a message, and what became of it; what is not here is under way."""
_WAITS = ("awaits", "waiting")
_REPLY = "keyword_reply"
"""What Twilio itself answers STOP, START and HELP: of no conversation, and in words that nobody promises."""
_SHOWN = 12
"""How many messages of a thread are shown, the latest ones."""

Row = dict[str, Any]


def arrived(threads: list[Row], sender: str) -> list[Row]:
    """Return what came onto a handset in one thread, in order."""
    return [row for row in _received(threads, sender) if row["status"] in _ARRIVED]


def refused(threads: list[Row], sender: str) -> list[Row]:
    """Return what should have come in one thread and was refused on its way, in order."""
    return [row for row in _received(threads, sender) if row["status"] in _REFUSED]


def waiting(threads: list[Row], sender: str) -> list[Row]:
    """Return what is under way to a handset in one thread, in order."""
    return [row for row in _received(threads, sender) if row["status"] not in _WORDS]


def _received(threads: list[Row], sender: str) -> Iterator[Row]:
    messages = (row for one in threads if one["sender"] == sender for row in one["messages"])
    return (row for row in messages if row["direction"] == "received" and row["reason"] != _REPLY)


def media_names(row: Row) -> list[str]:
    """Return the names of what is attached to a message."""
    return [one["filename"] or "" for one in row["media"]]


def described(row: Row, named: Callable[[str], str]) -> str:
    """Return a received message in words."""
    words = [_content(row), f"from {named(row['from'])}"]
    if row["error_code"]:
        words.append(f"refused with {row['error_code']}")
    return ", ".join(words)


def lines(threads: list[Row], named: Callable[[str], str]) -> Iterator[str]:
    """Yield what a handset shows, thread by thread: when, who, what, and what became of it."""
    if not threads:
        yield "  nothing"
    for thread in threads:
        messages = thread["messages"]
        yield f"  with {named(thread['sender'])}: {'' if messages else 'nothing'}".rstrip()
        if len(messages) > _SHOWN:
            yield f"    … {len(messages) - _SHOWN} earlier"
        for row in messages[-_SHOWN:]:
            deed, state = _WORDS.get(row["status"], _WAITS)
            why = f": {row['explanation']}" if row["explanation"] else ""
            code = f" {row['error_code']}" if row["error_code"] else ""
            yield f"    {row['date']}  {deed:<6}  {_content(row)}  {state}{code}{why}"


def _content(row: Row) -> str:
    text = quoted(row["body"]) if row["body"] is not None else ""
    template = f"template {row['content_sid']}" if row["content_sid"] and not text else ""
    files = f"[{', '.join(media_names(row))}]" if row["media"] else ""
    return " ".join(word for word in (text, template, files) if word) or '""'
