"""Functions: a service of this run's own, with one that nobody can call, because nothing is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.verifying.asking import SERVERLESS, UPLOADS, Raw
from reconciler.verifying.seeing import said
from reconciler.verifying.site import CannotAskError, Probe

if TYPE_CHECKING:
    from reconciler.verifying.site import Seen, Site

_BOUNDARY = "reconciler-verify"
_SOURCE = "exports.handler = (context, event, callback) => callback(null, {});"
_PAUSE_S, _LONGEST_S = 1.0, 90.0


def _upload(path: str) -> Raw:
    parts = (
        '"Path"\r\n\r\n' + path,
        '"Visibility"\r\n\r\nprivate',
        f'"Content"; filename="f.js"\r\nContent-Type: application/javascript\r\n\r\n{_SOURCE}',
    )
    lines = [f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name={part}\r\n" for part in parts]
    text = "".join([*lines, f"--{_BOUNDARY}--\r\n"])
    return Raw(f"multipart/form-data; boundary={_BOUNDARY}", text.encode())


async def _version(site: Site, hint: str) -> tuple[str, str]:
    """Return the URL of a new function, and the sid of its version."""
    service = await site.functions()
    made = await site.must(f"{service}/Functions", {"FriendlyName": hint})
    at = f"{UPLOADS}{service[len(SERVERLESS) :]}/Functions/{made['sid']}/Versions"
    return f"{service}/Functions/{made['sid']}", (await site.must(at, _upload(f"/{hint}")))["sid"]


async def _built(site: Site, version: str) -> str:
    """Return how a build of a version ends."""
    at, waited_s = f"{await site.functions()}/Builds", 0.0
    build = (await site.must(at, {"FunctionVersions": version}))["sid"]
    while waited_s < _LONGEST_S:
        if (status := (await site.get(f"{at}/{build}")).row["status"]) != "building":
            return str(status)
        await site.sleep(_PAUSE_S)
        waited_s += _PAUSE_S
    raise CannotAskError(f"a build took longer than {_LONGEST_S:g} s")


async def _in_use(site: Site) -> Seen:
    function, version = await _version(site, "used")
    return {"built": await _built(site, version), "deleted": said(await site.delete(function))}


async def _runtimes(site: Site) -> Seen:
    _, version = await _version(site, "old")
    at = f"{await site.functions()}/Builds"
    names = ("node8", "node18", "node22", "node99")
    forms = {name: {"FunctionVersions": version, "Runtime": name} for name in names}
    return {name: said(await site.post(at, form)) for name, form in forms.items()}


PROBES = (
    Probe("functions/in use", "deleting a function that a build has", _in_use, ("delete_in_use",)),
    Probe("functions/runtimes", "which runtimes a build takes", _runtimes, ("oldest_runtime",)),
)
