"""What becomes of builds: turns a policy into the verdict that a new build gets. There is no compiler here.

That a build takes two seconds and succeeds is an assumption: Twilio's take some seconds, and succeed or fail
for reasons (a dependency that cannot be installed) that nothing in here can find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Result = Literal["completed", "failed", "leave"]
RESULTS: tuple[Result, ...] = ("completed", "failed", "leave")


@dataclass(frozen=True, slots=True)
class BuildPolicy:
    """How builds end, and after how many of the world's seconds; ``leave`` has them build until told."""

    result: Result = "completed"
    after_s: float = 2.0
    reason: str | None = None

    def shown(self) -> dict[str, Any]:
        """Return the policy for a reader outside."""
        return {"result": self.result, "after_s": self.after_s, "reason": self.reason}

    def fate(self, now_s: float) -> dict[str, Any]:
        """Return what a build that begins now is told: its verdict, when it falls due, and why."""
        if self.result == "leave":
            return {}
        return {"verdict": self.result, "due_s": now_s + self.after_s, "reason": self.reason}
