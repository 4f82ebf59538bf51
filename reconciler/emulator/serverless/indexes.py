"""The ways to what Serverless keeps: turns its rows into ordered lists and names, and counts their bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from reconciler.emulator.errors import WorldError
from reconciler.emulator.ordered import Ordered, into, out_of

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

K = TypeVar("K")
R = TypeVar("R")


@dataclass(slots=True)
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
    holders: Counter[str] = field(default_factory=Counter)
    """Version or build → how many builds have that version, on how many environments that build is."""
    deployments: dict[str, Ordered[Deployment]] = field(default_factory=dict)
    content_chars: int = 0

    def add(self, row: ServerlessRow, key: int) -> None:
        """Let every index know of a row."""
        match row:
            case ServerlessService():
                self.services.add(key, row)
                _claim(self.service_of, row.unique_name, row)
            case Environment():
                into(self.environments, row.service_sid, key, row)
                _claim(self.environment_of, (row.service_sid, row.unique_name), row)
                _claim(self.domain, row.domain_name, row)
            case Variable():
                into(self.variables, row.environment_sid, key, row)
                _claim(self.variable_of, (row.environment_sid, row.key), row)
            case Deployable():
                into(self.deployables, (row.service_sid, row.type), key, row)
            case Version():
                into(self.versions, row.deployable_sid, key, row)
                into(self.versions_in, row.service_sid, key, row)
                self.content_chars += len(row.content)
            case Build():
                into(self.builds, row.service_sid, key, row)
            case Deployment():
                into(self.deployments, row.environment_sid, key, row)
        self.holders.update(_held(row))

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
            case Deployment():
                out_of(self.deployments, row.environment_sid, key)
        for sid in _held(row):
            self.holders[sid] -= 1
            if not self.holders[sid]:
                del self.holders[sid]

    def all_builds(self) -> Iterator[Build]:
        """Give every build of every service."""
        for builds in self.builds.values():
            yield from builds


def _claim(table: dict[K, R], name: K, row: R) -> None:
    """Let a row have a name. Raises WorldError where two have one, which only a torn world says."""
    if name in table:
        raise WorldError(f"The world is torn: two rows of Serverless have the name {name}.")
    table[name] = row


def _held(row: ServerlessRow) -> list[str]:
    """Return the SIDs of what cannot go while this row is there."""
    match row:
        case Build():
            return [*row.function_versions, *row.asset_versions]
        case Environment():
            return [row.build_sid] if row.build_sid else []
        case _:
            return []
