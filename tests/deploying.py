"""Ways to put functions and assets where the emulator serves them: an upload, and what follows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.emulator import Store, ask
from reconciler.emulator.doors.in_process import authorization, request_to
from reconciler.emulator.handle import handle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.emulator.wire import Response

SERVICES = "https://serverless.twilio.com/v1/Services"
UPLOADS = "https://serverless-upload.twilio.com/v1/Services"
BOUNDARY = "----of-a-test"


def part(name: str, content: bytes, content_type: str = "") -> bytes:
    """Return one part of a multipart body, as a browser writes it."""
    head = f'Content-Disposition: form-data; name="{name}"'
    if content_type:
        head += f'; filename="it"\r\nContent-Type: {content_type}'
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def body_of(*parts: bytes) -> bytes:
    """Return the parts with their end."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def posted(store: Store, url: str, body: bytes, kind: str | None = None) -> tuple[int, Any]:
    """Return status and answer of a POST of these bytes."""
    kind = kind or f"multipart/form-data; boundary={BOUNDARY}"
    headers = {"Authorization": authorization(store.account), "Content-Type": kind}
    response = handle(store, request_to("POST", url, headers, body))
    return response.status, json.loads(response.body)


def uploaded(
    store: Store,
    parent: dict[str, Any],
    path: str,
    content: bytes,
    visibility: str = "public",
    content_type: str = "application/javascript",
) -> dict[str, Any]:
    """Return a new version of a function or an asset."""
    url = f"{parent['url'].replace('//serverless.', '//serverless-upload.')}/Versions"
    parts = (part("Path", path.encode()), part("Visibility", visibility.encode()))
    status, made = posted(store, url, body_of(*parts, part("Content", content, content_type)))
    assert status == 201, made
    found: dict[str, Any] = made
    return found


class Project:
    """A service with an environment, and ways to put more into it."""

    def __init__(self, store: Store, name: str = "shop", suffix: str = "") -> None:
        self.store = store
        self.service = self.made(SERVICES, UniqueName=name, FriendlyName=name.title())
        self.environment = self.made(
            self.service["links"]["environments"], UniqueName="production", DomainSuffix=suffix
        )
        self.domain = f"https://{self.environment['domain_name']}"

    def made(self, url: str, **form: Any) -> dict[str, Any]:
        status, body = ask(self.store, "POST", url, form)
        assert status == 201, body
        found: dict[str, Any] = body
        return found

    def version(
        self, type_: str, path: str, content: bytes = b"exports.handler = 1;", visibility: str = "public"
    ) -> dict[str, Any]:
        """Return a version of a new function or asset."""
        parent = self.made(self.service["links"][f"{type_}s"], FriendlyName=path)
        return uploaded(self.store, parent, path, content, visibility)

    def build(self, *versions: dict[str, Any], **form: Any) -> dict[str, Any]:
        """Return a new build of these versions, which is building."""
        names = {"function_sid": "FunctionVersions", "asset_sid": "AssetVersions"}
        for key, name in names.items():
            form[name] = [one["sid"] for one in versions if key in one]
        return self.made(self.service["links"]["builds"], **form)

    def deploy(self, *versions: dict[str, Any]) -> dict[str, Any]:
        """Have these versions built, wait, and put them on the environment."""
        build = self.build(*versions)
        self.store.advance(2)
        return self.made(self.environment["links"]["deployments"], BuildSid=build["sid"])

    def get(self, path: str, method: str = "GET", form: Sequence[bytes] = (), **headers: str) -> Response:
        """Return what the environment's domain answers."""
        url = self.domain + path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return handle(self.store, request_to(method, url, named, b"&".join(form)))
