"""The account: turns a call on ``/2010-04-01/Accounts/{Sid}.json`` into what Twilio tells of an account.

Sources: OpenAPI ``api.v2010.account`` (fields, dates as in mail); the page on API keys (a standard key may
not read accounts: 20003). That the account is active and a subaccount, unless ``Account`` says otherwise, is
ours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from reconciler.emulator.errors import ApiError
from reconciler.emulator.wire import credentials_of

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply

_BELOW = {
    "addresses": "Addresses",
    "applications": "Applications",
    "authorized_connect_apps": "AuthorizedConnectApps",
    "available_phone_numbers": "AvailablePhoneNumbers",
    "balance": "Balance",
    "calls": "Calls",
    "conferences": "Conferences",
    "connect_apps": "ConnectApps",
    "incoming_phone_numbers": "IncomingPhoneNumbers",
    "keys": "Keys",
    "messages": "Messages",
    "notifications": "Notifications",
    "outgoing_caller_ids": "OutgoingCallerIds",
    "queues": "Queues",
    "recordings": "Recordings",
    "short_codes": "SMS/ShortCodes",
    "signing_keys": "SigningKeys",
    "sip": "SIP",
    "transcriptions": "Transcriptions",
    "usage": "Usage",
}


def fetch(call: Asked) -> Reply:
    """GET by SID, with the auth token only."""
    account, credentials = call.store.account, credentials_of(call.request)
    if credentials is None or credentials[0] != account.sid:
        raise ApiError(20003)
    if call.ids["Sid"] != f"{account.sid}.json":
        raise ApiError(20404, f"The requested resource /2010-04-01{call.path} was not found")
    return 200, _show(call)


def _show(call: Asked) -> dict[str, Any]:
    account = call.store.account
    uri = f"/2010-04-01/Accounts/{account.sid}"
    since = min(row.date_created for row in call.store.index.services)
    date = format_datetime(datetime.fromtimestamp(since, UTC))
    return {
        "auth_token": account.auth_token,
        "date_created": date,
        "date_updated": date,
        "friendly_name": "The emulator's account",
        "owner_account_sid": account.owner_sid,
        "sid": account.sid,
        "status": account.status,
        "subresource_uris": {name: f"{uri}/{below}.json" for name, below in _BELOW.items()},
        "type": "Full",
        "uri": f"{uri}.json",
    }
