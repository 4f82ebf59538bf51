"""The whole of Twilio as one function: a world and a request in, a response out, no socket anywhere.

Which product is meant follows from the Host header, else from a first path segment that is a product's host
(then every URL in the answer keeps it), else it is Conversations; any other host of Twilio's is not emulated.
Faults wrap this function from outside (``trouble``): what happens before it was never processed, what happens
after it is committed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .accounts import routes as account_routes
from .call import Asked, Call
from .content import routes as content_routes
from .conversations import routes
from .errors import ApiError
from .events import Cause
from .request_log import stopwatch_s
from .serverless import routes as serverless_routes
from .serverless import sites, uploads
from .sync import routes as sync_routes
from .wire import Form, credentials_of, error_response, form_of, json_response

if TYPE_CHECKING:
    from .call import Reply
    from .operations import Handler, Match
    from .store import Store
    from .wire import Request, Response

_PRODUCT_HOST = re.compile(r"([a-z-]+)((?:\.[a-z0-9-]+){0,2})\.twilio\.com(?::\d+)?", re.IGNORECASE)
_OTHER_HOST = re.compile(r"(.*\.(?:twilio\.com|twil\.io))(?::\d+)?", re.IGNORECASE)
_REGION = re.compile(r"[a-z]{2}\d")
_HOME_REGION = "us1"
_QUIET, _TELLING = (Cause("API", "API", webhooks=asked) for asked in (False, True))
READS = ("GET", "HEAD", "OPTIONS")
TABLES = {
    "conversations": routes.TABLE,
    "sync": sync_routes.TABLE,
    "content": content_routes.TABLE,
    "serverless": serverless_routes.TABLE,
}
_LATER = {
    ("content", "v2"): content_routes.V2,
    ("serverless-upload", "v1"): uploads.TABLE,
    ("api", "2010-04-01"): account_routes.TABLE,
}
_EMULATED = {*TABLES, *(product for product, _ in _LATER)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: product, region, the URL before the path, the path (raw) and the query.

    A host of Twilio's that is no product's stands for itself.
    """

    product: str
    region: str
    origin: str
    path: str
    query: str

    @property
    def domain(self) -> str:
        """The host of the product, in its home region."""
        return self.product if "." in self.product else f"{self.product}.twilio.com"


def handle(store: Store, request: Request) -> Response:
    """Answer one call. Whatever it changed is committed when this returns."""
    start_s = stopwatch_s()
    with store.lock:
        arrive(store, request)
        number = store.calls
        response = process(store, request, number)
        store.requests.note(number, store.now_s(), request, response, stopwatch_s() - start_s)
        return response


def arrive(store: Store, request: Request) -> None:
    """Count a call and let happen what is due before it."""
    store.calls += 1
    store.writes += request.method not in READS
    store.clock.settle()
    store.faults.settle(store.calls - 1)


def process(store: Store, request: Request, number: int) -> Response:
    """Answer a call that has arrived as this number, and commit."""
    with store.lock:
        place = locate(request)
        if sites.is_site(place.product):
            store.commit()
            return sites.served(store, request, place.product, number)
        headers = {"X-API-Domain": place.domain}
        try:
            with store.events.caused_by(_cause(request)):
                status, payload = _answer(store, request, place)
            if isinstance(payload, dict) and "revision" in payload:
                headers["ETag"] = payload["revision"]  # documented: they correspond one to one
            response = json_response(status, payload, number, headers)
            store.committed += request.method not in READS
        except ApiError as error:
            response = error_response(error, store.switches, number, headers)
        store.clock.settle()  # what the call set going and needs no time
        store.commit()
        return response


def _cause(request: Request) -> Cause:
    """Return who causes what a call does; by REST webhooks are asked for with a header (documented)."""
    return _TELLING if request.headers.get("x-twilio-webhook-enabled", "").lower() == "true" else _QUIET


def _answer(store: Store, request: Request, place: Place) -> Reply:
    handler, asked = _routed(store, request, place)
    if isinstance(asked, Call) and request.method not in READS:
        store.limits.count(asked, store.now_s())
    return handler(asked)


def routed(store: Store, request: Request) -> Call | None:
    """Return the call of Conversations that a request would be, None for another product's."""
    _, asked = _routed(store, request, locate(request))
    return asked if isinstance(asked, Call) else None


def _routed(store: Store, request: Request, place: Place) -> tuple[Handler, Asked]:
    if place.product not in _EMULATED:
        raise ApiError(20501, f"{place.domain} is not emulated")
    credentials = credentials_of(request)
    if credentials is None or not store.account.admits(*credentials):
        raise ApiError(20003)
    if place.region != _HOME_REGION:
        raise ApiError(50385) if place.product == "conversations" else _elsewhere(place)
    if place.product == "sync" and not store.account.sync:
        raise ApiError(70051)
    version, _, path = place.path[1:].partition("/")
    found = found_in(place, request.method)
    if found is None:
        raise ApiError(20501, _unknown(place))
    if found.operation is None:
        raise ApiError(20004)
    if found.operation.handler is None:
        raise ApiError(20501, f"{found.operation.name} is not emulated")
    asked = Asked(
        store,
        request,
        f"{place.origin}/{version}",
        f"/{path}",
        found.ids,
        Form.parsed(place.query),
        form_of(request),
    )
    return found.operation.handler, _call(asked) if place.product == "conversations" else asked


def found_in(place: Place, method: str) -> Match | None:
    """Return where the tables lead: by the version in the path, its operation, if it has one."""
    version, _, path = place.path[1:].partition("/")
    table = _LATER.get((place.product, version)) or (TABLES.get(place.product) if version == "v1" else None)
    return table.match(method, f"/{path}") if table else None


def _unknown(place: Place) -> str:
    if place.product == "api":
        return f"{place.domain} is not emulated, but for fetching the account"
    table = TABLES.get(place.product)
    name = table.product if table else place.domain
    return f"{place.path} is not emulated: it is not in Twilio's description of {name}"


def _elsewhere(place: Place) -> ApiError:
    return ApiError(20501, f"{place.product}.twilio.com is emulated in {_HOME_REGION} only")


def _call(asked: Asked) -> Call:
    """Return a call of Conversations: of the service in the path, else of the default one."""
    store = asked.store
    service = store.service(asked.ids.get("ChatServiceSid", store.configuration.default_chat_service_sid))
    if service is None:
        raise asked.not_found()
    return Call(store, asked.request, asked.root, asked.path, asked.ids, asked.query, asked.form, service)


def locate(request: Request) -> Place:
    """Return the product a request is for, and the origin that URLs in its answer start with."""
    path, _, query = request.target.partition("?")
    origin = f"{request.scheme}://{request.host}"
    by_host = _PRODUCT_HOST.fullmatch(request.host)
    if by_host:
        return Place(by_host[1].lower(), _region(by_host[2]), origin, path, query)
    if other := _OTHER_HOST.fullmatch(request.host):
        return Place(other[1].lower(), _HOME_REGION, origin, path, query)
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
