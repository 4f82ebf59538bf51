"""`init` and `doctor`: a first stack in a folder; what on this machine or in the account is in the way."""

from __future__ import annotations

import os
import platform
import re
import shlex
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import delivered, show, tell
from reconciler.cli.options import empty_specs, input_options, place_options, settings_of, stack_name
from reconciler.cli.privacy import keyed_numbers, numbers_in
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ApiError, ExitCode, ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.cli.options import Settings
    from reconciler.doctor import Check
    from reconciler.gateway import Gateway
    from reconciler.render.text import Line
    from reconciler.stack import Stack
    from reconciler.transport import Transport
    from reconciler.workflow import Specs

US = "reconciler"


# --- init --------------------------------------------------------------------------------------------------


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@click.option("--name", default="", metavar="NAME", help="The stack's name; left out, the folder's.")
def init(path: Path, name: str) -> int:
    """Write a first stack, small and ready to apply.

    PATH is a folder, this one if left out; it is made where it is missing. Nothing is ever overwritten.
    """
    from reconciler.starter import FILE, name_from, starter

    _check_free(path)
    folder = path.resolve().name
    chosen = stack_name(name, "--name") if name else name_from(folder)
    file = path / FILE
    try:
        path.mkdir(parents=True, exist_ok=True)
        _write_new(file, starter(chosen))
    except OSError as fault:
        detail = "Choose another folder, or give yourself the right to write there."
        raise ReconcilerError(f"{file} cannot be written: {_told(fault)}", detail) from fault
    show(_written(path, file, renamed="" if name or chosen == folder else chosen))
    return delivered(ExitCode.FINE)


def _write_new(file: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all."""
    with file.open("x", encoding="utf-8") as new:
        try:
            new.write(text)
            new.flush()
        except OSError:
            file.unlink()
            raise


def _check_free(folder: Path) -> None:
    """Raise ReconcilerError where something stands in the way of a stack in `folder`, and name it."""
    if folder.suffix == ".yaml" and not folder.exists():
        raise ReconcilerError(f"{folder} is named like a file", "Name the folder it is to be in.")
    try:
        found = sorted(one.name for one in folder.iterdir()) if folder.exists() else []
    except OSError as fault:
        summary = f"{folder} cannot be used: {_told(fault)}"
        raise ReconcilerError(summary, "Name a folder: an empty one, or one to be made.") from fault
    specs = [name for name in found if name.endswith(".yaml") and not name.startswith(".")]
    if not specs:
        return
    here = shlex.quote(str(folder))
    if any(_has_stack(folder / name) for name in specs):
        detail = f"Nothing was written. To see what it says: reconciler plan {here} --local"
        raise ReconcilerError(f"{folder} has a stack already: {', '.join(specs)}", detail)
    own = shlex.quote(str(folder / "conversations"))
    detail = f"Nothing was written. Give the stack a folder of its own: reconciler init {own}"
    lie = "lies there and would be" if len(specs) == 1 else "lie there and would be"
    raise ReconcilerError(f"{', '.join(specs)} {lie} read as part of the stack", detail)


def _has_stack(path: Path) -> bool:
    from reconciler.nodes import Mapping as MapNode
    from reconciler.yaml_nodes import read

    root = read(path, str(path)).root
    return isinstance(root, MapNode) and root.entry("stack") is not None


def _told(fault: OSError) -> str:
    return (fault.strerror or type(fault).__name__).lower()


def _written(folder: Path, file: Path, renamed: str) -> list[Line]:
    """Say what was written and what is next; `renamed` is the stack where it is not named as its folder."""
    from reconciler.render.text import Line, Tone

    here = shlex.quote(str(folder))
    commands = (
        (f"reconciler validate {here}", "checks it, offline"),
        (f"reconciler apply {here} --local", "creates it on an emulator; no account is needed"),
        (f"reconciler emulator {here}", "shows it on two phones, in a browser"),
    )
    width = max(len(command) for command, _ in commands)
    lines = [
        Line(f"Wrote {file}: a customer on WhatsApp and a courier on SMS, each masked."),
        *([Line(f"The stack is named {renamed}: lower-case letters, digits, dashes.")] if renamed else []),
        Line("Next:", Tone.TITLE),
    ]
    return lines + [Line(f"  {command:<{width}}  # {says}") for command, says in commands]


# --- doctor ------------------------------------------------------------------------------------------------


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@input_options
@place_options
def doctor(path: Path | None, **options: Any) -> int:
    """Check what could be in the way: versions, credentials, account, clock. Only reads.

    With PATH, a folder of *.yaml files or one such file, also whether the specs are valid, and the account
    and service that they name. Exit 1 when a check fails.
    """
    settings = settings_of({**options, "path": path or Path()})
    return run_stoppable(_doctor(settings, has_specs=path is not None))


async def _doctor(settings: Settings, *, has_specs: bool) -> ExitCode:
    from reconciler.doctor import Verdict, count

    specs, read = _specs(settings) if has_specs else (empty_specs(settings.path), [])
    real = not (settings.local or settings.endpoint)
    checks = [
        *_versions(),
        *read,
        *await _account(settings, specs),
        *_machine(settings, specs, real=real),
    ]
    _show(checks, settings.form)
    return delivered(ExitCode.ERROR if count(checks, Verdict.FAIL) else ExitCode.FINE)


def _show(checks: list[Check], form: str) -> None:
    from reconciler.render.checkup import check_lines, checks_json

    numbers = keyed_numbers()
    tell("doctor", check_lines(checks, numbers_in(form, numbers)), checks_json(checks, numbers), form)


# --- doctor: this machine ----------------------------------------------------------------------------------


def _versions() -> Iterator[Check]:
    from reconciler import doctor as judge

    try:
        about = metadata.metadata(US)
    except metadata.PackageNotFoundError:
        yield judge.not_installed()
        return
    yield judge.python(platform.python_version(), about["Requires-Python"] or "")
    yield judge.package(US, about["Version"], "")
    for line in about.get_all("Requires-Dist") or ():
        needed = re.match(r"([A-Za-z0-9._-]+)\s*([^;]*)(;?)", line)
        if needed and not needed[3]:  # what follows a semicolon is a condition: the tests' needs
            yield judge.package(needed[1], _version_of(needed[1]), needed[2].strip())


def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _machine(settings: Settings, specs: Specs, *, real: bool) -> Iterator[Check]:
    from reconciler import doctor as judge
    from reconciler.record import lock_folder

    if specs.folder.is_dir():
        place = specs.folder / ".reconciler"
        is_needed = settings.local or bool(specs.stack.owner.stack)
        yield judge.state_folder(str(place), _unwritable(place), is_needed=is_needed)
    locks = lock_folder(os.environ, Path.home())
    yield judge.lock_folder(str(locks), _unwritable(locks))
    yield judge.masking_key(os.environ.get("RECONCILER_KEY", ""), has_credential=real)


def _unwritable(place: Path) -> str:
    """Say what of a folder cannot be written; '' where all of it can, or it can be made."""
    if not place.exists():
        above = next(one for one in place.absolute().parents if one.exists())
        writable = above.is_dir() and os.access(above, os.W_OK | os.X_OK)
        return "" if writable else f"{place} cannot be made: {above} cannot be written"
    if not place.is_dir():
        return f"{place} is no folder"
    found = [place, *(sorted(place.iterdir()) if os.access(place, os.R_OK | os.X_OK) else ())]
    return next((f"{one} cannot be written" for one in found if not os.access(one, os.W_OK)), "")


# --- doctor: specs and account -----------------------------------------------------------------------------


def _specs(settings: Settings) -> tuple[Specs, list[Check]]:
    from reconciler import doctor as judge
    from reconciler.workflow import read_specs

    try:
        specs = read_specs(settings.path, settings.inputs)
    except ReconcilerError as fault:
        folder = settings.path.parent if settings.path.is_file() else settings.path
        return empty_specs(folder), [judge.broken_specs(fault)]
    resources = len(specs.stack.desired.resources)
    return specs, [judge.sound_specs(str(specs.stack.owner), resources, len(specs.warnings))]


async def _account(settings: Settings, specs: Specs) -> list[Check]:
    """Open the account and ask it; what fails is a check, and what then cannot be asked is skipped."""
    from reconciler import doctor as judge
    from reconciler.cli.target import open_door

    later = ("account", "service", "Sync", "clock")
    try:
        first = judge.credentials(_origin(settings))
    except ReconcilerError as fault:
        why = "there are no credentials"
        return [judge.refused("credentials", fault), *(judge.skipped(one, why) for one in later)]
    watch = _Watch()
    anybodys = replace(specs, stack=replace(specs.stack, account=""))  # whose it is, is a check of its own
    try:
        async with open_door(settings, anybodys, watch.over) as door:
            found = await _asked(door.gateway, specs.stack, real=not (settings.local or settings.endpoint))
    except ReconcilerError as fault:
        found = _closed_door(fault)
    # An emulator in this process answers without a date: its clock is this one, or its own.
    compared = [] if settings.local and watch.ahead_s is None else [judge.clock(watch.ahead_s)]
    return [first, *found, *compared]


def _origin(settings: Settings) -> str:
    from reconciler.cli.credentials import find_credentials

    if settings.local or settings.endpoint:
        return "the emulator itself; none of yours are used"
    return find_credentials(os.environ, Path.home(), settings.profile)[1]


def _closed_door(fault: ReconcilerError) -> list[Check]:
    from reconciler import doctor as judge

    why = "the account does not open"
    return [judge.refused("account", fault), *(judge.skipped(one, why) for one in ("service", "Sync"))]


async def _asked(gateway: Gateway, stack: Stack, *, real: bool) -> list[Check]:
    from reconciler import doctor as judge

    try:
        settings = await gateway.get("conversations", ("v1", "Configuration"))
    except ApiError as fault:
        return _closed_door(fault)
    opened = str(settings.get("account_sid") or gateway.account_sid)
    checks = [judge.account(gateway.account_sid, opened)]
    if stack.account and real:
        checks.append(judge.environment(stack.owner.environment, stack.account, opened))
    return [*checks, await _service(gateway, stack), await _sync(gateway, stack)]


async def _service(gateway: Gateway, stack: Stack) -> Check:
    from reconciler import doctor as judge
    from reconciler.observed import resolve_service

    try:
        sid = await resolve_service(gateway, stack.service)
        return judge.service(stack.service, await gateway.get("conversations", ("v1", "Services", sid)))
    except ReconcilerError as fault:
        return judge.refused("service", fault)


async def _sync(gateway: Gateway, stack: Stack) -> Check:
    from reconciler import doctor as judge

    if stack.record == "none":
        return judge.no_record()
    try:
        await gateway.get("sync", ("v1", "Services"), {"PageSize": "1"})
    except ApiError as refusal:
        return judge.sync(refusal, is_needed=bool(stack.owner.stack))
    return judge.sync(None)


class _Watch:
    """Stands around a transport and notes how far this machine's clock is ahead of the answers' dates."""

    def __init__(self) -> None:
        self.ahead_s: float | None = None

    def over(self, transport: Transport) -> Transport:
        """Return a transport that does what the given one does, watched."""
        self._transport = transport
        return self

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Carry one call."""
        answer = await self._transport.send(method, url, headers, body, timeout_s)
        self._note(next((text for name, text in answer[1].items() if name.lower() == "date"), ""))
        return answer

    def _note(self, date: str) -> None:
        try:
            ahead_s = time.time() - parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        # The way of an answer takes time too: the smallest difference is the nearest to the truth.
        self.ahead_s = ahead_s if self.ahead_s is None else min(ahead_s, self.ahead_s, key=abs)
