"""Admin paths of policies: turns a policy of the world into its ways, and what is foretold into shapes."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from .admin import Ways, body_of, described
from .shapes import DATE, NUMBER, SECONDS, TEXT, Shape, choice, named, or_null, record

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request


def foretold(verdicts: tuple[str, ...]) -> dict[str, Shape]:
    """Return the shapes of what ``fates.foretold`` says."""
    return {"verdict": or_null(choice(*verdicts)), "due": or_null(DATE), "due_s": or_null(NUMBER)}


def ways(name: str, attribute: str, verdicts: tuple[str, ...]) -> Ways:
    """Return the ways to the policy that a world keeps under this attribute."""
    fields = {"verdict": or_null(choice(*verdicts)), "after_s": SECONDS, "reason": TEXT}
    shape = named(name, record(fields))

    @described(gives=shape)
    def show(store: Store, _: Request) -> dict[str, Any]:
        """GET: what becomes of what begins from now on; no verdict: it is left to people."""
        return asdict(getattr(store, attribute))

    @described(takes=record({f"{one}?": kind for one, kind in fields.items()}), gives=shape)
    def change(store: Store, request: Request) -> dict[str, Any]:
        """PUT: another policy for what begins from now on; what is left out stays."""
        body = body_of(request, change)
        with store.lock:
            setattr(store, attribute, replace(getattr(store, attribute), **body))
            return show(store, request)

    return {"GET": show, "PUT": change}
