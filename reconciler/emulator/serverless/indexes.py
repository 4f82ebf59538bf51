"""The ways to what Serverless keeps: turns its rows into ordered lists and names, and counts their bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.emulator.ordered import Ordered, claim, into, out_of

from .rows import (
    Build,
    Deployable,
    Deployment,
    Environment,
    ServerlessRow,
    ServerlessService,
    Variable,
    Version,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class ServerlessIndexes:
    """All indexes of Serverless in one world; lists are by the SID of what their rows stand in."""

    services: Ordered[ServerlessService] = field(default_factory=Ordered)
    service_of: dict[str, ServerlessService] = field(default_factory=dict)
    environments: dict[str, Ordered[Environment]] = field(default_factory=dict)
    environment_of: dict[tuple[str, str], Environment] = field(default_factory=dict)
    domain: dict[str, Environment] = field(default_factory=dict)
    variables: dict[str, Ordered[Variable]] = field(default_factory=dict)
    variable_of: dict[tuple[str, str], Variable] = field(default_factory=dict)
    deployables: dict[tuple[str, str], Ordered[Deployable]] = field(default_factory=dict)
    versions: dict[str, Ordered[Version]] = field(default_factory=dict)
    versions_in: dict[str, Ordered[Version]] = field(default_factory=dict)
    """By service: also those that outlived their function."""
    builds: dict[str, Ordered[Build]] = field(default_factory=dict)
    built: Counter[str] = field(default_factory=Counter)
    """Version → how many builds have it."""
    deployed: Counter[str] = field(default_factory=Counter)
    """Build → how many environments have it."""
    deployments: dict[str, Ordered[Deployment]] = field(default_factory=dict)
    content_chars: int = 0

    def add(self, row: ServerlessRow, key: int) -> None:
        """Let every index know of a row."""
        match row:
            case ServerlessService():
                self.services.add(key, row)
                claim(self.service_of, row.unique_name, row)
            case Environment():
                into(self.environments, row.service_sid, key, row)
                claim(self.environment_of, (row.service_sid, row.unique_name), row)
                claim(self.domain, row.domain_name, row)
                if row.build_sid is not None:
                    self.deployed[row.build_sid] += 1
            case Variable():
                into(self.variables, row.environment_sid, key, row)
                claim(self.variable_of, (row.environment_sid, row.key), row)
            case Deployable():
                into(self.deployables, (row.service_sid, row.type), key, row)
            case Version():
                into(self.versions, row.deployable_sid, key, row)
                into(self.versions_in, row.service_sid, key, row)
                self.content_chars += len(row.content)
            case Build():
                into(self.builds, row.service_sid, key, row)
                self.built.update((*row.function_versions, *row.asset_versions))
            case Deployment():
                into(self.deployments, row.environment_sid, key, row)

    def discard(self, row: ServerlessRow, key: int) -> None:
        """Let every index forget a row."""
        match row:
            case ServerlessService():
                self.services.discard(key)
                del self.service_of[row.unique_name]
            case Environment():
                out_of(self.environments, row.service_sid, key)
                del self.environment_of[row.service_sid, row.unique_name]
                del self.domain[row.domain_name]
                if row.build_sid is not None:
                    _less(self.deployed, row.build_sid)
            case Variable():
                out_of(self.variables, row.environment_sid, key)
                del self.variable_of[row.environment_sid, row.key]
            case Deployable():
                out_of(self.deployables, (row.service_sid, row.type), key)
            case Version():
                out_of(self.versions, row.deployable_sid, key)
                out_of(self.versions_in, row.service_sid, key)
                self.content_chars -= len(row.content)
            case Build():
                out_of(self.builds, row.service_sid, key)
                for sid in (*row.function_versions, *row.asset_versions):
                    _less(self.built, sid)
            case Deployment():
                out_of(self.deployments, row.environment_sid, key)

    def all_builds(self) -> Iterator[Build]:
        """Give every build of every service."""
        for builds in self.builds.values():
            yield from builds


def _less(count: Counter[str], sid: str) -> None:
    count[sid] -= 1
    if not count[sid]:
        del count[sid]
