"""Answers → what two accounts can be compared by: no sids, dates, numbers or names, only what they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.verifying.asking import Answer

PREFIX = "reconciler-verify-"
OURS = re.compile(PREFIX + r"[0-9a-f]{1,12}-.*")
"""The name of something that a run has made."""
ABSENT = "(absent)"
_SCRUBS = (
    (re.compile(r"\b([A-Z]{2})[0-9a-f]{32}\b"), r"<\1>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<date>"),
    (re.compile(PREFIX + r"[0-9a-f]+-"), "<run>-"),
    (re.compile(r"(?:\+|%2B)\d{7,15}"), "<number>"),
    (re.compile(r"PageToken=[^&]+"), "PageToken=<token>"),
)


def scrubbed(value: Any) -> Any:
    """Return a JSON value without what differs from account to account and from run to run."""
    if isinstance(value, str):
        for pattern, placeholder in _SCRUBS:
            value = pattern.sub(placeholder, value)
        return value
    if isinstance(value, list):
        return [scrubbed(one) for one in value]
    if isinstance(value, dict):
        return {str(scrubbed(name)): scrubbed(one) for name, one in value.items()}
    return value


def said(answer: Answer) -> str:
    """Return what was said to a call in one word: the status of what was done, the code of a refusal."""
    if answer.is_done or not answer.code:
        return f"HTTP {answer.status}"
    return str(answer.code)


def body(answer: Answer, *but: str) -> dict[str, Any]:
    """Return an answer whole: what was said, and its body without the fields named (dotted)."""
    shown: dict[str, Any] = scrubbed(answer.row)
    for path in but:
        *above, last = path.split(".")
        place: Any = shown
        for name in above:
            place = place.get(name) or {}
        place.pop(last, None)
    return {"said": said(answer), "body": shown}


def differences(left: Any, right: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (where, left, right) for each smallest part in which two JSON values differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in sorted({*left, *right}):
            below = f"{where}.{name}" if where else name
            yield from differences(left.get(name, ABSENT), right.get(name, ABSENT), below)
    elif left != right or type(left) is not type(right):
        yield where, left, right


def at(value: Any, where: str) -> Any:
    """Return the part of a JSON value that `differences` named; ABSENT where there is none."""
    if not where or not isinstance(value, dict):
        return value if not where else ABSENT
    for name in sorted(value, key=len, reverse=True):
        if where == name:
            return value[name]
        if where.startswith(f"{name}."):
            return at(value[name], where[len(name) + 1 :])
    return ABSENT
