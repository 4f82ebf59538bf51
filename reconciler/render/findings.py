"""Diagnostics → JSON or markdown, for machines and pull requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.render.fragments import fenced
from reconciler.render.numbers import require_masked
from reconciler.render.values import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.diagnostics import Diagnostic
    from reconciler.render.numbers import Numbers


def findings(diagnostics: Sequence[Diagnostic], form: str, numbers: Numbers) -> str:
    """Return diagnostics in the `form` asked for, ``json`` or ``markdown``. Both are made to be shared."""
    require_masked(numbers, form)
    words = Words(numbers)
    return _markdown(diagnostics, words) if form == "markdown" else _json(diagnostics, words)


def _json(diagnostics: Sequence[Diagnostic], words: Words) -> str:
    found = [finding_data(one, words) for one in diagnostics]
    return json.dumps({"format_version": "1.0", "diagnostics": found}, indent=2, sort_keys=True)


def finding_data(one: Diagnostic, words: Words) -> dict[str, Any]:
    """Return one diagnostic as JSON data."""
    return {
        "severity": one.severity.value,
        "summary": words.text(one.summary),
        "detail": words.text(one.detail),
        "address": words.address(one.address) if one.address else None,
        "file": one.place.file if one.place else None,
        "line": one.place.line if one.place else None,
        "column": one.place.column if one.place else None,
    }


def _markdown(diagnostics: Sequence[Diagnostic], words: Words) -> str:
    if not diagnostics:
        return "### reconciler validate\n\nThe specs are valid."
    lines = [
        words.text(f"{one.place or one.address or ''}: {one.severity.value}: {one.summary}")
        for one in diagnostics
    ]
    return "\n".join(["### reconciler validate", "", fenced("", lines)])
