"""Deployments: turns calls on ``…/Environments/{…}/Deployments`` into what a domain serves.

Sources: OpenAPI of ``serverless.v1.service.environment.deployment``; observed: a build that an environment
has already (no build, where it has none) is a 409 in the words below. That a build has to be completed, and
that a deployment without one takes down what is there, is our reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields
from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from .environments import addressed
from .rows import Build, Deployment

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply

    from .rows import Environment


def create(call: Asked) -> Reply:
    """POST the collection: 201, and the environment has that build."""
    store, environment = call.store, addressed(call)
    build_sid = _build_sid(call, environment)
    fields.flag(call.form, "IsPlugin")  # of Flex: it changes nothing here
    if environment.build_sid == build_sid:
        raise ApiError(20409, "Environment already has requested deployment.")
    now = store.today()
    row = Deployment(
        sid=store.mint("ZD", f"{environment.sid}/Deployments", build_sid or ""),
        seq=store.next_seq(),
        environment_sid=environment.sid,
        build_sid=build_sid,
        date_created=now,
        date_updated=now,
    )
    store.insert(row)
    store.update(environment, build_sid=build_sid, date_updated=now)
    return 201, show(call, row)


def fetch(call: Asked) -> Reply:
    """GET by SID."""
    return 200, show(call, call.row(Deployment, environment_sid=addressed(call).sid))


def listing(call: Asked) -> Reply:
    """GET the collection."""
    rows = call.store.index.serverless.deployments.get(addressed(call).sid)
    return page(call, "deployments", listed(call, rows), show, maximum=1000)


def _build_sid(call: Asked, environment: Environment) -> str | None:
    sid = call.form.get("BuildSid")
    if not sid:
        return None
    build = call.store.index.rows.get(sid)
    if not isinstance(build, Build) or build.service_sid != environment.service_sid:
        raise ApiError(20001, "BuildSid is no build of this service")
    if build.status != "completed":
        raise ApiError(20001, f"The build is {build.status}; only a completed one can be deployed")
    return build.sid


def show(call: Asked, row: Deployment) -> dict[str, Any]:
    """Return the Deployment resource."""
    environment = addressed(call)
    url = f"{call.root}/Services/{environment.service_sid}/Environments/{environment.sid}"
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "service_sid": environment.service_sid,
        "environment_sid": environment.sid,
        "build_sid": row.build_sid,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": f"{url}/Deployments/{row.sid}",
    }
