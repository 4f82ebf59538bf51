"""The whole of Twilio as one function: a world and a request in, a response out, no socket anywhere.

Which product is meant follows from the Host header, else from a first path segment that is a product's host
(then every URL in the answer keeps it), else it is Conversations. Faults, latency and limits wrap this
function from outside: what happens before it was never processed, what happens after it is committed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import routes
from .call import Call
from .errors import ApiError
from .wire import Form, Response, credentials_of, error_response, form_of, json_response

if TYPE_CHECKING:
    from .call import Reply
    from .store import Store
    from .wire import Request

_PRODUCT_HOST = re.compile(r"([a-z-]+)((?:\.[a-z0-9-]+){0,2})\.twilio\.com(?::\d+)?", re.IGNORECASE)
_REGION = re.compile(r"[a-z]{2}\d")
_HOME_REGION = "us1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: product, region, the URL before the path, the path (raw) and the query."""

    product: str
    region: str
    origin: str
    path: str
    query: str


def handle(store: Store, request: Request) -> Response:
    """Answer one call. Whatever it changed is committed when this returns."""
    with store.lock:
        store.calls += 1
        store.clock.settle()
        try:
            status, payload = _answer(store, request)
            response = json_response(status, payload, store.calls)
        except ApiError as error:
            response = error_response(error, store.switches, store.calls)
        store.commit()
        return response


def _answer(store: Store, request: Request) -> Reply:
    credentials = credentials_of(request)
    if credentials is None or not store.account.admits(*credentials):
        raise ApiError(20003)
    place = locate(request)
    if place.product != "conversations":
        raise ApiError(20501, f"{place.product}.twilio.com is not emulated")
    if place.region != _HOME_REGION:
        raise ApiError(50385)
    version, _, path = place.path[1:].partition("/")
    found = routes.match(request.method, f"/{path}") if version == "v1" else None
    if found is None:
        raise ApiError(
            20501, f"{place.path} is not emulated: it is not in Twilio's description of Conversations v1"
        )
    if found.operation is None:
        raise ApiError(20004)
    if found.operation.handler is None:
        raise ApiError(20501, f"{found.operation.name} is not emulated")
    return found.operation.handler(_call(store, request, place, f"/{path}", found.ids))


def _call(store: Store, request: Request, place: Place, path: str, ids: dict[str, str]) -> Call:
    service_sid = ids.get("ChatServiceSid", store.configuration.default_chat_service_sid)
    service = store.service(service_sid)
    if service is None:
        raise ApiError(20404, f"The requested resource {path} was not found")
    return Call(
        store=store,
        request=request,
        root=f"{place.origin}/v1",
        path=path,
        ids=ids,
        query=Form.parsed(place.query),
        form=form_of(request),
        service=service,
    )


def locate(request: Request) -> Place:
    """Return the product a request is for, and the origin that URLs in its answer start with."""
    path, _, query = request.target.partition("?")
    origin = f"{request.scheme}://{request.host}"
    by_host = _PRODUCT_HOST.fullmatch(request.host)
    if by_host:
        return Place(by_host[1].lower(), _region(by_host[2]), origin, path, query)
    first = path[1:].partition("/")[0]
    by_path = _PRODUCT_HOST.fullmatch(first)
    if by_path:
        return Place(
            by_path[1].lower(), _region(by_path[2]), f"{origin}/{first}", path[len(first) + 1 :], query
        )
    return Place("conversations", _HOME_REGION, origin, path, query)


def _region(labels: str) -> str:
    """Return the region of ``.ashburn.us1`` (edge and region) or ``.ie1``; one that is not named is us1."""
    last = labels.lower().rpartition(".")[2]
    return last if _REGION.fullmatch(last) else _HOME_REGION
