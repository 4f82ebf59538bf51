"""The files of the page: turns ``/`` and ``/_page/NAME`` into what the folder ``page`` has, nothing else.

Only names that are in that folder exist; a path is compared and never put together. The page may load and
call this very origin only, and cannot be framed.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from reconciler.emulator.wire import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.emulator.wire import Request

_FOLDER = "/_page/"
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def _contents() -> Mapping[str, tuple[str, bytes]]:
    """Return every path of the page with its type and content."""
    found = {}
    for one in files("reconciler.emulator").joinpath("page").iterdir():
        kind = _TYPES.get(one.name.rpartition(".")[2])
        if kind:
            path = "/" if one.name == "index.html" else f"{_FOLDER}{one.name}"
            found[path] = (f"{kind}; charset=utf-8", one.read_bytes())
    return found


def is_page(request: Request) -> bool:
    """Tell whether a request is for the page; what comes through a tunnel to a host of Twilio's never is."""
    path = _path(request)
    return request.scheme == "http" and (path == "/" or path.startswith(_FOLDER))


def page(request: Request) -> Response:
    """Answer with a file of the page."""
    found = _contents().get(_path(request))
    if found is None:
        return Response(404, {"Content-Type": "text/plain; charset=utf-8", **_HEADERS}, b"No such file\n")
    if request.method not in ("GET", "HEAD"):
        return Response(405, {"Allow": "GET, HEAD", **_HEADERS}, b"")
    kind, content = found
    return Response(200, {"Content-Type": kind, **_HEADERS}, content)


def _path(request: Request) -> str:
    return request.target.partition("?")[0]
