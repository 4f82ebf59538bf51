"""The admin paths described: turns routing tables into one OpenAPI document.

What a way takes stands at the start of its docstring, behind its method: a query as ``?name=…&other=…``, a
body as ``{name, other?}`` (two of them: either one), and a status other than 200 as (201). So there is no
second list of it, and a test holds every such line against what the way does.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .admin import Ways

_LINE = re.compile(
    r"(?:GET|POST|PUT|DELETE)(?P<takes>(?: (?:or )?``[^`]*``)*)"
    r"(?: \((?P<status>\d{3})\))?[:;] (?P<summary>.*)"
)
_BODY = re.compile(r"``\{([^`]*)\}``")
_QUERY = re.compile(r"``\?([^`]*)``")
_NAME = re.compile(r"(?:^|&)(\w+)=")
_IN_PATH = re.compile(r"\{(\w+)\}")
_STREAMS = frozenset({"events"})
_PROBLEM = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string"}},
}


def document(paths: Mapping[str, Ways], prefix: str) -> dict[str, Any]:
    """Return the description of these paths."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The emulator's own paths",
            "version": _version(),
            "description": "For 127.0.0.1 and localhost, without credentials. They are not Twilio's.",
        },
        "paths": {
            prefix + path: {method.lower(): _operation(path, method, way) for method, way in ways.items()}
            for path, ways in sorted(paths.items())
        },
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


def _version() -> str:
    try:
        return version("reconciler")
    except PackageNotFoundError:  # run from a folder that nobody installed
        return "0"


def _operation(path: str, method: str, way: Callable[..., Any]) -> dict[str, Any]:
    text = " ".join((way.__doc__ or "").split("\n\n")[0].split())
    line = _LINE.match(text)
    takes, status, summary = (line["takes"], line["status"], line["summary"]) if line else ("", None, text)
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}_{path}").strip("_"),
        "summary": summary.replace("``", "`"),
        "responses": {
            status or "200": {"description": "Done", "content": _answer(path, way)},
            "default": {
                "description": "Refused, with what is wrong",
                "content": _json({"$ref": "#/components/schemas/Problem"}),
            },
        },
    }
    queries = [name for query in _QUERY.findall(text) for name in _NAME.findall(query)]
    parameters = [_parameter(name, "path") for name in _IN_PATH.findall(path)]
    parameters += [_parameter(name, "query") for name in queries]
    if parameters:
        found["parameters"] = parameters
    if bodies := [_body(names) for names in _BODY.findall(takes)]:
        schema = bodies[0] if len(bodies) == 1 else {"oneOf": bodies}
        found["requestBody"] = {"required": True, "content": _json(schema)}
    return found


def _body(text: str) -> dict[str, Any]:
    """Return the schema of ``name, other?``; what stands behind a name's own colon is for people."""
    names = [part.split(":")[0].strip() for part in text.split(",")]
    return {
        "type": "object",
        "required": [name for name in names if not name.endswith("?")],
        "properties": {name.rstrip("?"): {} for name in names},
        "additionalProperties": False,
    }


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


def _answer(path: str, way: Callable[..., Any]) -> dict[str, Any]:
    is_list = str(way.__annotations__.get("return", "")).startswith("list")
    stream = {"text/event-stream": {"schema": {"type": "string"}}} if path in _STREAMS else {}
    return {**_json({"type": "array" if is_list else "object"}), **stream}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
