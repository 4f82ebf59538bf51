"""Scenario files → steps with places → a play on a fresh emulator → what was as expected, and what was not.

Nothing here opens a socket or starts an emulator: who calls gives a `Stage`, the way into one.
"""

from reconciler.scenarios.cast import Cast, check_names
from reconciler.scenarios.finding import find_scenarios
from reconciler.scenarios.playing import Outcome, play
from reconciler.scenarios.reading import read_plays, read_scenarios, specs_of
from reconciler.scenarios.scenario import Scenario
from reconciler.scenarios.stage import Stage
from reconciler.scenarios.staging import set_up

__all__ = [
    "Cast",
    "Outcome",
    "Scenario",
    "Stage",
    "check_names",
    "find_scenarios",
    "play",
    "read_plays",
    "read_scenarios",
    "set_up",
    "specs_of",
]
