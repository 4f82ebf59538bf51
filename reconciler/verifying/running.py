"""Probes and a caller → what was seen, one reading; how the same probes are read anywhere else."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.verifying.asking import SilenceError, UnansweredError
from reconciler.verifying.seeing import scrubbed
from reconciler.verifying.site import CannotAskError, Seen, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.verifying.asking import Caller
    from reconciler.verifying.site import Probe


@dataclass(frozen=True, slots=True)
class Reading:
    """What one account answered: by probe what was seen, or why nothing was; and statuses by error code."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)
    statuses: Seen = field(default_factory=dict)


_PROBES = Path(__file__).parent / "probes"
_PATIENCE = 2
"""After so many questions that nobody answered at all, nobody is asked any more."""


def _nobody(_: str) -> None:
    pass


async def read(
    caller: Caller,
    probes: Sequence[Probe],
    run: str,
    proxy: str = "",
    tell: Callable[[str], None] = _nobody,
) -> Reading:
    """Carry out the probes, one after the other; `tell` hears the name of each before it begins.

    What they make stays: `sweep` takes it away.
    """
    site = Site(caller, run, proxy)
    seen: dict[str, Seen] = {}
    unseen: dict[str, str] = {}
    silences = 0
    for probe in probes:
        if silences == _PATIENCE:
            unseen[probe.name] = "it was not asked any more: nobody answers"
            continue
        tell(probe.name)
        try:
            seen[probe.name] = scrubbed(await probe.run(site))
        except (CannotAskError, UnansweredError) as why:
            unseen[probe.name] = str(scrubbed(str(why)))
            silences += isinstance(why, SilenceError)
        except (LookupError, AttributeError, TypeError, ValueError) as fault:  # no known form of an answer
            unseen[probe.name] = f"its answers cannot be understood ({_where(fault)})"
    statuses = {str(code): sorted(found) for code, found in sorted(site.statuses.items())}
    return Reading(seen, unseen, {code: ", ".join(map(str, found)) for code, found in statuses.items()})


def _where(fault: Exception) -> str:
    """Return what went wrong at which line of a probe."""
    frames = traceback.extract_tb(fault.__traceback__)
    last = ([one for one in frames if Path(one.filename).parent == _PROBES] or frames)[-1]
    return f"{type(fault).__name__} at {Path(last.filename).name}:{last.lineno}"
