"""The loopback door: turns a socket on 127.0.0.1 into calls of ``trouble`` and ``control``.

Nothing is ever forwarded: there is no client in here, only a server. aiohttp is imported by this module
alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from .control import control, is_control
from .wire import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .store import Store
    from .trouble import Course, Interceptor
    from .wire import Response

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``close`` stops it and leaves the world open."""

    url: str
    port: int
    _runner: web.ServerRunner

    async def close(self) -> None:
        """Stop listening and end what is under way."""
        await self._runner.cleanup()


async def serve(store: Store, port: int, interceptor: Interceptor | None = None) -> Server:
    """Listen on 127.0.0.1; port 0 takes a free one. Raises OSError when the port is taken.

    `interceptor` is asked at each call of Twilio, as that of ``InProcess`` is.
    """
    numbers = itertools.count(1)

    def course_of(request: Request) -> Course:
        path = request.target.partition("?")[0]
        also = interceptor(next(numbers), request.method, path) if interceptor else None
        return store.faults.meet(request, also)

    async def answer(incoming: web.BaseRequest) -> web.Response:
        request = Request(
            method=incoming.method,
            target=incoming.raw_path,
            headers={name.lower(): value for name, value in incoming.headers.items()},
            body=await incoming.read(),
            scheme="http",
            host=incoming.headers.get("Host", _HOST),
        )
        response = control(store, request) if is_control(request) else await _answer(course_of(request))
        if response is None:
            if incoming.transport is not None:
                incoming.transport.abort()
            return web.Response()  # to nobody
        return web.Response(status=response.status, headers=dict(response.headers), body=response.body)

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
    except OSError:
        await runner.cleanup()
        raise
    bound = int(runner.addresses[0][1])
    return Server(f"http://{_HOST}:{bound}", bound, runner)


async def _answer(course: Course) -> Response | None:
    """Return the answer to a call of Twilio after what its faults let pass; None: the connection is cut."""
    if course.before_s:
        await asyncio.sleep(course.before_s)
    response = course.carry_out()
    if course.after_s:
        await asyncio.sleep(course.after_s)
    return response


@contextlib.contextmanager
def running(store: Store, port: int = 0, interceptor: Interceptor | None = None) -> Iterator[str]:
    """Serve a world from a thread of its own while the block runs; gives the URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="emulator", daemon=True)
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(serve(store, port, interceptor), loop).result(
            _START_TIMEOUT_S
        )
        try:
            yield server.url
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(_START_TIMEOUT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_TIMEOUT_S)
        loop.close()
