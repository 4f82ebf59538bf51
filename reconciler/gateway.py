"""Calls → rows: the only door to Twilio, and the only importer of its SDK.

One generic door over the SDK's own request path. It follows pages, bounds concurrency, waits and repeats
where that is safe, and turns every refusal into one `ApiError`. It starts read-only: a write before
`allow_writes` is a mistake of ours, and raises. While a plan is carried out a brake may stop it: no call
starts once it is tripped.
"""

from __future__ import annotations

import base64
import random
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from reconciler.answers import NOT_TWILIO, checked_row, is_absence, retry_after_s, row_of, shown, translate
from reconciler.bodies import encode
from reconciler.brake import Brake
from reconciler.diagnostics import ApiError
from reconciler.pace import Concurrency, Rate, WallClock
from reconciler.transport import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.pace import Clock
    from reconciler.step import Body, Row
    from reconciler.transport import Transport

TIMEOUT_S = 15.0
ATTEMPTS = 6
ATTEMPTS_TO_CONNECT = 2
"""Where nobody listens at all, waiting long helps nobody."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 20.0
_LONGEST_ASKED_S = 300.0
"""A server that asks for a longer pause than this is not waited for."""


class WriteWhilePlanningError(RuntimeError):
    """Something tried to write while the gateway was read-only: a mistake in the program."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account, and the user name and password that open it (``AC…`` and token, or ``SK…`` and secret)."""

    account_sid: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.account_sid})"


class Gateway:
    """The door to one account; `endpoint` replaces ``https://<product>.`` by ``<endpoint>/<product>.``."""

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        endpoint: str = "",
        parallelism: int = 10,
        writes_per_second: float = 0,
        timeout_s: float = TIMEOUT_S,
        clock: Clock | None = None,
        seed: int | None = None,
    ) -> None:
        self.account_sid = credentials.account_sid
        self.calls: Counter[str] = Counter()
        """How many calls were sent, by method."""
        self._endpoint = endpoint.rstrip("/")
        self._clock = clock or WallClock()
        self._concurrency = Concurrency(parallelism, self._clock)
        self._rate = Rate(writes_per_second, self._clock)
        self._jitter = random.Random(seed)  # noqa: S311 - spreads waiting callers, guards nothing
        self._timeout_s = timeout_s
        self._writers = 0
        self._brake = Brake(self._clock)
        # An edge or region in the environment must not move calls away from an endpoint that was named.
        environment = {"PATH": ""} if endpoint else None
        self._client = Client(
            credentials.username,
            credentials.password,
            credentials.account_sid,
            http_client=_Door(transport),
            environment=environment,
        )

    @contextmanager
    def allow_writes(self, brake: Brake | None = None) -> Iterator[None]:
        """Let writes through for the length of a block; while `brake` is on, no call starts in it."""
        before, self._brake = self._brake, brake or self._brake
        self._writers += 1
        try:
            yield
        finally:
            self._writers -= 1
            self._brake = before

    async def get(self, host: str, path: Sequence[str], query: Mapping[str, str] | None = None) -> Row:
        """Return one resource. Raises ApiError (20404 where there is none)."""
        return await self._call(_Call("GET", self._url(host, path, query)))

    async def find(self, host: str, path: Sequence[str]) -> Row | None:
        """Return one resource, or None where there is none."""
        try:
            return await self.get(host, path)
        except ApiError as refusal:
            if is_absence(refusal):
                return None
            raise

    async def list(
        self, host: str, path: Sequence[str], key: str, page_size: int, query: Mapping[str, str] | None = None
    ) -> list[Row]:
        """Return all rows of a collection, each once, although pages may shift while they are read."""
        url = self._url(host, path, {"PageSize": str(page_size), **(query or {})})
        rows: dict[object, Row] = {}
        seen: set[str] = set()
        while url:
            if url in seen:
                raise ApiError(f"the pages of {'/'.join(path)} lead in a circle", "Try again later.")
            seen.add(url)
            page = await self._call(_Call("GET", url))
            meta = page.get("meta") or {}
            if not isinstance(page.get(key), list) or not isinstance(meta, dict):
                summary = f"GET {shown(url)}: the answer holds no {key}"
                raise ApiError(summary, NOT_TWILIO)
            for row in page[key]:
                rows[checked_row("GET", url, row).get("sid") or len(rows)] = row
            following = meta.get("next_page_url")
            url = self._own(host, str(following)) if following else ""
        return [*rows.values()]

    async def write(
        self,
        method: str,
        host: str,
        path: Sequence[str],
        body: Body | None,
        family: str,
        *,
        headers: Mapping[str, str] | None = None,
        leaving: Callable[[], None] = lambda: None,
        merge: Callable[[Row], Body] | None = None,
    ) -> Row:
        """Send one write and return its answer. `family` is what the write counts against in the rate.

        With `merge` the resource is read each time right before it is written, behind every queue, and the
        body is made from what was read. `leaving` is called right before the write goes, each time it does.
        Raises ApiError, `ambiguous` where nobody can tell whether it happened, and StoppedError where the
        brake kept it from going.
        """
        if not self._writers:
            raise WriteWhilePlanningError(f"{method} {'/'.join(path)} while planning")
        return await self._call(
            _Call(method, self._url(host, path, None), body, family, headers or {}, leaving, merge)
        )

    # --- one call ------------------------------------------------------------------------------------------

    async def _call(self, call: _Call) -> Row:
        for attempt in range(ATTEMPTS):
            outcome = await self._attempt(call)
            if not isinstance(outcome, _Again):
                return outcome
            if attempt + 1 >= outcome.attempts or outcome.pause_s > _LONGEST_ASKED_S:
                raise outcome.refusal
            await self._brake.sleep(outcome.pause_s or self._pause_s(attempt))
        raise AssertionError("unreachable")

    async def _attempt(self, call: _Call) -> Row | _Again:
        await self._enter(call.family)
        try:
            if call.merge is None:
                return await self._sent(call)
            fresh = await self._sent(_Call("GET", call.url))
            if isinstance(fresh, _Again):
                return fresh
            return await self._sent(replace(call, body=call.merge(fresh)))
        finally:
            await self._concurrency.leave()

    async def _sent(self, call: _Call) -> Row | _Again:
        content_type, content = encode(call.body)
        headers = {"Content-Type": content_type} if content_type else {}
        self._brake.check()
        call.leaving()
        self.calls[call.method] += 1
        try:
            answer = await self._client.request_async(
                call.method,
                call.url,
                headers=headers | dict(call.headers),
                data=content,
                timeout=self._timeout_s,
            )
        except TransportError as fault:
            return self._unanswered(call.method, call.url, fault)
        return self._answered(call.method, call.url, answer)

    async def _enter(self, family: str | None) -> None:
        """Wait for a place; a write waits for its family's turn too, so that it goes when it is counted."""
        if family is None:
            await self._concurrency.enter(self._brake)
            return
        async with self._rate.turn(family, self._brake):
            await self._concurrency.enter(self._brake)

    def _unanswered(self, method: str, url: str, fault: TransportError) -> _Again:
        lost = method != "GET" and fault.sent
        refusal = ApiError(
            f"{method} {shown(url)}: {fault}",
            "Whether it happened is unknown; the next plan will tell."
            if lost
            else "Check the network and try again.",
            ambiguous=lost,
        )
        if lost:
            raise refusal
        return _Again(refusal, attempts=ATTEMPTS if fault.sent else ATTEMPTS_TO_CONNECT)

    def _answered(self, method: str, url: str, answer: Response) -> Row | _Again:
        status = answer.status_code
        if status < 300:
            return row_of(method, url, answer.text)
        refusal = translate(method, url, answer)
        if method == "DELETE" and is_absence(refusal):
            return {}
        if status == 429:
            self._concurrency.slow_down()
            return _Again(refusal, retry_after_s(answer))
        if status >= 500 and method == "GET":
            return _Again(refusal, retry_after_s(answer))
        raise refusal

    def _pause_s(self, attempt: int) -> float:
        longest_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt)
        return float(longest_s) * (0.5 + self._jitter.random() / 2)

    # --- addresses -----------------------------------------------------------------------------------------

    def _base(self, host: str) -> str:
        return f"{self._endpoint}/{host}.twilio.com" if self._endpoint else f"https://{host}.twilio.com"

    def _url(self, host: str, path: Sequence[str], query: Mapping[str, str] | None) -> str:
        tail = "/".join(_segment(part) for part in path)
        return f"{self._base(host)}/{tail}" + (f"?{urlencode(query)}" if query else "")

    def _own(self, host: str, url: str) -> str:
        """Return a page's url if it leads where its first page came from: credentials go nowhere else."""
        here = urlsplit(self._base(host))
        try:
            there = urlsplit(url if _PLAIN_URL.fullmatch(url) else "")
        except ValueError:
            there = urlsplit("")
        origins = {(here.scheme, here.netloc), (here.scheme, self._client_host(host))}
        inside = there.path.startswith(f"{here.path}/") and ".." not in unquote(there.path).split("/")
        if (there.scheme, there.netloc) not in origins or not inside:
            summary = f"a page of {host} leads to another place: {there.hostname}"
            raise ApiError(summary, "It was not followed.")
        return urlunsplit((there.scheme, there.netloc, there.path, there.query, ""))

    def _client_host(self, host: str) -> str:
        return str(urlsplit(self._client.get_hostname(f"https://{host}.twilio.com")).netloc)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call to send. `family` is what a write counts against in the rate; None for a read."""

    method: str
    url: str
    body: Body | None = None
    family: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    leaving: Callable[[], None] = lambda: None
    merge: Callable[[Row], Body] | None = None


@dataclass(frozen=True, slots=True)
class _Again:
    """A call that may be repeated safely, after `pause_s` where the server named a time."""

    refusal: ApiError
    pause_s: float = 0.0
    attempts: int = ATTEMPTS
    """How many there may be in all."""


class _Door(AsyncHttpClient):  # type: ignore[misc]  # the SDK carries no types
    """The SDK's way to bring one's own HTTP client: bytes in, bytes out, nothing logged."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(logger=None, is_async=True)
        self._transport = transport

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the SDK's signature
        allow_redirects: bool = False,  # noqa: ARG002 - the SDK's signature
    ) -> Response:
        """Carry one call of the SDK over our transport."""
        full = f"{url}?{urlencode(params)}" if params else url
        sent = dict(headers or {})
        if auth:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        status, answered, body = await self._transport.send(
            method, full, sent, data or b"", timeout or TIMEOUT_S
        )
        return Response(status, body.decode("utf-8", "replace"), answered)


# --- segments ----------------------------------------------------------------------------------------------


_PLAIN_URL = re.compile(r"[!-\[\]-~]+")
"""Printable ASCII without a backslash: nothing that two readers of a url take differently."""


def _segment(part: str) -> str:
    """Return one segment of a path. Raises ValueError where it is empty: that would be the path above."""
    if not part:
        raise ValueError("a segment of a path is empty")
    return part.replace(".", "%2E") if part in (".", "..") else quote(part, safe="")
