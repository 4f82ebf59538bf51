"""Faults by name, for people and pipelines: a name → rules. The figures are assumptions, not measurements."""

from __future__ import annotations

from .faults import Effect, FaultError, Match, Rule, When

_READ, _CREATE_OR_UPDATE, _DELETE = Match(method="GET"), Match(method="POST"), Match(method="DELETE")


def _sometimes(probability: float) -> When:
    return When(probability=probability)


PRESETS: dict[str, tuple[Rule, ...]] = {
    # Latency profiles: every call takes its time, and nothing fails.
    "instant": (Rule(Effect("latency")),),
    "typical": (
        Rule(Effect("latency", seconds=0.06, up_to_s=0.25), _READ),
        Rule(Effect("latency", seconds=0.12, up_to_s=0.5), _CREATE_OR_UPDATE),
        Rule(Effect("latency", seconds=0.08, up_to_s=0.3), _DELETE),
    ),
    # Reads take longer than the writes that follow them: what is not awaited is overtaken.
    "adversarial": (
        Rule(Effect("latency", seconds=0.25), _READ),
        Rule(Effect("latency", seconds=0.08, after_commit=True), _CREATE_OR_UPDATE),
        Rule(Effect("latency", seconds=0.01, up_to_s=0.4), _DELETE),
    ),
    "fixed": (Rule(Effect("latency", seconds=0.2)),),
    # Troubles.
    "flaky-network": (
        Rule(Effect("drop"), when=_sometimes(0.05)),
        Rule(Effect("drop_after_commit"), _CREATE_OR_UPDATE, _sometimes(0.05)),
        Rule(Effect("drop_after_commit"), _DELETE, _sometimes(0.05)),
        Rule(Effect("latency", seconds=0.1, up_to_s=0.5), when=_sometimes(0.2)),
    ),
    "rate-limited": (
        Rule(Effect("status", status=429, retry_after=1), when=_sometimes(0.15)),
        Rule(Effect("status", status=429), when=_sometimes(0.1)),
    ),
    "slow-twilio": (
        Rule(Effect("latency", seconds=0.5, up_to_s=1.5), _READ),
        Rule(Effect("latency", seconds=1.0, up_to_s=3.0), _CREATE_OR_UPDATE),
        Rule(Effect("latency", seconds=0.5, up_to_s=2.0), _DELETE),
    ),
    "chaos-apply": (
        Rule(Effect("latency", seconds=0.05, up_to_s=0.6), when=_sometimes(0.2)),
        Rule(Effect("status", status=429, retry_after=1), when=_sometimes(0.04)),
        Rule(Effect("status", status=429), when=_sometimes(0.03)),
        Rule(Effect("status", status=500), when=_sometimes(0.02)),
        Rule(Effect("status", status=503), when=_sometimes(0.02)),
        Rule(Effect("status", status=500, after_commit=True), _CREATE_OR_UPDATE, _sometimes(0.02)),
        Rule(Effect("drop"), when=_sometimes(0.03)),
        Rule(Effect("drop_after_commit"), _CREATE_OR_UPDATE, _sometimes(0.03)),
        Rule(Effect("drop_after_commit"), _DELETE, _sometimes(0.03)),
        Rule(Effect("late_commit", calls=3), _CREATE_OR_UPDATE, _sometimes(0.03)),
        Rule(Effect("late_commit", calls=3), _DELETE, _sometimes(0.02)),
        Rule(Effect("stale_read", calls=2), _READ, _sometimes(0.05)),
        Rule(Effect("release_lag", seconds=2.0), when=_sometimes(0.2)),
        Rule(Effect("async_delete", calls=2), _DELETE, _sometimes(0.1)),
    ),
}


def preset(name: str) -> tuple[Rule, ...]:
    """Return the rules of a preset. Raises FaultError for a name that is none."""
    if name not in PRESETS:
        raise FaultError(f"preset: {name!r} is none of {', '.join(PRESETS)}")
    return PRESETS[name]
