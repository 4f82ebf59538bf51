"""A lease that a person saw → freed by that person's order: it alone, under If-Match, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.diagnostics import ApiError, ReconcilerError
from reconciler.record.documents import read_document, update_document
from reconciler.record.holding import is_passing

if TYPE_CHECKING:
    from reconciler.gateway import Gateway
    from reconciler.model import Target
    from reconciler.record.documents import Seen

_ATTEMPTS = 5


async def release_lease(gateway: Gateway, target: Target, seen: Seen) -> None:
    """Free the lease that stands in `seen`, also where its holder has renewed it since.

    A holder that is alive learns of it at its next heartbeat, and lets no call start from then on. Raises
    ReconcilerError where another run has taken the lease meanwhile, or Sync cannot be reached.
    """
    nonce = seen.record.lease.nonce if seen.record.lease else ""
    refusal = ApiError("the lease was not freed: its record changes all the time")
    for _ in range(_ATTEMPTS):
        now = await read_document(gateway, seen.service_sid, target)
        if now is None or now.record.lease is None:
            return
        if now.record.lease.nonce != nonce:
            raise ReconcilerError(
                f"the lease was not freed: {now.record.lease.who} has taken it meanwhile",
                "Look again: reconciler lock status PATH.",
            )
        try:
            await update_document(gateway, now, target, replace(now.record, lease=None))
        except ApiError as fault:
            if not is_passing(fault):
                raise
            refusal = fault
        else:
            return
    raise refusal
