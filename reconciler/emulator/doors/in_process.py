"""The in-process doors: turn a client's call into ``handle``, as if a server stood between.

``InProcess`` is for clients that speak HTTP in coroutines, ``ask`` for scripts and tests that want an answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from reconciler.emulator.callbacks.courier import attend
from reconciler.emulator.faults import Interrupted
from reconciler.emulator.handle import handle
from reconciler.emulator.wire import FORM_TYPE, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from reconciler.emulator.faults import Effect
    from reconciler.emulator.store import Account, Store
    from reconciler.emulator.trouble import Course, Interceptor
    from reconciler.emulator.wire import Response


class InProcess:
    """An asynchronous way into a world without a socket, faults included.

    ``interceptor`` is asked at each call, with its number at this door (from 1), method and path, for an
    effect that befalls it besides the rules of ``store.faults``. ``sleep`` is how latency passes; without
    it the world's clock is moved forward.
    """

    def __init__(
        self,
        store: Store,
        *,
        interceptor: Interceptor | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._interceptor = interceptor
        self._sleep = sleep or self._advance
        self.calls = 0
        if interceptor is not None:
            store.faults.remember()

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body of the answer to one request. Raises Interrupted if none comes."""
        await asyncio.sleep(0)  # a call over a network lets others run; so does this one
        request = request_to(method, url, headers, body)
        self.calls += 1
        path = request.target.partition("?")[0]
        also = self._interceptor(self.calls, request.method, path) if self._interceptor else None
        with self._store.limits.flight() as fits:
            if fits:
                response = await self._answered(request, also, timeout_s)
            else:
                response = self._store.faults.turn_away(request)
        return response.status, dict(response.headers), response.body

    async def _answered(self, request: Request, also: Effect | None, timeout_s: float) -> Response:
        course = self._store.faults.meet(request, also)
        if course.before_s:
            await self._reach(course, timeout_s)
        response = await attend(course)
        patience_s = timeout_s - course.before_s
        if course.after_s:
            await self._sleep(min(course.after_s, patience_s))
        if response is None or (course.after_s and course.after_s >= patience_s):
            raise Interrupted
        return response

    async def _reach(self, course: Course, timeout_s: float) -> None:
        """Wait until a slow call is carried out; who gives up or is cancelled before does not stop it."""
        if course.before_s >= timeout_s:
            course.abandon()
            await self._sleep(timeout_s)
            raise Interrupted
        try:
            await self._sleep(course.before_s)
        except asyncio.CancelledError:
            course.abandon()
            raise

    async def _advance(self, seconds: float) -> None:
        self._store.advance(seconds)
        await asyncio.sleep(0)


def request_to(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Return the request that a client sends for an absolute URL."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lower = {name.lower(): value for name, value in headers.items()}
    return Request(method.upper(), target, lower, body, parts.scheme, parts.netloc)


def authorization(account: Account) -> str:
    """Return the Authorization header of an account's own credentials."""
    return "Basic " + base64.b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()


def ask(
    store: Store,
    method: str,
    url: str,
    form: Mapping[str, str | Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Any]:
    """Return status and parsed body of one call with the account's credentials; no fault touches it.

    ``url`` is absolute, or begins with ``/`` and is taken below ``https://conversations.twilio.com/v1``.
    """
    absolute = f"https://conversations.twilio.com/v1{url}" if url.startswith("/") else url
    known = {"Authorization": authorization(store.account), "Content-Type": FORM_TYPE}
    body = urlencode(form or {}, doseq=True).encode()
    response = handle(store, request_to(method, absolute, {**known, **(headers or {})}, body))
    return response.status, json.loads(response.body) if response.body else None
