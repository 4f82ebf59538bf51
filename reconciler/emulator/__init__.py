"""A local Twilio Conversations, built from Twilio's description alone: see README.md beside this file.

``handle(store, request)`` is the whole of it; the doors (``InProcess``, ``serve``) and the folder's world
(``open_home``) are built around that function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .clock import Clock
from .doors.in_process import InProcess, ask
from .errors import WorldError
from .faults import Effect, FaultError, Interrupted, Match, Rule, When
from .handle import handle
from .home import Home, Running, find_running, open_home, open_in_memory
from .playing.phones import PhoneError
from .store import ACCOUNT_SID, AUTH_TOKEN, Account, Store
from .switches import Switches
from .wire import Request, Response

if TYPE_CHECKING:
    from .doors.server import Server

__all__ = [
    "ACCOUNT_SID",
    "AUTH_TOKEN",
    "Account",
    "Clock",
    "Effect",
    "FaultError",
    "Home",
    "InProcess",
    "Interrupted",
    "Match",
    "PhoneError",
    "Request",
    "Response",
    "Rule",
    "Running",
    "Store",
    "Switches",
    "When",
    "WorldError",
    "ask",
    "find_running",
    "handle",
    "open_home",
    "open_in_memory",
    "serve",
]


async def serve(store: Store, port: int) -> Server:
    """Serve a world on 127.0.0.1 (port 0: any free one); see ``server``, which is imported only now."""
    from .doors.server import serve as start

    return await start(store, port)
