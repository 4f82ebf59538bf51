"""The loopback door: turns a socket on 127.0.0.1 into calls of ``trouble`` and ``control``.

Each connection is looked at by ``tunnel`` first; who calls through one calls Twilio's own host. Nothing is
ever forwarded. While it serves, webhooks are called by way of ``outgoing``, which reaches this machine alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import os
import threading
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

from reconciler.emulator.callbacks import courier
from reconciler.emulator.callbacks.outgoing import Outside
from reconciler.emulator.control import following
from reconciler.emulator.control import phones as control_phones
from reconciler.emulator.control.admin import AdminError
from reconciler.emulator.control.admin import answer as admin_answer
from reconciler.emulator.control.events import stream_start, stream_text, wants_stream
from reconciler.emulator.control.routes import PREFIX, control, is_control, name_of, stranger
from reconciler.emulator.serverless.uploads import BODY_BYTES
from reconciler.emulator.wire import Request, credentials_of

from .page_files import is_page, page
from .threshold import refusal
from .tunnel import Hall, misdirected

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from reconciler.emulator.store import Store
    from reconciler.emulator.trouble import Course, Interceptor
    from reconciler.emulator.wire import Response

_HOST = "127.0.0.1"
_UPLOADS = "serverless-upload."
STATE_BYTES = 1 << 29
"""The longest document of a world."""
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 1.0
_HEARTBEAT_S = 15.0


def _brief(record: logging.LogRecord) -> bool:
    """Leave out where in aiohttp it was noticed that something is no HTTP."""
    fault = record.exc_info[1] if record.exc_info else None
    if isinstance(fault, HttpProcessingError):
        record.exc_info, record.msg = None, f"{record.msg}: no HTTP"
    return True


_LOG = logging.getLogger(__name__)
_LOG.addFilter(_brief)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``close`` stops it and leaves the world open."""

    url: str
    port: int
    _listener: asyncio.Server
    _hall: Hall
    _speaking: weakref.WeakSet[web.Server]
    """Whoever speaks HTTP, one for each connection, which is gone when its connection is."""
    _time: asyncio.Task[None]
    _followers: set[asyncio.Task[None]]
    _courier: courier.Courier
    _outside: Outside
    _store: Store

    async def close(self) -> None:
        """Stop listening and end what is under way."""
        self._listener.close()
        for task in (self._time, *self._followers):
            task.cancel()
        self._store.deliveries.send = None
        await self._courier.close()
        await self._outside.close()
        self._hall.dismiss()
        await asyncio.sleep(0)  # what had just been accepted is there now
        speaking = tuple(self._speaking)
        for one in speaking:
            one.pre_shutdown()
        await asyncio.gather(*(one.shutdown(_STOP_TIMEOUT_S) for one in speaking))
        self._hall.abort()
        await asyncio.sleep(0)  # what was cut is closed now
        with contextlib.suppress(asyncio.CancelledError):
            await self._time


async def serve(
    store: Store,
    port: int,
    interceptor: Interceptor | None = None,
    tls: Callable[[str], ssl.SSLContext] | None = None,
) -> Server:
    """Listen on 127.0.0.1; port 0 takes a free one. Raises OSError when the port is taken.

    `interceptor` is asked at each call of Twilio, as that of ``InProcess`` is. `tls` makes the TLS of a host
    for tunnels; left out, by this person's own authority.
    """
    numbers = itertools.count(1)
    speaking: weakref.WeakSet[web.Server] = weakref.WeakSet()
    followers: set[asyncio.Task[None]] = set()

    def course_of(request: Request) -> Course:
        path = request.target.partition("?")[0]
        also = interceptor(next(numbers), request.method, path) if interceptor else None
        return store.faults.meet(request, also)

    async def answer(incoming: web.BaseRequest, inside: str) -> web.StreamResponse:
        host = incoming.headers.get("Host", _HOST)
        if wrong := misdirected(incoming.raw_path, host, inside):
            return web.Response(status=wrong[0], text=wrong[1])
        if not inside and (wrong := refusal(incoming.headers, incoming.raw_path, host)):
            return web.json_response({"message": wrong[1]}, status=wrong[0])
        head = _head(incoming, inside)
        request = replace(head, body=await _body(incoming, head, store))
        if wants_stream(request) and is_control(request) and stranger(request) is None:
            return await _streamed(store, request, incoming, followers)
        if is_control(request) or is_page(request):
            response: Response | None = await _admin(store, request)
        else:
            with store.limits.flight() as fits:
                response = await _answer(course_of(request)) if fits else store.faults.turn_away(request)
        if response is None:
            if incoming.transport is not None:
                incoming.transport.abort()
            return web.Response()  # to nobody
        return web.Response(status=response.status, headers=dict(response.headers), body=response.body)

    def speak(inside: str) -> asyncio.Protocol:
        server = web.Server(functools.partial(answer, inside=inside), access_log=None, logger=_LOG)
        speaking.add(server)
        return server()

    hall = Hall(speak, tls or _own_tls)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(hall.entrance, _HOST, port, backlog=128)
    bound = int(listener.sockets[0].getsockname()[1])
    time = loop.create_task(following.keep_time(store))
    outside = Outside(store.deliveries)
    store.deliveries.send = outside.send
    carrying = courier.Courier(store)
    url = f"http://{_HOST}:{bound}"
    return Server(url, bound, listener, hall, speaking, time, followers, carrying, outside, store)


def _head(incoming: web.BaseRequest, inside: str) -> Request:
    return Request(
        method=incoming.method,
        target=incoming.raw_path,
        headers={name.lower(): value for name, value in incoming.headers.items()},
        body=b"",
        scheme="https" if inside else "http",
        host=inside or incoming.headers.get("Host", _HOST),
    )


async def _body(incoming: web.BaseRequest, head: Request, store: Store) -> bytes:
    """Return a body of 1 MiB at most; uploads may be as long as Twilio's are, and whole worlds longer.

    Who sends more gets 413. Uploads without credentials are not read: they are refused for those.
    """
    is_upload = head.host.startswith(_UPLOADS) or incoming.path.startswith(f"/{_UPLOADS}")
    if (incoming.method, incoming.path) == ("PUT", f"{PREFIX}state"):
        return await _bounded(incoming, STATE_BYTES)
    if not is_upload:
        return await incoming.read()
    known = credentials_of(head)
    return await _bounded(incoming, BODY_BYTES) if known and store.account.admits(*known) else b""


async def _bounded(incoming: web.BaseRequest, most: int) -> bytes:
    found = bytearray()
    async for chunk in incoming.content.iter_any():
        found += chunk
        if len(found) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(found))
    return bytes(found)


def _own_tls(host: str) -> ssl.SSLContext:
    from .authority import Authority, authority_folder

    return Authority(authority_folder(os.environ, Path.home())).context(host)


async def _admin(store: Store, request: Request) -> Response:
    if is_page(request):
        return stranger(request) or page(request)
    if name_of(request) == "wait" and request.method == "GET" and stranger(request) is None:
        return await following.wait(store, request)
    if name_of(request) == "phones/send" and request.method == "POST" and stranger(request) is None:
        return await _sent(store, request)
    return control(store, request)


async def _sent(store: Store, request: Request) -> Response:
    """Let a handset write, once a pre-event webhook has been asked."""
    store.advance(0)
    try:
        written = await courier.considered(store, control_phones.written(store, request))
        return admin_answer(200, control_phones.taken(store, written))
    except AdminError as error:
        return admin_answer(error.status, {"message": str(error)})


async def _streamed(
    store: Store, request: Request, incoming: web.BaseRequest, followers: set[asyncio.Task[None]]
) -> web.StreamResponse:
    """Write events as they come, until the reader goes away or the server stops."""
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(incoming)
    writing = asyncio.ensure_future(_write_events(store, stream_start(store, request), response))
    followers.add(writing)
    try:
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await writing
    finally:
        writing.cancel()
        followers.discard(writing)
    return response


async def _write_events(store: Store, start: int, response: web.StreamResponse) -> None:
    await response.write(b"retry: 500\n\n")
    comes = following.news(store, start, _HEARTBEAT_S)
    async with contextlib.aclosing(comes):
        async for events in comes:
            await response.write(stream_text(events) or b": quiet\n\n")


async def _answer(course: Course) -> Response | None:
    """Return the answer to a call of Twilio after what its faults let pass; None: the connection is cut."""
    if course.before_s:
        await asyncio.sleep(course.before_s)
    response = await courier.attend(course)
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
