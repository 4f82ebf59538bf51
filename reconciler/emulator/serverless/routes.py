"""The operations of Serverless v1: every one in Twilio's OpenAPI, and what performs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.emulator.operations import Operation, Table, spread

from . import builds, deployables, deployments, environments, logs, services, variables, versions

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVICE = "/Services/{ServiceSid}"
_ENVIRONMENT = f"{_SERVICE}/Environments/{{EnvironmentSid}}"


def _operations() -> Iterator[Operation]:
    whole = {"Create": services.create, "List": services.listing, "Fetch": services.fetch}
    yield from spread("/Services", "Service", {**whole, "Update": services.update, "Delete": services.delete})
    yield from _places()
    for type_, collection in deployables.COLLECTION.items():
        yield from spread(f"{_SERVICE}/{collection}", type_.title(), deployables.ways(type_))
        line = f"{_SERVICE}/{collection}/{{{versions.parameter(type_)}}}/Versions"
        yield from spread(line, f"{type_.title()}Version", versions.ways(type_))
    at = f"{_SERVICE}/Functions/{{FunctionSid}}/Versions/{{Sid}}/Content"
    yield Operation("FetchFunctionVersionContent", "GET", at, versions.content)
    made = {"Create": builds.create, "List": builds.listing, "Fetch": builds.fetch, "Delete": builds.delete}
    yield from spread(f"{_SERVICE}/Builds", "Build", dict(made))
    yield Operation("FetchBuildStatus", "GET", f"{_SERVICE}/Builds/{{Sid}}/Status", builds.status)


def _places() -> Iterator[Operation]:
    """Give the operations of environments and of what stands in them."""
    made = {"Create": environments.create, "List": environments.listing, "Fetch": environments.fetch}
    yield from spread(f"{_SERVICE}/Environments", "Environment", {**made, "Delete": environments.delete})
    put = {"Create": variables.create, "List": variables.listing, "Fetch": variables.fetch}
    changed = {"Update": variables.update, "Delete": variables.delete}
    yield from spread(f"{_ENVIRONMENT}/Variables", "Variable", {**put, **changed})
    done = {"Create": deployments.create, "List": deployments.listing, "Fetch": deployments.fetch}
    yield from spread(f"{_ENVIRONMENT}/Deployments", "Deployment", dict(done))
    yield from spread(f"{_ENVIRONMENT}/Logs", "Log", {"List": logs.listing, "Fetch": logs.fetch})


TABLE = Table("Serverless v1", tuple(_operations()))
