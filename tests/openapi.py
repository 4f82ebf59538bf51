"""Twilio's OpenAPI files as a check of answers, and a list of what can be asked; not part of the checkout."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.emulator.handle import TABLES

ROOT = Path(__file__).resolve().parent.parent
TWILIO = ROOT.parent / "shared" / "twilio"
OPENAPI = {product: TWILIO / "openapi" / f"twilio_{product}_v1.json" for product in TABLES}
needs_openapi = pytest.mark.skipif(
    not all(path.exists() for path in OPENAPI.values()), reason=f"Twilio's OpenAPI is not at {TWILIO}"
)

_FORMATS = {
    "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "uri": r"https://(conversations|sync|content|serverless)\.twilio\.com/v[12]/\S+|https://(www\.)?example\.com/\S*",
}


class Oracle:
    """Twilio's OpenAPI as a check of (method, path, status, body); says which operations it has checked."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = _typed(copy.deepcopy(document))
        for name in _ALSO_NULL & self._document["components"]["schemas"].keys():
            schema = self._document["components"]["schemas"][name]
            schema |= {"type": ["string", "null"], "enum": [*schema["enum"], None]}
        self.checked: set[str] = set()

    def operation(self, method: str, path: str) -> dict[str, Any]:
        for template, ways in self._document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in ways:
                found: dict[str, Any] = ways[method.lower()]
                return found
        raise AssertionError(f"{method} {path} is not in the OpenAPI")

    def problems(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """Return what is wrong with an answer; an empty list is a pass."""
        operation = self.operation(method, path)
        self.checked.add(operation["operationId"])
        if str(status) not in operation["responses"]:
            return [f"status {status} is not described"]
        content = operation["responses"][str(status)].get("content")
        if content is None:
            return [] if body is None else ["a body where none is described"]
        schema = content["application/json"]["schema"]
        whole = {**schema, "components": self._document["components"]}
        validator = jsonschema.Draft202012Validator(whole)
        found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
        return found + self._keys(schema, body, "$")

    def _keys(self, schema: dict[str, Any], value: Any, where: str) -> list[str]:
        """Compare keys and texts: the OpenAPI requires no key, JSON Schema takes any text for a date."""
        schema = self._resolved(schema)
        shape = _FORMATS.get(schema.get("format", ""))
        if shape is not None and isinstance(value, str) and not re.fullmatch(shape, value):
            return [f"{where}: {value!r} is no {schema['format']} as Twilio writes it"]
        if isinstance(value, list) and "items" in schema:
            items = schema["items"]
            return [p for i, item in enumerate(value) for p in self._keys(items, item, f"{where}[{i}]")]
        if not isinstance(value, dict) or "properties" not in schema:
            return []
        wrong = sorted(set(schema["properties"]) ^ set(value))
        found = [f"{where}: keys differ from the schema's: {wrong}"] if wrong else []
        for name in schema["properties"].keys() & value.keys():
            found += self._keys(schema["properties"][name], value[name], f"{where}.{name}")
        return found

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in schema:
            return schema
        found: dict[str, Any] = self._document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found


# What an example or a description shows as null, although its schema does not say so.
_ALSO_NULL = {
    "conversation_message_receipt_enum_delivery_status",
    "service_conversation_message_receipt_enum_delivery_status",
    "service_webhook_configuration_enum_method",
}
_OBJECTS = (
    *("timers", "bindings", "configuration", "messaging_binding", "delivery", "auto_creation"),
    *("new_message", "added_to_conversation", "removed_from_conversation"),
    *("data", "whatsapp", "variables", "types", "approval_requests", "links"),
)


def _typed(node: Any, name: str = "") -> Any:
    """Give ``nullable`` its type: OpenAPI 3.0 means "or null", and JSON Schema would not look at it."""
    if isinstance(node, list):
        return [_typed(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _typed(value, key) for key, value in node.items()}
    if node.get("nullable") is True:
        if "type" not in node and "$ref" not in node:
            assert name.endswith(_OBJECTS), f"what {name} holds is unknown: nullable without a type"
            node["type"] = "object"
        if "type" in node:
            node["type"] = [node["type"], "null"]
        if "enum" in node:
            node["enum"] = [*node["enum"], None]
    return node


def described(product: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OPENAPI[product].read_text(encoding="utf-8"))
    return found
