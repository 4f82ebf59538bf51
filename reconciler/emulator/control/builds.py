"""Admin paths of builds: turns ``builds`` into what becomes of them, by the policy or by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.serverless import builds
from reconciler.emulator.serverless.build_policy import RESULTS, BuildPolicy
from reconciler.emulator.serverless.rows import Build
from reconciler.emulator.wire import date_text

from .admin import AdminError, Ways, body_of, described
from .shapes import DATE, NUMBER, SECONDS, TEXT, choice, listed, named, or_null, record

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

_ENDS = builds.STATUSES[1:]
_BUILD = named(
    "Build",
    record(
        {
            "sid": TEXT,
            "service_sid": TEXT,
            "service": TEXT,
            "status": choice(*builds.STATUSES),
            "reason": or_null(TEXT),
            "verdict": or_null(choice(*_ENDS)),
            "due_s": or_null(NUMBER),
            "date_created": DATE,
            "date_updated": DATE,
        }
    ),
)
_POLICY = named(
    "BuildPolicy", record({"result": choice(*RESULTS), "after_s": SECONDS, "reason": or_null(TEXT)})
)
_CHANGE = record({"result?": choice(*RESULTS), "after_s?": SECONDS, "reason?": or_null(TEXT)})
_DECISION = record({"result": choice(*_ENDS), "reason?": or_null(TEXT)})


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
        builds.decide(store, row, body["result"], body.get("reason"))
        store.commit()
        return show_due(store, row)


@described(gives=_POLICY)
def policy(store: Store, _: Request) -> dict[str, Any]:
    """GET: what becomes of builds that begin from now on."""
    return store.build_policy.shown()


@described(takes=_CHANGE, gives=_POLICY)
def change_policy(store: Store, request: Request) -> dict[str, Any]:
    """PUT: another policy for builds that begin from now on; what is left out is as at the start."""
    store.build_policy = BuildPolicy(**body_of(request, change_policy))
    return store.build_policy.shown()


PATHS: dict[str, Ways] = {
    "builds": {"GET": listing},
    "builds/policy": {"GET": policy, "PUT": change_policy},
    "builds/{id}": {"GET": fetch, "PUT": decide},
}


def _named(store: Store, request: Request) -> Build:
    sid = request.target.partition("?")[0].rpartition("/")[2]
    row = store.index.rows.get(sid)
    if not isinstance(row, Build):
        raise AdminError(f"There is no build {sid}", 404)
    return row


def show_due(store: Store, row: Build) -> dict[str, Any]:
    """Return a build for a reader outside, and how it will end if nobody decides."""
    return {
        "sid": row.sid,
        "service_sid": row.service_sid,
        "service": builds.service_name(store, row),
        "status": row.status,
        "reason": row.reason,
        "verdict": row.verdict,
        "due_s": row.due_s,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
    }
