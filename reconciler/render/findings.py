"""Diagnostics → JSON or markdown, for machines and pull requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.diagnostics import Diagnostic


def findings(diagnostics: Sequence[Diagnostic], form: str) -> str:
    """Return diagnostics in the `form` asked for: ``json`` or ``markdown``."""
    return _markdown(diagnostics) if form == "markdown" else _json(diagnostics)


def _json(diagnostics: Sequence[Diagnostic]) -> str:
    data = {"format_version": "1.0", "diagnostics": [finding_data(one) for one in diagnostics]}
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False)


def finding_data(one: Diagnostic) -> dict[str, Any]:
    """Return one diagnostic as JSON data."""
    return {
        "severity": one.severity.value,
        "summary": one.summary,
        "detail": one.detail,
        "address": str(one.address) if one.address else None,
        "file": one.place.file if one.place else None,
        "line": one.place.line if one.place else None,
        "column": one.place.column if one.place else None,
    }


def _markdown(diagnostics: Sequence[Diagnostic]) -> str:
    if not diagnostics:
        return "### reconciler validate\n\nThe specs are valid."
    lines = [f"{one.place or one.address or ''}: {one.severity.value}: {one.summary}" for one in diagnostics]
    longest = max((len(run) for line in lines for run in line.split("`") if not run), default=0)
    fence = "`" * max(3, longest + 4)
    return "\n".join(["### reconciler validate", "", fence, *lines, fence])
