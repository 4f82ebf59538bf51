"""The nouns of Serverless: one mutable record per live resource, as it is kept, not as it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class ServerlessService:
    """A project: functions, assets, builds and environments, under one base of domain names."""

    sid: str
    seq: int
    unique_name: str
    friendly_name: str
    include_credentials: bool
    ui_editable: bool
    domain_base: str
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Environment:
    """A domain of a service, with its variables; ``build_sid`` is what is deployed there."""

    sid: str
    seq: int
    service_sid: str
    unique_name: str
    domain_suffix: str | None
    domain_name: str
    build_sid: str | None
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Variable:
    """A variable of an environment; its value can be read by API (documented)."""

    sid: str
    seq: int
    environment_sid: str
    key: str
    value: str
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Deployable:
    """A function or an asset (``type``): a name for a line of versions."""

    sid: str
    seq: int
    service_sid: str
    type: str
    friendly_name: str
    date_created: int
    date_updated: int


@dataclass(slots=True)
class Version:
    """What was uploaded once for a function or an asset; ``content`` is base64."""

    sid: str
    seq: int
    service_sid: str
    deployable_sid: str
    type: str
    path: str
    visibility: str
    content_type: str
    content: str
    date_created: int


@dataclass(slots=True)
class Build:
    """Versions that go together; while it is building, ``verdict`` is what it becomes at ``due_s``.

    Without a verdict it builds until someone decides. ``reason`` says why it fails, or failed.
    """

    sid: str
    seq: int
    service_sid: str
    status: str
    function_versions: list[str]
    asset_versions: list[str]
    dependencies: list[dict[str, Any]]
    runtime: str
    date_created: int
    date_updated: int
    verdict: str | None = None
    due_s: float | None = None
    reason: str | None = None


@dataclass(slots=True)
class Deployment:
    """A build put on an environment (None: nothing), at one time."""

    sid: str
    seq: int
    environment_sid: str
    build_sid: str | None
    date_created: int
    date_updated: int


ServerlessRow = ServerlessService | Environment | Variable | Deployable | Version | Build | Deployment
SERVERLESS_KINDS: dict[str, type[ServerlessRow]] = {
    "serverless_service": ServerlessService,
    "environment": Environment,
    "variable": Variable,
    "deployable": Deployable,
    "version": Version,
    "build": Build,
    "deployment": Deployment,
}
