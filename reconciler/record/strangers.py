"""A record and the id in the specs → whether another repository applies a stack of this name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.diagnostics import Diagnostic, RefusedError, error

if TYPE_CHECKING:
    from reconciler.record.contents import Record


def refuse_stranger(record: Record, stack_id: str) -> Diagnostic | None:
    """Return the objection to applying specs with this id (`stack.id`, '' without) over a record.

    None where the ids are equal, or the record has none yet: then the next apply writes the specs' own.
    """
    if record.stack_id in ("", stack_id):
        return None
    ours = f"id: {stack_id}" if stack_id else "no id"
    stack, _, environment = record.owner.partition(".")
    name = f"{stack} ({environment})" if environment else stack
    return error(
        f"another repository applies a stack called {name}: its id is {record.stack_id}, "
        f"and these specs have {ours}",
        "Give this stack another name. Where it is that stack, or is to take its place, write "
        f"`id: {record.stack_id}` under `stack:`.",
    )


def require_own(record: Record, stack_id: str) -> None:
    """Raise RefusedError where `refuse_stranger` objects."""
    objection = refuse_stranger(record, stack_id)
    if objection is not None:
        raise RefusedError(objection.summary, objection.detail)
