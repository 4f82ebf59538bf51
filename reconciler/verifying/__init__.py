"""An account of the real Twilio and the emulator → where they differ: two readers, one comparer.

Every probe is carried out twice, at a throw-away account and at an emulator as it is by default; what is seen
at both is compared. Nothing in here knows the emulator: it is handed in as another way to ask.
"""

from __future__ import annotations

from .asking import Caller, UnansweredError
from .comparing import Difference, Finding, Verdict, Verification, compare
from .guards import Account, check
from .probes import PROBES, STATUSES, chosen
from .running import Reading, read
from .seeing import PREFIX
from .site import Probe
from .sweeping import Leftover, find_leftovers, sweep
from .unasked import UNASKED, Unasked

__all__ = [
    "PREFIX",
    "PROBES",
    "STATUSES",
    "UNASKED",
    "Account",
    "Caller",
    "Difference",
    "Finding",
    "Leftover",
    "Probe",
    "Reading",
    "UnansweredError",
    "Unasked",
    "Verdict",
    "Verification",
    "check",
    "chosen",
    "compare",
    "find_leftovers",
    "read",
    "sweep",
]
