"""The admin paths described: turns routing tables into one OpenAPI document.

A way is described where it stands, once, by what answers it::

    @described(takes=record({"address": NAME, "sender?": TEXT}), gives=HANDSET)
    def stop(store, request):
        '''POST: STOP is sent to one sender, or to all that the handset knows.'''
        body = body_of(request, stop)  # refused with 400 and the name of the field, unless it fits

``takes`` is the shape of the body, ``gives`` that of the answer, ``query`` shapes by name, ``status`` is 200
unless it says otherwise; shapes are made by ``shapes``. The docstring, after the method, is the summary. A
way that nobody described gives an answer of any sort here, and a test counts it as missing.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from .admin import description_of
from .shapes import NAME, TEXT, Shape, named, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .admin import Ways

_LINE = re.compile(r"(?:GET|POST|PUT|DELETE)[^:;]*[:;] (?P<summary>.*)")
_IN_PATH = re.compile(r"\{(\w+)\}")
_STREAMS = frozenset({"events"})
_PROBLEM = named("Problem", record({"message": TEXT}))


def document(paths: Mapping[str, Ways], prefix: str) -> dict[str, Any]:
    """Return the description of these paths."""
    schemas: dict[str, Shape] = {}
    found = {
        prefix + path: {method.lower(): _operation(path, method, way) for method, way in ways.items()}
        for path, ways in sorted(paths.items())
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The emulator's own paths",
            "version": _version(),
            "description": "For 127.0.0.1 and localhost, without credentials. They are not Twilio's.",
        },
        "paths": _referring(found, schemas),
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _version() -> str:
    try:
        return version("reconciler")
    except PackageNotFoundError:  # run from a folder that nobody installed
        return "0"


def _operation(path: str, method: str, way: Callable[..., Any]) -> dict[str, Any]:
    text = " ".join((way.__doc__ or "").split("\n\n")[0].split())
    line, described = _LINE.match(text), description_of(way)
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}_{path}").strip("_"),
        "summary": (line["summary"] if line else text).replace("``", "`"),
        "responses": {
            str(described.status): {"description": "Done", "content": _answer(path, described.gives or {})},
            "default": {"description": "Refused, with what is wrong", "content": _json(_PROBLEM)},
        },
    }
    parameters = [_parameter(name, "path", NAME) for name in _IN_PATH.findall(path)]
    parameters += [_parameter(name, "query", shape) for name, shape in described.query.items()]
    if parameters:
        found["parameters"] = parameters
    if described.takes is not None:
        found["requestBody"] = {"required": True, "content": _json(described.takes)}
    return found


def _parameter(name: str, place: str, shape: Shape) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": shape}


def _answer(path: str, shape: Shape) -> dict[str, Any]:
    stream = {"text/event-stream": {"schema": TEXT}} if path in _STREAMS else {}
    return {**_json(shape), **stream}


def _json(shape: Shape) -> dict[str, Any]:
    return {"application/json": {"schema": shape}}


def _referring(node: Any, schemas: dict[str, Shape]) -> Any:
    """Return a document in which each named shape is a reference to the one place where it stands."""
    if isinstance(node, list):
        return [_referring(one, schemas) for one in node]
    if not isinstance(node, dict):
        return node
    found = {name: _referring(one, schemas) for name, one in node.items()}
    title = node.get("title")
    if not isinstance(title, str):  # a property may have that name
        return found
    schemas[title] = {name: one for name, one in found.items() if name != "title"}
    return {"$ref": f"#/components/schemas/{title}"}
