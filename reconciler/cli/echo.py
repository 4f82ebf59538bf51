"""Lines with a tone → the terminal; diagnostics → standard error; errors → an exit code.

Results go to standard output, what is only said on the way (progress, problems, questions) to standard error.
Nobody has to listen: where a stream cannot be written (its reader went away, the disk is full, it was closed)
what is said there is lost, work goes on, and `lost_output` tells at the end.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, cast

import click

from reconciler.cli.stopping import at_once
from reconciler.diagnostics import ExitCode, Severity
from reconciler.render.problems import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from reconciler.diagnostics import Diagnostic
    from reconciler.render.numbers import Numbers
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
CLOSED = "it is closed"
UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EBADF, errno.EIO)
"""How writing to a standard stream fails."""


@dataclass
class _Stream:
    """A standard stream that swallows what cannot be written, and knows why."""

    err: bool
    lost: str = ""
    """Why something said here was lost; '' while nothing was."""
    gone: bool = False
    """Whether nobody reads it any more, which is the reader's own choice."""

    @property
    def raw(self) -> IO[str] | None:
        """The stream itself; None where the process was started without it."""
        return sys.stderr if self.err else sys.stdout

    @property
    def encoding(self) -> str:
        """What the stream writes text in."""
        return getattr(self.raw, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether a person sees it."""
        try:
            return self.raw is not None and self.raw.isatty()
        except ValueError:  # it was closed
            return False

    def write(self, text: str) -> int:
        """Write `text`, or remember that it is lost. What its encoding lacks is written as escapes."""
        raw = self.raw
        if self.lost or raw is None:
            self.lost = self.lost or CLOSED
            return len(text)
        try:
            raw.write(text)
            raw.flush()
        except UnicodeEncodeError:
            return self.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
        except (OSError, ValueError) as fault:
            self.lose(fault)
        return len(text)

    def flush(self) -> None:
        """Do nothing: every write is flushed."""

    def lose(self, fault: OSError | ValueError) -> None:
        """Give the stream up because of `fault`."""
        self.lost = (fault.strerror or str(fault)).lower() if isinstance(fault, OSError) else CLOSED
        self.gone = isinstance(fault, OSError) and fault.errno == errno.EPIPE
        # What is left in its buffer would fail once more when the interpreter ends.
        with suppress(OSError, ValueError, AttributeError):
            if self.raw is not None:
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.raw.fileno())


@dataclass
class _Streams:
    out: _Stream = field(default_factory=lambda: _Stream(err=False))
    err: _Stream = field(default_factory=lambda: _Stream(err=True))


_streams = _Streams()


def begin() -> None:
    """Forget what was lost before: one run of the command line begins."""
    _streams.out, _streams.err = _Stream(err=False), _Stream(err=True)


def _stream(*, err: bool) -> _Stream:
    return _streams.err if err else _streams.out


def say(text: str, *, err: bool = False, fg: str | None = None, bold: bool = False, end: str = "\n") -> None:
    """Print a text, coloured where a terminal shows colour and NO_COLOR is not set."""
    stream = _stream(err=err)
    coloured = (fg or bold) and stream.isatty() and not os.environ.get("NO_COLOR")
    stream.write((click.style(text, fg=fg, bold=bold or None) if coloured else text) + end)


def show(lines: Iterable[Line], *, err: bool = False) -> None:
    """Print lines, coloured by their tone."""
    for line in lines:
        say(line.text, err=err, fg=_COLOURS.get(line.tone.value), bold=line.tone.value == "title")


def tell(title: str, lines: Sequence[Line], data: str, form: str) -> ExitCode:
    """Print a result in the form asked for: its lines, their Markdown below `title`, or its JSON `data`."""
    from reconciler.render.listing import in_markdown

    if form == "text":
        show(lines)
    else:
        say(data if form == "json" else in_markdown(title, lines))
    return delivered(ExitCode.FINE)


@contextmanager
def progress(total: int, *, err: bool = False) -> Iterator[Callable[[Line], None]]:
    """Give a way to show lines as work goes on; on a terminal with a bar below that counts to `total`."""
    stream = _stream(err=err)
    if not stream.isatty():
        yield lambda line: show([line], err=err)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
    from rich.text import Text

    # rich asks of a file no more than a _Stream can do, and keeps its hands off the streams behind it.
    console = Console(file=cast("IO[str]", stream), highlight=False, soft_wrap=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task("", total=total)

        def tell(line: Line) -> None:
            console.print(Text(line.text, style=_COLOURS.get(line.tone.value, "")))
            bar.advance(task)

        yield tell


def show_problems(
    found: Sequence[Diagnostic], sources: Mapping[str, tuple[str, ...]], numbers: Numbers
) -> None:
    """Print diagnostics, each with the line it is about."""
    if found:
        worst = "red" if has_errors(found) else "yellow"
        say(problems(found, sources, numbers), err=True, fg=worst)


def is_private(*, err: bool = False) -> bool:
    """Whether only the person at the terminal sees what is printed there."""
    return _stream(err=err).isatty()


def has_errors(found: Iterable[Diagnostic]) -> bool:
    """Whether any diagnostic stops its address."""
    return any(one.severity is Severity.ERROR for one in found)


def confirm(question: str) -> bool:
    """Ask, on a terminal; without one nobody can consent, and the answer is no."""
    if sys.stdin is None or not sys.stdin.isatty():
        say("error: nobody is here to ask; consent with --yes.", err=True)
        return False
    answer = ""
    with suppress(KeyboardInterrupt), at_once():
        # Not click's prompt: it also writes to standard output, where perhaps nobody listens.
        say(f"{question}\nOnly 'yes' goes on: ", err=True, end="")
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        say("", err=True)
    return answer.strip() == "yes"


# --- the end -----------------------------------------------------------------------------------------------


def lost_output() -> str:
    """Return why results were lost; '' where all could be written, or whoever read them had enough."""
    return "" if _streams.out.gone else _streams.out.lost


def could_not_write(fault: OSError) -> ExitCode:
    """Note that standard output was lost to somebody else, and return what that makes of the command."""
    _streams.out.lose(fault)
    return ExitCode.FINE if _streams.out.gone else ExitCode.ERROR


def delivered(code: ExitCode) -> ExitCode:
    """Return the exit code of a command that does nothing but tell: what could not be told is an error."""
    told = code not in (ExitCode.FINE, ExitCode.CHANGES) or not lost_output()
    return code if told else ExitCode.ERROR
