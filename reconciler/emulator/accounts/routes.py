"""The operations of Twilio's core API that are emulated: one. Anything else of it is a loud 501."""

from __future__ import annotations

from reconciler.emulator.operations import Operation, Table

from . import account

_PATH = "/Accounts/{Sid}"
TABLE = Table(
    "Twilio's core API",
    (Operation("FetchAccount", "GET", _PATH, account.fetch), Operation("UpdateAccount", "POST", _PATH, None)),
)
"""``{Sid}`` has its ``.json`` with it."""
