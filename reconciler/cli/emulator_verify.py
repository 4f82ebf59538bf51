"""`emulator verify`: a throw-away account of the real Twilio → where the emulator answers differently."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.echo import confirm, delivered, is_private, lost_output, say, show
from reconciler.cli.privacy import keyed_numbers, numbers_in
from reconciler.cli.stopping import run_stoppable
from reconciler.diagnostics import ExitCode, ReconcilerError, RefusedError
from reconciler.render.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.emulator import Switches
    from reconciler.render.numbers import Numbers
    from reconciler.verifying import Account, Caller, Probe, Verification

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_S_PER_CALL = 0.25
_MAKES = (
    "It makes services, conversations, participants, webhooks, messages that are stored and sent to nobody,\n"
    "Sync documents, a template, a Functions service, and an address configuration of the whole account (it\n"
    "makes no conversations), and takes them away again"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say."""

    account: str
    proxy: str
    profile: str
    throw_away: bool
    thorough: bool
    clean_up: bool
    yes: bool
    record: Path | None
    form: str
    detailed_exitcode: bool


def _proxy(_: click.Context, __: click.Parameter, value: str) -> str:
    if value and not _NUMBER.fullmatch(value):
        raise click.BadParameter("write a number like +15550100201")
    return value


@click.command()
@click.option("--account", required=True, metavar="SID", help="The account to try things in.")
@click.option("--proxy", default="", metavar="NUMBER", callback=_proxy, help="A number of that account.")
@click.option("--profile", default="", metavar="NAME", help="A profile of the Twilio CLI.")
@click.option("--throw-away", is_flag=True, help="Vouch that it may be written to where nobody can tell.")
@click.option("--thorough", is_flag=True, help="Ask what takes a hundred participants, too.")
@click.option("--clean-up", is_flag=True, help="Only take away what earlier runs have left.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what the account answered, without sids, numbers and names.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to show the result; json is safe to share.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when anything is answered differently.")
def verify(**options: Any) -> int:
    """Hold the emulator against the real Twilio, in a throw-away subaccount.

    It asks the account and an emulator of its own the same, and prints what they answer differently. No
    message is sent to anybody. Everything it makes is named reconciler-verify-…, and is taken away at the
    end; a main account, or one that is in use, is refused. Credentials are read as by every other command.
    """
    return run_stoppable(_verify(_Asked(**options)))


async def _verify(asked: _Asked) -> int:
    from reconciler.cli.credentials import read_credentials
    from reconciler.pace import WallClock
    from reconciler.transport import Network
    from reconciler.verifying import Caller

    if asked.record is not None:
        _check_place(asked.record)
    credentials = read_credentials(os.environ, Path.home(), asked.profile)
    if credentials.account_sid != asked.account:
        raise RefusedError(
            f"the credentials open {credentials.account_sid}, and not {asked.account}",
            "Use those of the account that is meant, or name the other one with --account.",
        )
    numbers = keyed_numbers(credentials.password)
    async with Network() as network:
        caller = Caller(
            network, credentials.account_sid, credentials.username, credentials.password, WallClock().sleep
        )
        return await (_clean_up(caller, asked, numbers) if asked.clean_up else _held(caller, asked, numbers))


async def _clean_up(caller: Caller, asked: _Asked, numbers: Numbers) -> int:
    """Take away what earlier runs have left."""
    from reconciler.verifying import find_leftovers, shut, standing

    await standing(caller, vouched=asked.throw_away)
    if closed := await shut(caller):
        say(f"Not looked at, because these credentials may not read them: {', '.join(closed)}", err=True)
    found = await find_leftovers(caller)
    for one in found:
        say(f"{one.kind} {one.sid} {visible(one.name)}")
    if not found:
        say("Nothing is left of an earlier run.")
        return delivered(ExitCode.FINE)
    if not asked.yes and not confirm(f"Delete them from account {caller.account_sid}?"):
        return _declined()
    return await _swept(caller, numbers) or delivered(ExitCode.FINE)


async def _held(caller: Caller, asked: _Asked, numbers: Numbers) -> int:
    """Hold the account against the emulator, once it is known that it may be written to."""
    from reconciler.verifying import check, chosen, find_leftovers

    account = await check(caller, vouched=asked.throw_away)
    if left := await find_leftovers(caller):
        raise RefusedError(
            f"account {account.sid} has {len(left)} things of another run, which goes on or did not end well",
            f"Where it has ended, take them away: {_again(caller)}",
        )
    probes = chosen(thorough=asked.thorough)
    if not asked.yes and not confirm(await _question(account, probes)):
        return _declined()
    return await _carried_out(caller, asked, probes, numbers)


def _declined() -> int:
    say("Nothing was written.", err=True)
    return ExitCode.ERROR


def _again(caller: Caller) -> str:
    return f"reconciler emulator verify --account {caller.account_sid} --clean-up"


async def _question(account: Account, probes: Sequence[Probe]) -> str:
    """Return what consent is asked for. How many calls it takes is counted at an emulator."""
    from reconciler.verifying import read

    rehearsal = emulators()["default"]()
    await read(rehearsal, probes, "e")
    known = "a subaccount" if account.is_subaccount else "nobody knows whose"
    closed = "".join(f"\n{what}: nothing is written there, for it may not be read." for what in account.shut)
    minutes = max(1, round(rehearsal.calls * _S_PER_CALL / 60))
    return (
        f"This writes to account {account.sid} ({known}).\n{_MAKES}:\nabout {rehearsal.calls} calls, "
        f"{minutes} to {minutes + 2} minutes. No message is sent to anybody.{closed}"
    )


async def _carried_out(caller: Caller, asked: _Asked, probes: Sequence[Probe], numbers: Numbers) -> int:
    """Ask everything, take away what was made whatever happens, and print what was found."""
    from reconciler.verifying import compare, read

    run = secrets.token_hex(3)
    try:
        reading = await read(caller, probes, run, asked.proxy, _progress())
    except asyncio.CancelledError:
        say("Stopping: what was made is taken away.", err=True)
        left = await _swept(caller, numbers, run)
        if not left:
            say("Nothing of it is left.", err=True)
        return left or ExitCode.ERROR
    except BaseException:
        await _swept(caller, numbers, run)
        raise
    left = await _swept(caller, numbers, run)
    found = await compare(reading, probes, emulators())
    _show(found, asked, caller.throttled, numbers)
    is_recorded = asked.record is None or _recorded(asked.record, found, numbers)
    return left or (_code(found, asked) if is_recorded else ExitCode.ERROR)


async def _swept(caller: Caller, numbers: Numbers, run: str = "") -> ExitCode:
    """Take away what runs of this command have made, or this one has, and say what is left of it."""
    from reconciler.render.verification import leftover_lines
    from reconciler.verifying import sweep

    again = _again(caller)
    try:
        left = await sweep(caller, run)
    except asyncio.CancelledError:
        say(f"Stopped before everything was taken away. Go on with: {again}", err=True)
        return ExitCode.WORK_LEFT
    if not left:
        return ExitCode.FINE
    say("These could not be taken away:", err=True)
    show(leftover_lines(left, numbers), err=True)
    say(f"Try again later: {again}", err=True)
    return ExitCode.WORK_LEFT


def _progress() -> Callable[[str], None]:
    """Return what tells, on a terminal, which group of questions is asked."""
    groups: list[str] = []

    def tell(name: str) -> None:
        group = name.partition("/")[0]
        if group not in groups[-1:]:
            groups.append(group)
            if is_private(err=True):
                say(f"asking about {group} …", err=True)

    return tell


def _show(found: Verification, asked: _Asked, throttled: Sequence[str], numbers: Numbers) -> None:
    from reconciler.render.verification import verification_json, verification_lines
    from reconciler.verifying import PROBES, chosen

    left_out = [probe for probe in PROBES if probe not in chosen(thorough=asked.thorough)]
    if asked.form == "json":
        say(verification_json(found, left_out, throttled, numbers))
    else:
        show(verification_lines(found, left_out, throttled, numbers_in("text", numbers)))


def _check_place(file: Path) -> None:
    """Raise ReconcilerError where a record could not be written: before anything is asked."""
    try:
        if file.exists() and not file.is_file():
            raise ReconcilerError(f"{file} is there and is no file", "Name another file.")
        beside = _beside(file)
        beside.touch(exist_ok=False)
        beside.unlink()
    except OSError as fault:
        raise ReconcilerError(_unwritten(file, fault), "Name another file.") from fault


def _recorded(file: Path, found: Verification, numbers: Numbers) -> bool:
    """Write the record, whole or not at all; return whether that was possible, and say why not."""
    from reconciler.render.verification import record_json

    beside = _beside(file)
    try:
        beside.write_text(record_json(found, numbers) + "\n", encoding="utf-8")
        beside.replace(file)
    except OSError as fault:
        say(f"error: {_unwritten(file, fault)}", err=True)
        return False
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return True


def _beside(file: Path) -> Path:
    return file.with_name(f".{file.name}.{secrets.token_hex(4)}")


def _unwritten(file: Path, fault: OSError) -> str:
    return f"{file} cannot be written: {(fault.strerror or type(fault).__name__).lower()}"


def _code(found: Verification, asked: _Asked) -> ExitCode:
    from reconciler.verifying import Verdict

    if lost_output():
        return ExitCode.ERROR
    differs = asked.detailed_exitcode and found.count(Verdict.DIFFERS)
    return ExitCode.CHANGES if differs else ExitCode.FINE


def emulators() -> dict[str, Callable[[], Caller]]:
    """Return what makes fresh emulators with a clock that only waiting moves, by what they answer."""
    from reconciler.emulator import Switches

    return {name: _maker(switches) for name, switches in Switches.variants().items()}


def _maker(switches: Switches) -> Callable[[], Caller]:
    def make() -> Caller:
        from reconciler.emulator import ACCOUNT_SID, AUTH_TOKEN, Clock, InProcess, Store
        from reconciler.verifying import Caller

        store = Store(clock=Clock.frozen(), switches=switches)

        async def sleep(seconds: float) -> None:
            store.advance(seconds)

        return Caller(InProcess(store), ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN, sleep)

    return make
