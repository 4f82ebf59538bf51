"""What admin paths share: turns a body or a query into checked values, a payload into an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

from reconciler.emulator.wire import Response

from .shapes import Shape, problem

if TYPE_CHECKING:
    from reconciler.emulator.store import Store
    from reconciler.emulator.wire import Request

Ways = Mapping[str, Callable[["Store", "Request"], Any]]
"""Method → what answers it: with a payload for 200, or a whole answer; it may raise AdminError."""


Way = TypeVar("Way", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Described:
    """What a way takes and gives: the shape of its body (None: it has none) and of its answer, its query."""

    takes: Shape | None = None
    gives: Shape | None = None
    query: Mapping[str, Shape] = field(default_factory=dict)
    status: int = 200


_DESCRIBED: dict[Callable[..., Any], Described] = {}


def described(
    *,
    takes: Shape | None = None,
    gives: Shape | None = None,
    query: Mapping[str, Shape] | None = None,
    status: int = 200,
) -> Callable[[Way], Way]:
    """Describe a way: for ``openapi.json``, and for ``body_of``, which refuses what is not taken."""

    def note(way: Way) -> Way:
        _DESCRIBED[way] = Described(takes, gives, query or {}, status)
        return way

    return note


def description_of(way: Callable[..., Any]) -> Described:
    """Return how a way was described; one that was not takes and gives whatever it does."""
    return _DESCRIBED.get(way, Described())


class AdminError(Exception):
    """A request that cannot be carried out: the status and what to say."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def answer(status: int, payload: Any) -> Response:
    """Return a JSON answer."""
    return Response(status, {"Content-Type": "application/json"}, json.dumps(payload).encode())


def refused(request: Request) -> Response:
    """Return 405 for a path that does not take the method."""
    return answer(405, {"message": f"{request.target} does not take {request.method}"})


def respond(store: Store, request: Request, ways: Ways) -> Response:
    """Answer a request by the way of its method."""
    way = ways.get(request.method)
    if way is None:
        return refused(request)
    try:
        payload = way(store, request)
    except AdminError as error:
        return answer(error.status, {"message": str(error)})
    return payload if isinstance(payload, Response) else answer(200, payload)


def id_of(request: Request) -> str:
    """Return the ``{id}`` of a path, which is its second part."""
    return request.target.partition("?")[0].split("/")[3]


def query_of(request: Request) -> dict[str, str]:
    """Return the query's parameters; of a repeated one the last."""
    return dict(parse_qsl(request.target.partition("?")[2], keep_blank_values=True))


def body_of(request: Request, way: Callable[..., Any]) -> dict[str, Any]:
    """Return a body that has the shape a way is described with. Raises AdminError, which names the field."""
    body = _parsed(request)
    wrong = problem(description_of(way).takes or {}, body)
    if wrong is not None:
        raise AdminError(wrong)
    found: dict[str, Any] = body
    return found


def _parsed(request: Request) -> Any:
    try:
        return json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AdminError("the body is not JSON") from error


def count_in(query: Mapping[str, str], name: str, default: int) -> int:
    """Return a whole number of a query. Raises AdminError."""
    value = query.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise AdminError(f"{name}: is not a whole number")
    return int(value)
