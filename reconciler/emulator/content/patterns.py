r"""Regular expressions in linear time: turns a pattern into whether it fits anywhere in a text. Pure.

``re`` goes back to try other ways, and a pattern can make it go back for years, under the world's lock. Here
all ways are gone at once, one character after the other, so a text costs at most its length times that of the
pattern, and a search that has walked enough is given up. What cannot be had so is refused by name: references
back, looking around, ``\b``. The signs mean what they do in Python; ``$`` is the very end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Test = Callable[[str], bool]
Part = Callable[["Pattern", int], int]
"""(pattern, the state that follows) → the state it begins with, made in the pattern."""

_CHARS, _DEPTH, _STATES = 256, 20, 500
_STEPS = 5_000_000  # about a second; ten thousand names take a tenth of that
_REMEMBERED = 2_000
_FITS: Final = 0
_KINDS: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda sign: sign.isalnum() or sign == "_",
    "s": str.isspace,
}
_WRITTEN = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}


class PatternError(ValueError):
    """A pattern that is none, or needs what is not here, or walks too far; the text says why."""


class Pattern:
    """One pattern of one search; it remembers the ways it went, and counts its steps over all its texts."""

    def __init__(self, text: str) -> None:
        self._tests: list[Test | None] = [None]
        self._ways: list[tuple[int, ...]] = [()]
        self._edges: list[str] = [""]
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._sets: dict[frozenset[int], frozenset[int]] = {}
        self._steps = 0
        self._first = _Reader(text).pattern()(self, _FITS)

    def state(self, *ways: int, test: Test | None = None, edge: str = "") -> int:
        """Make a state that leads on: at once, past a sign that passes its test, or at an edge."""
        if len(self._ways) >= _STATES:
            raise PatternError(f"it repeats too much (more than {_STATES} states)")
        self._tests.append(test)
        self._ways.append(ways)
        self._edges.append(edge)
        return len(self._ways) - 1

    def lead(self, state: int, *ways: int) -> None:
        """Have a state lead elsewhere, which closes a loop."""
        self._ways[state] = ways

    def fits(self, text: str) -> bool:
        """Tell whether the pattern fits anywhere in a text. Raises PatternError when it walked too far."""
        now = self._reached([self._first], "^")
        for sign in text:
            if _FITS in now:
                return True
            now = self._known.get((now, sign)) or self._moved(now, sign)
            self._steps += 1
        return _FITS in now or _FITS in self._reached([*now], "$" if text else "^$")

    def _moved(self, now: frozenset[int], sign: str) -> frozenset[int]:
        """Return where all ways are past a sign; a new one begins there, too."""
        tests, found = self._tests, [self._first]
        for state in now:
            test = tests[state]
            if test is not None and test(sign):
                found += self._ways[state]
        reached = self._reached(found, "")
        self._steps += len(now) + len(found)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
            self._sets.clear()
        reached = self._sets.setdefault(reached, reached)  # equals are one, and found without comparing
        self._known[now, sign] = reached
        return reached

    def _reached(self, states: list[int], edges: str) -> frozenset[int]:
        """Return the states that one gets to without a sign, at these edges of the text."""
        found, left = set(states), states
        while left:
            state = left.pop()
            if self._tests[state] is None and self._edges[state] in ("", *edges):
                more = [one for one in self._ways[state] if one not in found]
                found.update(more)
                left += more
        self._steps += len(found)
        if self._steps > _STEPS:
            raise PatternError("it takes too long; write it simpler, or filter by something else, too")
        return frozenset(found)


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        if len(text) > _CHARS:
            raise PatternError(f"it is longer than {_CHARS} characters")
        self._folds = text.startswith("(?i)")
        self._text = text.removeprefix("(?i)")
        self._at = self._depth = 0

    def pattern(self) -> Part:
        found = self._choice()
        if self._at < len(self._text):
            raise PatternError("it has a ) that nothing opens")
        return found

    def _takes(self, sign: str) -> bool:
        found = self._text.startswith(sign, self._at)
        self._at += len(sign) if found else 0
        return found

    def _next(self, where: str) -> str:
        if self._at >= len(self._text):
            raise PatternError(f"it ends within {where}")
        self._at += 1
        return self._text[self._at - 1]

    def _choice(self) -> Part:
        ways = [self._sequence()]
        while self._takes("|"):
            ways.append(self._sequence())
        return ways[0] if len(ways) == 1 else _either(ways)

    def _sequence(self) -> Part:
        parts = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._one()))
        return _after_each_other(parts)

    def _one(self) -> Part:
        sign = self._next("itself")
        if sign == "(":
            return self._group()
        if sign in "*+?":
            raise PatternError(f"its {sign} repeats nothing, or what is repeated already")
        if sign in "^$":
            return lambda pattern, follows: pattern.state(follows, edge=sign)
        if sign == ".":
            return _sign(lambda found: found != "\n")
        if sign == "[":
            return _sign(self._class())
        return _sign(self._folded(self._escaped("a \\") if sign == "\\" else sign.__eq__))

    def _group(self) -> Part:
        if self._takes("?") and not self._takes(":"):
            raise PatternError("it has a (?…), of which only (?:…), and (?i) in front of all, are known here")
        self._depth += 1
        if self._depth > _DEPTH:
            raise PatternError(f"its groups are more than {_DEPTH} deep")
        found = self._choice()
        if not self._takes(")"):
            raise PatternError("it has a ( that nothing shuts")
        self._depth -= 1
        return found

    def _repeated(self, part: Part) -> Part:
        bounds = self._bounds()
        if bounds is None:
            return part
        self._takes("?")  # as little as possible: whether it fits is the same
        low, high = bounds
        if high is not None and low > high:
            raise PatternError(f"it asks for {low} at least and {high} at most")
        return _times(part, low, high)

    def _bounds(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._takes(sign):
                return bounds
        inside, shut, _ = self._text[self._at :].partition("}")
        low, comma, high = inside.removeprefix("{").partition(",")
        if not inside.startswith("{") or not shut or not _is_count(low) or not _is_count(high):
            return None
        if not (low or high):
            return None
        self._at += len(inside) + 1
        least = int(low or 0)
        return least, (int(high) if high else None) if comma else least

    def _escaped(self, where: str) -> Test:
        sign = self._next(where)
        if sign in _KINDS:
            return _KINDS[sign]
        if sign.lower() in _KINDS:
            kind = _KINDS[sign.lower()]
            return lambda found: not kind(found)
        if sign.isalnum() and sign not in _WRITTEN:
            raise PatternError(f"it has a \\{sign}, which is not known here")
        return _WRITTEN.get(sign, sign).__eq__

    def _class(self) -> Test:
        """Read ``[…]`` after its bracket."""
        is_other = self._takes("^")
        tests: list[Test] = []
        while not tests or not self._takes("]"):
            tests.append(self._range())
        inside = self._folded(lambda found: any(test(found) for test in tests))
        return (lambda found: not inside(found)) if is_other else inside

    def _range(self) -> Test:
        low = self._next("a [")
        if low == "\\":
            kind = self._text[self._at : self._at + 1]
            test = self._escaped("a [")
            if kind.lower() in _KINDS:
                return test
            low = _WRITTEN.get(kind, kind)
        if self._text[self._at : self._at + 1] != "-" or self._text[self._at + 1 : self._at + 2] in ("]", ""):
            return low.__eq__
        self._at += 1
        high = self._next("a [")
        if high == "\\":
            high = self._next("a [")
            if high.isalnum() and high not in _WRITTEN:
                raise PatternError(f"it has a range to \\{high}")
            high = _WRITTEN.get(high, high)
        if low > high:
            raise PatternError(f"it has a range from {low} to {high}, which is empty")
        return lambda found: low <= found <= high

    def _folded(self, test: Test) -> Test:
        if not self._folds:
            return test
        return lambda found: test(found) or test(found.lower()) or test(found.upper())


def _is_count(text: str) -> bool:
    return text == "" or (text.isascii() and text.isdigit() and len(text) < 4)


def _sign(test: Test) -> Part:
    return lambda pattern, follows: pattern.state(follows, test=test)


def _either(ways: list[Part]) -> Part:
    return lambda pattern, follows: pattern.state(*(way(pattern, follows) for way in ways))


def _after_each_other(parts: list[Part]) -> Part:
    def made(pattern: Pattern, follows: int) -> int:
        found = follows if parts else pattern.state(follows)  # what is made of nothing counts, too
        for part in reversed(parts):
            found = part(pattern, found)
        return found

    return made


def _times(part: Part, low: int, high: int | None) -> Part:
    def made(pattern: Pattern, follows: int) -> int:
        found = pattern.state(follows)
        if high is None:
            pattern.lead(found, part(pattern, found), follows)
        for _ in range(0 if high is None else high - low):
            found = pattern.state(part(pattern, found), follows)
        for _ in range(low):
            found = part(pattern, found)
        return found

    return made
