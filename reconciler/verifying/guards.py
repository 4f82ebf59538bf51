"""An account → whether it may be tried on: a throw-away subaccount that holds nothing of anybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.diagnostics import RefusedError

from .asking import CONTENT, CONVERSATIONS, CORE, SERVERLESS, SYNC, UnansweredError
from .seeing import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .asking import Caller

MAKE = "Make a subaccount for this alone (Twilio's console: Account, Subaccounts), and use its credentials."
_DEFAULT_SYNC = "Default Service"
_COLLECTIONS = (
    ("Conversations services", f"{CONVERSATIONS}/Services", "services"),
    ("address configurations", f"{CONVERSATIONS}/Configuration/Addresses", "address_configurations"),
    ("Sync services", f"{SYNC}/Services", "services"),
    ("templates", f"{CONTENT}/Content", "contents"),
    ("Functions services", f"{SERVERLESS}/Services", "services"),
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that was looked at: whether it is known to be a subaccount."""

    sid: str
    is_subaccount: bool


async def check(caller: Caller, *, vouched: bool = False) -> Account:
    """Return the account, reading only. Raises RefusedError where it may not be written to.

    Where nobody can read whose account it is (an API key may not), somebody has to have `vouched` for it.
    """
    account = await _standing(caller, vouched=vouched)
    held = [one async for one in _held(caller)]
    if held:
        raise RefusedError(f"account {account.sid} is in use: it has {', '.join(held)}", MAKE)
    return account


async def _standing(caller: Caller, *, vouched: bool) -> Account:
    """Return what is known of whose account it is. Raises RefusedError where that speaks against it."""
    answer = await caller.ask("GET", f"{CORE}/Accounts/{caller.account_sid}.json")
    owner, status = answer.row.get("owner_account_sid"), answer.row.get("status")
    if not answer.is_done or not isinstance(owner, str):
        await _check_credentials(caller)
        if vouched:
            return Account(caller.account_sid, is_subaccount=False)
        raise RefusedError(
            f"nobody can tell whether account {caller.account_sid} is a subaccount: reading it was refused "
            f"with {answer.status}/{answer.code}",
            "API keys may not read it: use the subaccount's auth token, or vouch for it with --throw-away.",
        )
    if owner == caller.account_sid:
        raise RefusedError(f"account {caller.account_sid} is no subaccount but a main account", MAKE)
    if status != "active":
        raise RefusedError(f"account {caller.account_sid} is {status}", MAKE)
    return Account(caller.account_sid, is_subaccount=True)


async def _check_credentials(caller: Caller) -> None:
    """Raise UnansweredError where the credentials open nothing at all."""
    answer = await caller.ask("GET", f"{CONVERSATIONS}/Configuration")
    if not answer.is_done:
        told = f"the credentials of account {caller.account_sid} are refused: {answer.status}/{answer.code}"
        raise UnansweredError(told, "Check TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_SECRET.")


async def _held(caller: Caller) -> AsyncIterator[str]:
    """Yield in words what an account holds that nobody would throw away."""
    configuration = (await caller.ask("GET", f"{CONVERSATIONS}/Configuration")).row
    default = configuration.get("default_chat_service_sid")
    for what in ("Conversations", "Users"):
        if (await caller.ask("GET", f"{CONVERSATIONS}/{what}?PageSize=1")).row.get(what.lower()):
            yield what.lower()
    hooks = (await caller.ask("GET", f"{CONVERSATIONS}/Configuration/Webhooks")).row
    if hooks.get("pre_webhook_url") or hooks.get("post_webhook_url"):
        yield "webhooks of the account"
    for what, url, key in _COLLECTIONS:
        is_allowed = (await caller.ask("GET", url)).status not in (401, 403)
        if is_allowed and await _foreign(caller, url, key, default):
            yield what


async def _foreign(caller: Caller, url: str, key: str, own: object) -> bool:
    """Whether a list has something that neither every account has nor a run of ours has left."""
    return any(
        row.get("sid") != own
        and row.get("unique_name") != "default"
        and row.get("friendly_name") != _DEFAULT_SYNC
        and not str(row.get("friendly_name") or "").startswith(PREFIX)
        for row in await caller.pages(url, key)
    )
