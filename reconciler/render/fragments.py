"""Text from anywhere → pieces of GitHub markdown in which nothing is markup, a mention or a reference.

GitHub looks for `@name`, `#12`, shas and emoji after it has parsed entities and escapes, but never inside
code: so whatever we did not write ourselves stands in a code span, a `code` element or a fence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPECIAL = re.compile(r"[^\w ,/-]|_")


def code(text: str) -> str:
    """Return visible `text` as code within a line, also within a cell of a table."""
    if not text or text != text.strip() or re.search(r"[`|\\]", text):
        return html_code(text)
    return f"`{text}`"


def html_code(text: str) -> str:
    """Return visible `text` as a `code` element, which reads the same inside html and inside markdown."""
    return f"<code>{_SPECIAL.sub(lambda found: f'&#{ord(found[0])};', text)}</code>"


def fenced(language: str, lines: Sequence[str]) -> str:
    """Return visible `lines` in a fence that is longer than every run of backticks in them."""
    runs = (len(run) for line in lines for run in re.findall("`+", line))
    fence = "`" * max(3, 1 + max(runs, default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def details(summary: str, body: str) -> str:
    """Return what a reader can unfold; `summary` is html."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def row(cells: Sequence[str]) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(cells)} |"
