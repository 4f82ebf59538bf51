"""`export`: a live service, or chosen conversations of it, as specs with the lines that adopt them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import delivered, say, show_problems
from reconciler.cli.options import empty_specs, place_options, settings_of, stack_name
from reconciler.cli.privacy import shown_numbers
from reconciler.cli.stopping import run_stoppable
from reconciler.cli.writing import PRIVATE, write_whole
from reconciler.diagnostics import ExitCode, ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.options import Settings
    from reconciler.export import Export
    from reconciler.workflow import Specs

PORT = 8010
"""Where `reconciler emulator` listens unless told otherwise."""


@click.command()
@click.argument("conversation", nargs=-1)
@click.option(
    "--service", default="default", show_default=True, metavar="NAME", help="The service, by name or sid."
)
@click.option(
    "--stack", default="exported", show_default=True, metavar="NAME", help="What the new stack is called."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="-",
    metavar="FILE",
    help="Write to a file that only you can read, instead of standard output.",
)
@click.option("--force", is_flag=True, help="Let --out overwrite a file.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=".",
    metavar="PATH",
    help="With --local: the stack's folder whose emulator is meant, this one if left out.",
)
@place_options
def export(conversation: tuple[str, ...], **options: Any) -> int:
    """Write a live service as specs, with the `adopted:` lines that take it over. Only reads.

    CONVERSATION is a sid, a unique name or a glob of unique names; without any, all that are open and that no
    other stack owns. The plan of what is written shows adoptions and nothing else; what specs cannot say is
    told on standard error.

    The result is private: it holds phone numbers, and urls with whatever secrets are in them.
    """
    beside = {"variables": (), "files": (), "environment": "", "form": "text", "path": options["folder"]}
    settings = settings_of({**options, **beside})
    if settings.local:
        _check_world(settings.path)
    out = None if str(options["out"]) == "-" else options["out"]
    if out is not None and not options["force"]:
        _check_free(out)
    name = stack_name(options["stack"], "--stack")
    frame = empty_specs(settings.path, name, options["service"])
    work = _export(settings, frame, conversation, out)
    return run_stoppable(work)


async def _export(settings: Settings, frame: Specs, wanted: tuple[str, ...], out: Path | None) -> ExitCode:
    from reconciler.cli.target import open_door
    from reconciler.export import export as take

    stack = frame.stack
    async with open_door(settings, frame) as door:
        found = await take(door.gateway, stack=stack.owner.stack, service=stack.service, wanted=wanted)
    show_problems(found.diagnostics, {}, shown_numbers(door.numbers, err=True))
    if out is None:
        say(found.text, end="")
    else:
        write_whole(out, found.text, PRIVATE, "Choose another place: --out FILE")
    _tell(found, out, settings)
    return delivered(ExitCode.FINE)


def _tell(found: Export, out: Path | None, settings: Settings) -> None:
    counts = ", ".join(f"{many} {kind}{'s' * (many != 1)}" for kind, many in found.counts.items())
    where = f" to {out}, which only you can read" if out else ""
    say(f"Exported {counts or 'nothing'}{where}.", err=True)
    if out:
        say(f"Next: {_next(settings, out)}", err=True)


def _next(settings: Settings, out: Path) -> str:
    """Return the command that shows the plan of the new file, for the same account.

    The emulator of a folder is that of the files in it; for a file elsewhere it has to be served.
    """
    words = ["reconciler", "plan", str(out)]
    words += ["--endpoint", settings.endpoint] if settings.endpoint else []
    words += ["--profile", settings.profile] if settings.profile else []
    if not settings.local:
        return shlex.join(words)
    if out.resolve().parent == settings.path.resolve():
        return shlex.join([*words, "--local"])
    serve = shlex.join(["reconciler", "emulator", str(settings.path), "--port", str(PORT)])
    return f"{serve}, and then {shlex.join([*words, '--endpoint', f'http://127.0.0.1:{PORT}'])}"


def _check_world(folder: Path) -> None:
    """Raise ReconcilerError where a folder has no emulator yet: there is nothing to export, and no slip."""
    from reconciler.emulator.place import FOLDER

    if not (folder / FOLDER).is_dir():
        raise ReconcilerError(
            f"{folder} has no emulator's world to export",
            "Name the stack's folder, where `apply --local` made one: --folder PATH",
        )


def _check_free(out: Path) -> None:
    if out.exists() or out.is_symlink():
        raise ReconcilerError(f"{out} exists already", "Choose another name, or overwrite it with --force.")
