"""Builds: turns calls on ``…/Builds`` into versions that go together, and time into what became of them.

Sources: OpenAPI of ``serverless.v1.service.build`` and ``.build_status`` (runtimes; an example without one
has node22); observed: a build of nothing is 20001 in the words below, visibilities in capitals, Twilio's own
toolkit puts Dependencies in quotes. That a path is taken once in a build is our reading. There is no compiler
here: that a build takes two seconds and succeeds is an assumption, and a policy may say otherwise.
"""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fates, fields
from reconciler.emulator.errors import ApiError, WorldError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from .multipart import is_content_type
from .rows import Build, Deployable, ServerlessService, Version
from .services import named
from .versions import in_build

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.rows import Row
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Form

RUNTIMES = ("node8", "node10", "node12", "node14", "node16", "node18", "node20", "node22")
STATUSES = ("building", "completed", "failed")
VERDICTS = STATUSES[1:]
POLICY = fates.Policy("completed", 2.0)


def create(call: Asked) -> Reply:
    """POST the collection: 201; it is building, until time or somebody says otherwise."""
    store, service = call.store, named(call)
    functions, assets = (_versions(call, name) for name in ("FunctionVersions", "AssetVersions"))
    if not functions and not assets:
        raise ApiError(20001, "At least one Function Version or Asset Version is required for Build.")
    paths = Counter(version.path for version in (*functions, *assets))
    if twice := [path for path, count in paths.items() if count > 1]:
        raise ApiError(20001, f"More than one version has the path {min(twice)}")
    runtime = _runtime(call.form, store.switches.oldest_runtime)
    dependencies, now = _dependencies(call.form), store.today()
    sids = [version.sid for version in (*functions, *assets)]
    policy = store.build_policy
    row = Build(
        sid=store.mint("ZB", f"{service.sid}/Builds", " ".join(sids)),
        seq=store.next_seq(),
        service_sid=service.sid,
        status="building",
        function_versions=sids[: len(functions)],
        asset_versions=sids[len(functions) :],
        dependencies=dependencies,
        runtime=runtime,
        date_created=now,
        date_updated=now,
        verdict=policy.verdict,
        due_s=policy.due_s(store.now_s()),
        reason=policy.reason or None if policy.verdict else None,
    )
    store.insert(row)
    fates.wait(store, row, _as_foretold)
    return 201, show(call, row)


def fetch(call: Asked) -> Reply:
    """GET by SID."""
    return 200, show(call, _addressed(call))


def status(call: Asked) -> Reply:
    """GET how far it is."""
    shown = show(call, _addressed(call))
    kept = {name: shown[name] for name in ("sid", "account_sid", "service_sid", "status")}
    return 200, {**kept, "url": shown["links"]["build_status"]}


def listing(call: Asked) -> Reply:
    """GET the collection."""
    rows = call.store.index.serverless.builds.get(named(call).sid)
    return page(call, "builds", listed(call, rows), show, maximum=1000)


def delete(call: Asked) -> Reply:
    """DELETE: 204; what it alone kept of deleted functions goes with it."""
    row, store = _addressed(call), call.store
    index = store.index.serverless
    if row.sid in index.deployed:
        if store.switches.delete_in_use == "refused":
            raise ApiError(20001, "This build is deployed")
        for environment in list(index.environments.get(row.service_sid, ())):
            if environment.build_sid == row.sid:
                store.update(environment, build_sid=None, date_updated=store.today())
    store.remove(row)
    for version in versions_of(store, row):
        if version.sid not in index.built and version.deployable_sid not in store.index.rows:
            store.remove(version)
    return 204, None


def _as_foretold(store: Store, row: Build, verdict: str) -> None:
    decide(store, row, verdict, row.reason)


def decide(store: Store, row: Build, status: str, reason: str | None) -> None:
    """Let a build that is building end this way, now."""
    fates.end(store, row, status, reason=reason)
    data = {"BuildSid": row.sid, "ServiceSid": row.service_sid, "Status": status, "Reason": reason}
    store.events.note("build.changed", data)


def restore(store: Store) -> None:
    """Wait again for what is building, after rows were read from a file. Raises WorldError for torn ones."""
    index = store.index.serverless
    for build in index.all_builds():
        _check(store, build)
        fates.wait(store, build, _as_foretold)
    for environment in index.domain.values():
        build_sid = environment.build_sid
        if build_sid is not None and not _has(store, Build, build_sid, environment.service_sid):
            raise WorldError(f"The world is torn: {environment.sid} lacks its build {build_sid}.")
    for versions in index.versions_in.values():
        for version in versions:
            _check_version(store, version)


def _check(store: Store, row: Build) -> None:
    ends = (None, *VERDICTS) if row.status == "building" else (None,)
    if row.status not in STATUSES or row.verdict not in ends:
        raise WorldError(f"The world is torn: build {row.sid} has a status that is none.")
    for sid in (*row.function_versions, *row.asset_versions):
        if not _has(store, Version, sid, row.service_sid):
            raise WorldError(f"The world is torn: build {row.sid} lacks its version {sid}.")


def _has(store: Store, kind: type[Build | Version], sid: str, service_sid: str) -> bool:
    row = store.index.rows.get(sid)
    return isinstance(row, kind) and row.service_sid == service_sid


def _check_version(store: Store, row: Version) -> None:
    parent = store.index.rows.get(row.deployable_sid)
    kinds = (parent.type,) if isinstance(parent, Deployable) else ("function", "asset")
    if row.type not in kinds:
        raise WorldError(f"The world is torn: {row.sid} is no version of a {kinds[0]}.")
    try:
        base64.b64decode(row.content, validate=True)
    except ValueError as error:
        raise WorldError(f"The world is torn: the content of {row.sid} is not base64.") from error
    if not is_content_type(row.content_type):
        raise WorldError(f"The world is torn: the content of {row.sid} has no type.")


def service_name(store: Store, row: Build) -> str:
    """Return the unique name of the service that a build stands in."""
    service = store.index.rows.get(row.service_sid)
    return service.unique_name if isinstance(service, ServerlessService) else ""


def versions_of(store: Store, row: Build) -> list[Version]:
    """Return what a build consists of, functions first."""
    found: list[Row | None] = [
        store.index.rows.get(sid) for sid in (*row.function_versions, *row.asset_versions)
    ]
    return [version for version in found if isinstance(version, Version)]


def _addressed(call: Asked) -> Build:
    return call.row(Build, service_sid=named(call).sid)


def _versions(call: Asked, parameter: str) -> list[Version]:
    service, found = named(call), []
    for sid in call.form.all(parameter):
        row = call.store.index.rows.get(sid)
        wanted = parameter.removesuffix("Versions").lower()
        if not isinstance(row, Version) or (row.service_sid, row.type) != (service.sid, wanted):
            raise ApiError(20001, f"{parameter}: {sid[:64]} is no {wanted} version of this service")
        found.append(row)
    return found


def _runtime(form: Form, oldest: str) -> str:
    value = form.get("Runtime") or RUNTIMES[-1]
    known = RUNTIMES[RUNTIMES.index(oldest) :]
    if value not in known:
        raise ApiError(20001, f"Runtime must be one of {', '.join(known)}")
    return value


def _dependencies(form: Form) -> list[dict[str, Any]]:
    """Return names and versions, out of a JSON list, which may stand in quotes."""
    text = (form.get("Dependencies") or "[]").strip()
    if text.startswith('"[') and text.endswith(']"'):
        text = text[1:-1]
    try:
        found = fields.strict_json(text)
    except ValueError as error:
        raise ApiError(20001, "Dependencies are not JSON") from error
    if not isinstance(found, list) or not all(map(_is_dependency, found)):
        raise ApiError(20001, "Dependencies are a list of objects with name and version")
    return found


def _is_dependency(value: Any) -> bool:
    if not isinstance(value, dict) or {*value} != {"name", "version"} or not value["name"]:
        return False
    return all(isinstance(one, str) for one in value.values())


def show(call: Asked, row: Build) -> dict[str, Any]:
    """Return the Build resource."""
    url = f"{call.root}/Services/{row.service_sid}/Builds/{row.sid}"
    versions = versions_of(call.store, row)
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "service_sid": row.service_sid,
        "status": row.status,
        "asset_versions": [in_build(call, one) for one in versions if one.type == "asset"],
        "function_versions": [in_build(call, one) for one in versions if one.type == "function"],
        "dependencies": row.dependencies,
        "runtime": row.runtime,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": url,
        "links": {"build_status": f"{url}/Status"},
    }
