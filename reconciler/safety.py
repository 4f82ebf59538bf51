"""Plan × evidence × limits → what is refused, and how to consent. Pure; closed by default.

A refusal takes its addresses out of the plan and leaves the rest alone. It always names the line of YAML that
consents, then the flag.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reconciler import diagnostics
from reconciler.model import Action, Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.diagnostics import Diagnostic
    from reconciler.kinds.base import Kind
    from reconciler.model import Change, Graph, Plan
    from reconciler.transitions import Transitions

_PERCENT_FROM = 10
"""Below this many, a share says nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one apply may remove: refused when both are passed (percent of what is open, 0 to 100)."""

    remove: int = 10
    remove_percent: int = 30


NO_LIMITS = Limits(remove=sys.maxsize)
"""For planning again: limits were kept when the plan was approved."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a deletion would lose: how many messages, and when the last was written."""

    messages: int
    last: str


def refuse_mass_removal(
    plan: Plan, observed: Graph, kinds: Mapping[str, Kind], limits: Limits
) -> dict[Address, Diagnostic]:
    """Return each address that must stay because too much would go at once, with one reason for all."""
    leaving = [change.address for change in _removals(plan, kinds)]
    there = [a for a, row in observed.resources.items() if _is_open(kinds[a.kind], row.live)]
    share = 100 * len(leaving) / len(there) if there else 0.0
    few = len(leaving) <= limits.remove
    if few or (len(there) >= _PERCENT_FROM and share <= limits.remove_percent):
        return {}
    plural = kinds[leaving[0].kind].plural
    problem = diagnostics.error(
        f"{len(leaving)} of {len(there)} {plural} would be removed; "
        f"the limits are {limits.remove} and {limits.remove_percent}%",
        f"None is. To consent, write under stack: limits: {{remove: {len(leaving)}}}; "
        f"or once: reconciler apply … --allow-remove {len(leaving)}.",
    )
    return dict.fromkeys(leaving, problem)


def refuse_lost_transcripts(
    plan: Plan,
    kinds: Mapping[str, Kind],
    transcripts: Mapping[Address, Transcript],
    transitions: Transitions,
) -> dict[Address, Diagnostic]:
    """Return each address whose deletion would lose messages that no line of consent gives up."""
    problems: dict[Address, Diagnostic] = {}
    for change in _removals(plan, kinds):
        lost = transcripts.get(change.address)
        consented = change.address in transitions.removed
        if change.action is Action.DELETE and lost is not None and lost.messages and not consented:
            sid = change.live.sid if change.live else "CH…"
            problems[change.address] = diagnostics.error(
                f"its deletion would lose {lost.messages} messages, the last of {lost.last}",
                f"To consent, write removed: {{{change.address}: {{delete: {sid}}}}}; "
                "or keep the transcript: on_remove: close.",
                address=change.address,
            )
    return problems


def refuse_recipients(
    plan: Plan, kinds: Mapping[str, Kind], recipients: tuple[str, ...] | None, environment: str
) -> dict[Address, Diagnostic]:
    """Return each address that would bring in a number that this environment does not allow."""
    problems: dict[Address, Diagnostic] = {}
    for change in plan.changes:
        number = kinds[change.address.kind].party(change.fields)
        arrives = change.action in (Action.CREATE, Action.REPLACE, Action.ADOPT)
        if (
            not arrives
            or not number
            or recipients is None
            or any(fnmatchcase(number, one) for one in recipients)
        ):
            continue
        problems[change.address] = diagnostics.error(
            f"{number} is not among the recipients of {environment}",
            f"To consent, add it under environments: {environment}: recipients.",
            address=change.address,
            place=change.place,
        )
    return problems


def _removals(plan: Plan, kinds: Mapping[str, Kind]) -> list[Change]:
    """Return the removals of what has a life of its own: closing and deleting, not letting go."""
    return [
        change
        for change in plan.changes
        if change.action in (Action.CLOSE, Action.DELETE) and kinds[change.address.kind].open_states
    ]


def _is_open(kind: Kind, live: object) -> bool:
    return bool(kind.open_states) and getattr(live, "state", "") in kind.open_states
