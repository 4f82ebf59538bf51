"""Admin paths of builds: turns ``builds`` into what becomes of them, by the policy or by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.fates import foretold
from reconciler.emulator.serverless import builds
from reconciler.emulator.serverless.rows import Build
from reconciler.emulator.wire import date_text

from . import policies
from .admin import AdminError, Ways, body_of, described, id_of
from .shapes import DATE, TEXT, choice, listed, named, or_null, record

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_BUILD = named(
    "Build",
    record(
        {
            "sid": TEXT,
            "service_sid": TEXT,
            "service": TEXT,
            "status": choice(*builds.STATUSES),
            "reason": or_null(TEXT),
            **policies.foretold(builds.VERDICTS),
            "date_created": DATE,
            "date_updated": DATE,
        }
    ),
)
_DECISION = record({"status": choice(*builds.VERDICTS), "reason?": TEXT})


@described(gives=record({"builds": listed(_BUILD)}))
def listing(store: Store, _: Request) -> dict[str, Any]:
    """GET: every build, the oldest of each service first, with what will become of it by itself."""
    with store.lock:
        return {"builds": [show_due(store, row) for row in store.index.serverless.all_builds()]}


@described(gives=_BUILD)
def fetch(store: Store, request: Request) -> dict[str, Any]:
    """GET: one build, by its SID."""
    with store.lock:
        return show_due(store, _named(store, request))


@described(takes=_DECISION, gives=_BUILD)
def decide(store: Store, request: Request) -> dict[str, Any]:
    """PUT: a build that is building ends this way, now, whatever the policy had in mind for it."""
    body = body_of(request, decide)
    with store.lock:
        row = _named(store, request)
        if row.status != "building":
            raise AdminError(f"This build is {row.status} already", 409)
        builds.decide(store, row, body["status"], body.get("reason"))
        store.commit()
        return show_due(store, row)


PATHS: dict[str, Ways] = {
    "builds": {"GET": listing},
    "builds/policy": policies.ways("BuildPolicy", "build_policy", builds.VERDICTS),
    "builds/{id}": {"GET": fetch, "PUT": decide},
}


def _named(store: Store, request: Request) -> Build:
    row = store.index.rows.get(id_of(request))
    if not isinstance(row, Build):
        raise AdminError(f"There is no build {id_of(request)}", 404)
    return row


def show_due(store: Store, row: Build) -> dict[str, Any]:
    """Return a build for a reader outside, and how it will end if nobody decides."""
    return {
        "sid": row.sid,
        "service_sid": row.service_sid,
        "service": builds.service_name(store, row),
        "status": row.status,
        "reason": row.reason,
        **foretold(row),
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
    }
