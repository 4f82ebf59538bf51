"""What can go wrong on the way, as values: turns a rule in JSON into a checked ``Rule`` and back.

A rule says which calls (``Match``), which of those (``When``), and what befalls them (``Effect``). A rule of
kind ``receipt`` is about a message's ways to people instead. Nothing here does anything; ``trouble`` does.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal[
    "latency",
    "status",
    "drop",
    "drop_after_commit",
    "late_commit",
    "stale_read",
    "release_lag",
    "async_delete",
    "receipt",
]
_FIELDS: dict[str, frozenset[str]] = {
    "latency": frozenset({"seconds", "up_to_s", "after_commit"}),
    "status": frozenset({"status", "code", "retry_after", "after_commit"}),
    "drop": frozenset(),
    "drop_after_commit": frozenset(),
    "late_commit": frozenset({"seconds", "calls"}),
    "stale_read": frozenset({"seconds", "calls"}),
    "release_lag": frozenset({"seconds", "calls"}),
    "async_delete": frozenset({"seconds", "calls"}),
    "receipt": frozenset({"status", "code"}),
}
_LASTING = {"late_commit", "stale_read", "release_lag", "async_delete"}
_LOST = ("undelivered", "failed")
_OF_LEGS = {"address", "sender", "channel"}
CHANNELS = ("sms", "whatsapp", "rcs", "messenger", "email")
Json = dict[str, Any]


class FaultError(ValueError):
    """A rule that cannot be understood; the message says which part."""


class Interrupted(Exception):  # noqa: N818 - what happened to the call, which need not be an error
    """The connection was cut before an answer came, in process as over a socket.

    ``sent`` is True: the request had left, and nobody can tell from here whether it was carried out.
    """

    def __init__(self, *, sent: bool = True) -> None:
        super().__init__("the connection was cut before an answer came")
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Effect:
    """What befalls a call.

    ``seconds`` are virtual in process and real over a socket for ``latency``, virtual for everything else;
    ``calls`` are calls that arrive afterwards. ``after_commit`` puts a latency or a status behind the change.
    Of a ``receipt``, ``code`` is its error and ``status`` what it ends as: undelivered, unless it is failed.
    """

    kind: Kind
    seconds: float = 0.0
    up_to_s: float | None = None
    calls: int = 0
    status: int | Literal["undelivered", "failed"] | None = None
    code: int | None = None
    retry_after: int | None = None
    after_commit: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise FaultError(f"effect.kind: {self.kind!r} is none of {', '.join(get_args(Kind))}")
        given = {f.name for f in dataclasses.fields(self) if getattr(self, f.name) != f.default} - {"kind"}
        if strange := sorted(given - _FIELDS[self.kind]):
            raise FaultError(f"effect: {self.kind} has no {', '.join(strange)}")
        _check_numbers("effect", self)
        if self.kind in _LASTING and not self.seconds and not self.calls:
            raise FaultError(f"effect: {self.kind} needs seconds or calls")
        if self.kind == "status" and self.status is None and self.code is None:
            raise FaultError("effect: status needs a status or a code")
        self._check_status()
        if self.up_to_s is not None and self.up_to_s < self.seconds:
            raise FaultError("effect.up_to_s: is less than seconds")

    def _check_status(self) -> None:
        if self.kind == "receipt":
            if self.status not in (None, *_LOST):
                raise FaultError(f"effect.status: a receipt's is {' or '.join(_LOST)}")
            if not self.code:
                raise FaultError("effect: receipt needs a code")
        elif self.status is not None and (isinstance(self.status, str) or not 400 <= self.status <= 599):
            raise FaultError("effect.status: an error is 400 to 599")


@dataclass(frozen=True, slots=True)
class Match:
    """Which calls: everything that is given has to fit, and nothing given fits every call.

    ``host`` is a product (``sync``) or its host, ``path`` a template such as ``/v1/Conversations/{Sid}`` or,
    beginning with ``^``, a regular expression; ``operation`` is a regular expression for the whole name of an
    operation; ``form`` maps a parameter to a text that it contains. Of a receipt: to which ``address``, from
    which ``sender`` of ours, on which ``channel`` (sms, whatsapp, …).
    """

    method: str | None = None
    host: str | None = None
    path: str | None = None
    operation: str | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    sender: str | None = None
    channel: str | None = None

    def __post_init__(self) -> None:
        for name in ("path", "operation"):
            try:
                re.compile(getattr(self, name) or "")
            except re.error as error:
                raise FaultError(f"match.{name}: {error}") from error
        if not isinstance(self.form, dict) or not all(isinstance(v, str) for v in self.form.values()):
            raise FaultError("match.form: a map of parameters to texts")
        if self.channel is not None and self.channel not in CHANNELS:
            raise FaultError(f"match.channel: {self.channel!r} is none of {', '.join(CHANNELS)}")

    def fits(self, method: str, product: str, path: str, operation: str, form: Mapping[str, str]) -> bool:
        """Tell whether a call is meant."""
        return (
            (self.method is None or self.method.upper() == method)
            and self.host in (None, product, f"{product}.twilio.com")
            and (self.path is None or _path_fits(self.path, path))
            and (self.operation is None or re.fullmatch(self.operation, operation) is not None)
            and all(text in form.get(name, "") for name, text in self.form.items())
        )

    def fits_leg(self, address: str, sender: str, channel: str | None) -> bool:
        """Tell whether a message's way to somebody is meant."""
        return (
            self.address in (None, address)
            and self.sender in (None, sender)
            and self.channel in (None, channel)
        )


@dataclass(frozen=True, slots=True)
class When:
    """Which of the calls that match: all, unless something is given; then all that is given holds.

    ``nth`` counts matching calls from 1, ``times`` is how often the rule does something at all, ``after_s``
    is virtual time since the rule was made.
    """

    nth: int | None = None
    every: int | None = None
    times: int | None = None
    probability: float | None = None
    after_s: float | None = None

    def __post_init__(self) -> None:
        _check_numbers("when", self)
        if self.probability is not None and self.probability > 1:
            raise FaultError("when.probability: is at most 1")
        if 0 in (self.nth, self.every):
            raise FaultError("when: nth and every count from 1")


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault: which calls, when, and what."""

    effect: Effect
    match: Match = field(default_factory=Match)
    when: When = field(default_factory=When)

    def __post_init__(self) -> None:
        given = set(_given(self.match))
        if self.effect.kind == "receipt":
            strange, known = given - _OF_LEGS, _OF_LEGS
        else:
            strange, known = given & _OF_LEGS, _names(Match) - _OF_LEGS
        if strange:
            raise FaultError(
                f"match: {self.effect.kind} has no {', '.join(sorted(strange))}; "
                f"it has {', '.join(sorted(known))}"
            )

    @classmethod
    def parsed(cls, data: Any) -> Rule:
        """Return the rule that a JSON object describes. Raises FaultError."""
        known = _object("rule", data, {"effect", "match", "when"})
        if "effect" not in known:
            raise FaultError("rule: effect is missing")
        if "kind" not in _object("effect", known["effect"], _names(Effect)):
            raise FaultError("effect: kind is missing")
        match, when = known.get("match", {}), known.get("when", {})
        return cls(
            Effect(**known["effect"]),
            Match(**_texts("match", _object("match", match, _names(Match)))),
            When(**_object("when", when, _names(When))),
        )

    def shown(self) -> Json:
        """Return the JSON object that describes the rule: what differs from the defaults."""
        return {"match": _given(self.match), "when": _given(self.when), "effect": _given(self.effect)}


def _given(part: Effect | Match | When) -> Json:
    values = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
    return {name: value for name, value in values.items() if value not in (None, 0, False, {})}


def _names(kind: type[Effect | Match | When]) -> set[str]:
    return {f.name for f in dataclasses.fields(kind)}


def _object(where: str, data: Any, names: set[str]) -> Json:
    if not isinstance(data, dict):
        raise FaultError(f"{where}: is not an object")
    if strange := sorted(set(data) - names):
        raise FaultError(f"{where}: unknown {', '.join(strange)}; known are {', '.join(sorted(names))}")
    return data


def _texts(where: str, data: Json) -> Json:
    if not all(isinstance(value, str) for name, value in data.items() if name != "form"):
        raise FaultError(f"{where}: only texts")
    return data


def _check_numbers(where: str, part: Effect | When) -> None:
    """Refuse what is no number where one is meant, negative numbers, and fractions of calls."""
    for f in dataclasses.fields(part):
        value, kinds = getattr(part, f.name), str(f.type)
        if value is None or f.name == "kind" or (f.name == "status" and isinstance(value, str)):
            continue
        if "bool" in kinds:
            fits = isinstance(value, bool)
        else:
            allowed = (int, float) if "float" in kinds else (int,)
            fits = isinstance(value, allowed) and not isinstance(value, bool) and 0 <= value < float("inf")
        if not fits:
            raise FaultError(f"{where}.{f.name}: {value!r} is no {kinds.partition(' ')[0]} of 0 or more")


def _path_fits(wanted: str, path: str) -> bool:
    if wanted.startswith("^"):
        return re.search(wanted, path) is not None
    pattern = "".join(
        "[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", wanted)
    )
    return re.fullmatch(pattern, path) is not None
