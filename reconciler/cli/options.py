"""The options that several commands share, and what they add up to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.variables import Inputs
    from reconciler.workflow import Specs

F = TypeVar("F", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the shared options say."""

    path: Path
    inputs: Inputs
    form: str
    local: bool = False
    endpoint: str = ""
    profile: str = ""
    only: tuple[str, ...] = ()
    parallelism: int = 10
    allow_empty: bool = False
    allow_remove: int | None = None
    max_evidence: int = 100
    lease_timeout_s: float = 90.0
    lease_duration_s: float = 60.0
    journal: Path | None = None
    out: Path | None = None
    detailed_exitcode: bool = False
    yes: bool = False
    verify: bool = False

    @property
    def call_timeout_s(self) -> float:
        """How long one call may take: well within a lease."""
        return min(15.0, self.lease_duration_s / 4)


class Pair(click.ParamType[tuple[str, str]]):
    """``name=value``."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is no pair; write {param.opts[0] if param else ''} name=value", param, ctx)
        return name, text


def _together(function: F, options: list[Callable[[F], F]]) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def spec_options(function: F) -> F:
    """Add what every command that reads specs takes."""
    return click.argument("path", type=click.Path(path_type=Path))(input_options(function))


def input_options(function: F) -> F:
    """Add what settles the specs beside their path, and how to show the result."""
    form = click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json", "markdown"]),
        default="text",
        show_default=True,
        help="How to show the result; json and markdown are safe to share.",
    )
    return value_options(form(function))


def value_options(function: F) -> F:
    """Add what settles the specs beside their path."""
    return _together(
        function,
        [
            click.option(
                "-e", "--env", "environment", default="", metavar="ENV", help="The environment to use."
            ),
            click.option(
                "--var", "variables", type=Pair(), multiple=True, help="Set a variable (repeatable)."
            ),
            click.option(
                "--var-file",
                "files",
                type=click.Path(path_type=Path),
                multiple=True,
                metavar="FILE",
                help="Read variables from a YAML map (repeatable).",
            ),
        ],
    )


def account_options(function: F) -> F:
    """Add what every command that makes a plan for an account takes."""
    return _together(
        place_options(function),
        [
            click.option("--only", multiple=True, metavar="GLOB", help="Only these addresses (repeatable)."),
            click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes."),
        ],
    )


def place_options(function: F) -> F:
    """Add what says which account to read, and how fast."""
    return _together(
        function,
        [
            click.option("--local", is_flag=True, help="Use the emulator of this folder instead of Twilio."),
            click.option(
                "--endpoint",
                default="",
                metavar="URL",
                help="Use an emulator elsewhere; no real credentials go there.",
            ),
            click.option("--profile", default="", metavar="NAME", help="A profile of the Twilio CLI."),
            click.option(
                "--parallelism",
                type=click.IntRange(1, 100),
                default=10,
                show_default=True,
                metavar="N",
                help="Calls at once.",
            ),
        ],
    )


def consent_options(function: F) -> F:
    """Add the consents to removing much at once, and how much safety may ask for."""
    empty = "Go on where the specs describe no resource, and take away all that the stack has."
    remove = "Let this run remove as many conversations as N."
    return _together(
        function,
        [
            click.option("--allow-empty", is_flag=True, help=empty),
            click.option("--allow-remove", type=click.IntRange(0), metavar="N", help=remove),
            click.option(
                "--max-evidence",
                type=click.IntRange(0),
                default=100,
                show_default=True,
                metavar="N",
                help="Ask for at most N new parties who holds their pair now.",
            ),
        ],
    )


def run_options(function: F) -> F:
    """Add how a run is agreed to, and checked."""
    verify = "Plan once more at the end: nothing may be left to do."
    return _together(
        function,
        [
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option("--verify", is_flag=True, help=verify),
        ],
    )


def lease_options(function: F) -> F:
    """Add how a run keeps others out, and where it writes down what it does."""
    wait = "Wait this long for a lease that another run holds; after its duration a dead run's is taken over."
    return _together(
        function,
        [
            click.option(
                "--lease-timeout",
                "lease_timeout_s",
                type=click.FloatRange(0),
                default=90.0,
                show_default=True,
                metavar="SECONDS",
                help=wait,
            ),
            click.option(
                "--lease-duration",
                "lease_duration_s",
                type=click.FloatRange(1, 3600),
                default=60.0,
                show_default=True,
                metavar="SECONDS",
                help="How long the lease is good for without being renewed; a call may take a quarter of it.",
            ),
            click.option(
                "--journal",
                type=click.Path(path_type=Path, file_okay=False),
                metavar="FOLDER",
                help="Where each call is written down before it is sent; beside the specs by default.",
            ),
        ],
    )


def settings_of(options: dict[str, Any]) -> Settings:
    """Return the shared options as one value. Raises click.UsageError where they contradict each other."""
    from reconciler.variables import Inputs

    if options.get("local") and options.get("endpoint"):
        raise click.UsageError("--local and --endpoint exclude each other: choose one emulator.")
    inputs = Inputs(
        flags=tuple(options["variables"]),
        files=tuple(options["files"]),
        environ=dict(os.environ),
        environment=options["environment"],
    )
    shared = ("local", "endpoint", "profile", "only", "parallelism")
    consents = ("allow_empty", "allow_remove", "max_evidence")
    lease = ("lease_timeout_s", "lease_duration_s", "journal")
    run = ("detailed_exitcode", "yes", "verify", "out")
    given = {name: options[name] for name in (*shared, *consents, *lease, *run) if name in options}
    return Settings(options["path"], inputs, options.get("form", "text"), **given)


def stack_name(name: str, option: str) -> str:
    """Return a stack's name that an option gives. Raises click.BadParameter where it cannot be one."""
    from reconciler.kinds.fields import Leaf
    from reconciler.stack import read_stack_name

    try:
        return read_stack_name(Leaf(name, name))
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint=f"'{option}'") from fault


def empty_specs(folder: Path, name: str = "", service: str = "default") -> Specs:
    """Return specs that want nothing, so that an account can be asked without any."""
    from reconciler.model import Graph, Owner
    from reconciler.stack import Stack
    from reconciler.workflow import Specs

    return Specs(Stack(Owner(name), service, "close", Graph()), (), {}, folder, 0)
