"""A plan file, or a digest → what was approved, held against the account as it is now, and carried out."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.carrying import Approval, Job, carry, settle, spoken, tell_progress
from reconciler.cli.echo import say, show_problems
from reconciler.cli.plan import (
    findings_as,
    objected,
    plan_code,
    read,
    show_moved,
    show_plan,
    takes_all_away,
    would_empty,
)
from reconciler.cli.privacy import shown_numbers
from reconciler.diagnostics import ExitCode, ReconcilerError, RefusedError, error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.cli.options import Settings
    from reconciler.cli.target import Door
    from reconciler.diagnostics import Diagnostic
    from reconciler.plan_file import Saved
    from reconciler.record import Apply
    from reconciler.reviewed import Reviewed, Scope
    from reconciler.workflow import Planned, Specs

FRESH = "Make a new plan and have it reviewed."
EMPTY = "there is nothing to do"
REVIEW = "Have the plan above reviewed, or see what has changed since."
LOOK = "Or somebody did it by another plan: `reconciler history` has the last applies."


# --- a digest ----------------------------------------------------------------------------------------------


async def of_digest(job: Job, planned: Planned, asked: str) -> int:
    """Carry out the plan whose digest was approved, or what an unfinished run of it left to do."""
    from reconciler.applying import approved_by_digest
    from reconciler.reviewed import digest, same_digest

    name = digest(planned.plan, job.errand.scope, job.door.key)
    if would_empty(job.settings, job.specs, planned):
        return _empty(job, planned, name)
    if planned.plan.visible and same_digest(asked, name):
        approved = job.errand.approved(planned.plan, job.door.key)
        show_plan(planned, job.specs, job.door, job.settings.form, name)
        return await carry(job, Approval(planned, approved, name, is_old=False))
    record = planned.record.record if planned.record else None
    approved_before = approved_by_digest(asked, record, job.door.key)
    if approved_before is not None:
        return await _rest(job, approved_before, asked.strip().lower())
    ended = _ended(planned, asked)
    return _wrong(job, planned, name) if ended is None else _over(job, planned, ended)


def _empty(job: Job, planned: Planned, name: str) -> ExitCode:
    """Refuse to take everything away because the specs describe nothing."""
    show_plan(objected(planned, job.specs), job.specs, job.door, job.settings.form, name)
    say("Nothing was written.", err=True)
    return ExitCode.REFUSED


def _ended(planned: Planned, asked: str) -> Apply | None:
    """Return the apply that did all of a digest, where nothing has been left to do since."""
    from reconciler.applying import DONE
    from reconciler.reviewed import same_digest

    applies = planned.record.record.applies if planned.record and not planned.plan.visible else ()
    done = [one for one in applies if one.result == DONE and same_digest(asked, one.digest)]
    return done[-1] if done else None


def _over(job: Job, planned: Planned, ended: Apply) -> ExitCode:
    """Say that a digest has been carried out already: a pipeline may run twice."""
    show_plan(planned, job.specs, job.door, job.settings.form)
    at, who = spoken(job, ended.at), spoken(job, ended.who)
    say(f"That digest was carried out at {at} by {who}.", err=True)
    return plan_code(planned, detailed=False)


def _wrong(job: Job, planned: Planned, name: str) -> ExitCode:
    """Refuse a digest that is not that of the plan as it is now."""
    show_plan(planned, job.specs, job.door, job.settings.form, name)
    found, advice = (f"its digest is {name}", REVIEW) if planned.plan.visible else (EMPTY, LOOK)
    problem = error(
        f"the digest is not that of this plan: {found}",
        f"Specs, options, account or key differ from when it was reviewed. {advice}",
    )
    show_problems([problem], {}, shown_numbers(job.door.numbers, err=True))
    say("Nothing was written.", err=True)
    return ExitCode.STALE


async def _rest(job: Job, approved: Reviewed, name: str) -> int:
    """Carry out what is left of something that was approved."""
    planned, judgement = await job.errand.plan_again(job.door.gateway, approved)
    if judgement.moved:
        return show_moved(judgement, job.specs, job.door)
    show_plan(planned, job.specs, job.door, job.settings.form, name)
    tell_progress(judgement)
    if not planned.plan.visible:
        await settle(job, planned, name)
        return plan_code(planned, detailed=False)
    return await carry(job, Approval(planned, approved, name, is_old=False))


# --- a plan file -------------------------------------------------------------------------------------------


def write_plan(planned: Planned, settings: Settings, specs: Specs, door: Door, scope: Scope) -> None:
    """Write what `--out` asked for: a private file from which exactly this plan can be applied."""
    from reconciler.plan_file import save, saved_of

    path = settings.out
    assert path is not None  # noqa: S101 - who calls has looked
    if path.exists() and not path.is_file():  # to look into a pipe or a terminal would wait for ever
        raise ReconcilerError(f"{path} is no ordinary file", "Give the plan a file of its own.")
    where = _relative(settings.path.resolve(), path.resolve().parent)
    save(saved_of(planned.plan, specs.stack, scope, where, door.key), path)
    say(f"The plan is in {path}, with real numbers in it: keep it private.", err=True)


def _relative(path: Path, base: Path) -> str:
    """Return where a path is as seen from a folder, so that both can be moved together."""
    try:
        return os.path.relpath(path, base)
    except ValueError:  # on another drive
        return str(path)


async def of_file(settings: Settings, asked: str | None) -> int:
    """Carry out a plan as it was reviewed, or what an unfinished run of it left to do."""
    from reconciler.applying import Errand
    from reconciler.cli.target import open_door
    from reconciler.plan_file import load, refuse_other_target, revealed
    from reconciler.reviewed import same_digest
    from reconciler.workflow import target_of

    saved = load(settings.path)
    _check_options(settings, saved)
    _check_place(settings, saved)
    specs = _specs_of(settings, saved)
    async with open_door(settings, specs) as door:
        if asked is not None and not same_digest(asked, saved.digest):
            problem = error(f"the digest is not that of {settings.path}: it has {saved.digest}", FRESH)
            return _refused([problem], specs, door, ExitCode.STALE)
        target = await target_of(saved.stack, door.gateway)
        if problems := refuse_other_target(saved, target, door.key):
            return _refused(problems, specs, door, ExitCode.REFUSED)
        stack, problems = revealed(saved, door.key, specs.stack.desired if saved.hidden else None)
        if problems:
            return _refused(problems, specs, door, ExitCode.STALE)
        errand = Errand(stack, saved.scope.mode, saved.scope.only)
        job = Job(settings, specs, errand, door, _specs_path(settings, saved))
        if not (settings.allow_empty or stack.desired.resources):
            return _refused([takes_all_away(specs)], specs, door, ExitCode.REFUSED)
        return await _rest(job, saved.approved(door.key), saved.digest)


def _check_options(settings: Settings, saved: Saved) -> None:
    """Raise where an option contradicts what the plan was made with."""
    environment = saved.plan.target.owner.environment
    asked = settings.inputs.environment
    if asked not in ("", environment):
        summary = f"{settings.path} is for environment {environment or '(none)'}, and -e asks for {asked}"
        raise RefusedError(summary, "Leave -e out, or make a plan for that environment.")
    if settings.only:
        raise click.UsageError(
            "--only belongs to `plan --out`: a plan file is carried out as it was reviewed."
        )


def _check_place(settings: Settings, saved: Saved) -> None:
    """Raise where a plan for an emulator would go looking for an account: the file knows what it is for."""
    from reconciler.emulator import ACCOUNT_SID

    if saved.plan.target.account_sid == ACCOUNT_SID and not (settings.local or settings.endpoint):
        where = _specs_path(settings, saved)
        raise RefusedError(
            f"{settings.path} is a plan for the emulator of {where}",
            "Add --local; or, where that was elsewhere, --endpoint URL.",
        )


def _specs_path(settings: Settings, saved: Saved) -> Path:
    """Return where the specs of a plan file are, as this person would type it."""
    path = (settings.path.parent / saved.specs).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _specs_of(settings: Settings, saved: Saved) -> Specs:
    """Return the specs that a plan was made from; read anew only where a sensitive value has to come from."""
    from reconciler.workflow import Specs

    path = _specs_path(settings, saved)
    if saved.hidden:
        inputs = replace(settings.inputs, environment=saved.plan.target.owner.environment)
        with findings_as(settings.form):
            return read(replace(settings, path=path, inputs=inputs))
    if settings.local and not path.exists():  # another folder's emulator is another world
        raise ReconcilerError(
            f"{path}, where the specs of {settings.path} were, is not there",
            "The emulator of --local is kept beside them. Put them back, or make a new plan.",
        )
    folder = path if path.is_dir() else path.parent if path.is_file() else settings.path.parent
    return Specs(saved.stack, (), {}, folder, 0)


def _refused(found: Iterable[Diagnostic], specs: Specs, door: Door, code: ExitCode) -> ExitCode:
    show_problems([*found], specs.sources, shown_numbers(door.numbers, err=True))
    say("Nothing was written.", err=True)
    return code
