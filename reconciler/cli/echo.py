"""Lines with a tone → the terminal; diagnostics → standard error; errors → an exit code.

Results go to standard output, what is only said on the way (progress, problems, questions) to standard error.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from reconciler.diagnostics import Severity
from reconciler.render.problems import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.diagnostics import Diagnostic, ReconcilerError
    from reconciler.render.text import Line

_COLOURS = {
    "create": "green",
    "update": "yellow",
    "replace": "magenta",
    "remove": "red",
    "warn": "yellow",
    "error": "red",
    "note": "bright_black",
}


def show(lines: Iterable[Line], *, err: bool = False) -> None:
    """Print lines, coloured by their tone where a terminal shows colour."""
    for line in lines:
        bold = line.tone.value == "title"
        click.echo(click.style(line.text, fg=_COLOURS.get(line.tone.value), bold=bold or None), err=err)


@contextmanager
def progress(total: int, *, err: bool = False) -> Iterator[Callable[[Line], None]]:
    """Give a way to show lines as work goes on; on a terminal with a bar below that counts to `total`."""
    if not (sys.stderr if err else sys.stdout).isatty():
        yield lambda line: show([line], err=err)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
    from rich.text import Text

    console = Console(stderr=err, highlight=False, soft_wrap=True)
    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("", total=total)

        def tell(line: Line) -> None:
            console.print(Text(line.text, style=_COLOURS.get(line.tone.value, "")))
            bar.advance(task)

        yield tell


def show_problems(found: Sequence[Diagnostic], sources: Mapping[str, tuple[str, ...]]) -> None:
    """Print diagnostics, each with the line it is about."""
    if found:
        worst = "red" if any(one.severity is Severity.ERROR for one in found) else "yellow"
        click.echo(click.style(problems(found, sources), fg=worst), err=True)


def report(fault: ReconcilerError) -> int:
    """Print what went wrong and return its exit code."""
    show_problems(fault.diagnostics, fault.sources)
    return fault.exit_code


def is_private() -> bool:
    """Whether only the person at the terminal sees standard output."""
    return sys.stdout.isatty()


def has_errors(found: Iterable[Diagnostic]) -> bool:
    """Whether any diagnostic stops its address."""
    return any(one.severity is Severity.ERROR for one in found)


def confirm(question: str) -> bool:
    """Ask, on a terminal; without one nobody can consent, and the answer is no."""
    if not sys.stdin.isatty():
        click.echo("error: nobody is here to ask; consent with --yes.", err=True)
        return False
    answer: str = click.prompt(f"{question}\nOnly 'yes' goes on", default="", show_default=False, err=True)
    return answer.strip() == "yes"
