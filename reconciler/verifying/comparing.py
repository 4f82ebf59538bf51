"""Two readings → where they differ, and which answer of which switch would make them agree."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reconciler.verifying.probes import STATUSES
from reconciler.verifying.running import Reading, read
from reconciler.verifying.seeing import at, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.verifying.asking import Caller
    from reconciler.verifying.site import Probe, Seen


class Verdict(StrEnum):
    """What a probe came to."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the account and the emulator answer differently; `answers` are switches that agree."""

    where: str
    twilio: Any
    emulator: Any
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one probe; `why` nothing was seen where that is so."""

    probe: Probe
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    why: str = ""

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers of switches that agree with all of it."""
        first, *others = self.differences or (Difference("", None, None),)
        return tuple(one for one in first.answers if all(one in each.answers for each in others))


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of all probes that were carried out, and what the account answered."""

    findings: tuple[Finding, ...]
    reading: Reading

    def count(self, verdict: Verdict) -> int:
        """Return how many probes came to this."""
        return sum(one.verdict is verdict for one in self.findings)


async def compare(
    reading: Reading, probes: Sequence[Probe], emulators: Mapping[str, Callable[[], Caller]]
) -> Verification:
    """Hold a reading of an account against the emulator.

    `emulators` makes fresh ones by what they answer: ``default``, and ``switch=answer`` for each departure
    from it. The others are asked only what the default one answers differently.
    """
    ours = await _emulated(emulators["default"], probes)
    findings = [_finding(probe, reading, ours) for probe in probes]
    findings.append(_statuses(reading, ours))
    settled = await _settled(findings, probes, emulators)
    return Verification(tuple(_explained(one, settled) for one in findings), reading)


async def _emulated(emulator: Callable[[], Caller], probes: Sequence[Probe]) -> Reading:
    return await read(emulator(), probes, "e")


def _finding(probe: Probe, reading: Reading, ours: Reading) -> Finding:
    for one, whose in ((reading, ""), (ours, "by the emulator: ")):
        if probe.name in one.unseen:
            return Finding(probe, Verdict.UNSEEN, why=whose + one.unseen[probe.name])
    return _compared(probe, reading.seen[probe.name], ours.seen[probe.name])


def _statuses(reading: Reading, ours: Reading) -> Finding:
    """Return whether codes that both have met came with the same HTTP status."""
    both = reading.statuses.keys() & ours.statuses.keys()
    theirs = {code: reading.statuses[code] for code in both}
    return _compared(STATUSES, theirs, {code: ours.statuses[code] for code in both})


def _compared(probe: Probe, theirs: Seen, ours: Seen) -> Finding:
    found = tuple(Difference(*one) for one in differences(theirs, ours))
    return Finding(probe, Verdict.DIFFERS if found else Verdict.AGREES, found)


async def _settled(
    findings: Sequence[Finding], probes: Sequence[Probe], emulators: Mapping[str, Callable[[], Caller]]
) -> dict[str, Reading]:
    """Return what emulators with other answers say to the probes that differ, by ``switch=answer``."""
    open_ones = [one.probe for one in findings if one.verdict is Verdict.DIFFERS]
    asked = [probe for probe in probes if probe in open_ones]
    settled = {}
    for answer, emulator in emulators.items():
        of_status = STATUSES in open_ones and answer.partition("=")[0] in STATUSES.settles
        wanted = probes if of_status else asked
        if answer != "default" and wanted:
            settled[answer] = await _emulated(emulator, wanted)
    return settled


def _explained(finding: Finding, settled: Mapping[str, Reading]) -> Finding:
    """Return a finding with, for each difference, the answers of switches that agree with the account."""
    name = finding.probe.name
    others = {
        answer: reading.statuses if finding.probe is STATUSES else reading.seen[name]
        for answer, reading in settled.items()
        if finding.probe is STATUSES or name in reading.seen
    }
    explained = tuple(
        Difference(
            one.where,
            one.twilio,
            one.emulator,
            tuple(answer for answer, seen in others.items() if at(seen, one.where) == one.twilio),
        )
        for one in finding.differences
    )
    return Finding(finding.probe, finding.verdict, explained, finding.why)
