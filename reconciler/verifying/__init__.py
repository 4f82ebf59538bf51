"""An account of the real Twilio and the emulator → where they differ: two readers, one comparer.

Every probe is carried out twice, at a throw-away account and at an emulator as it is by default; what is seen
at both is compared. Nothing in here knows the emulator: it is handed in as another way to ask.
"""

from __future__ import annotations

from reconciler.verifying.asking import Caller, UnansweredError
from reconciler.verifying.comparing import Difference, Finding, Verdict, Verification, compare
from reconciler.verifying.guards import Account, check, standing
from reconciler.verifying.places import shut
from reconciler.verifying.probes import PROBES, STATUSES, chosen
from reconciler.verifying.running import Reading, read
from reconciler.verifying.seeing import PREFIX
from reconciler.verifying.site import Probe
from reconciler.verifying.sweeping import Leftover, find_leftovers, sweep
from reconciler.verifying.unasked import UNASKED, Unasked

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
    "shut",
    "standing",
    "sweep",
]
