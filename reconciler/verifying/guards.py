"""An account → whether it may be tried on: a throw-away subaccount that holds nothing of anybody's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.diagnostics import RefusedError
from reconciler.verifying.asking import CONVERSATIONS, CORE, SYNC, UnansweredError
from reconciler.verifying.places import PLACES, shut
from reconciler.verifying.seeing import OURS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reconciler.verifying.asking import Caller

MAKE = "Make a subaccount for this alone (Twilio's console: Account, Subaccounts), and use its credentials."
_WEBHOOKS = "webhooks of the account"


@dataclass(frozen=True, slots=True)
class Account:
    """An account that was looked at: whether it is known to be a subaccount; what is shut to the caller."""

    sid: str
    is_subaccount: bool
    shut: tuple[str, ...] = ()


async def check(caller: Caller, *, vouched: bool = False) -> Account:
    """Return the account, reading only. Raises RefusedError where it may not be written to.

    Where nobody can read whose account it is (an API key may not), somebody has to have `vouched` for it.
    What the account has of Conversations must be readable; to another product that is shut to these
    credentials the caller writes nothing from now on.
    """
    account = replace(await standing(caller, vouched=vouched), shut=await shut(caller))
    held = [one async for one in _held(caller)]
    if held:
        raise RefusedError(f"account {account.sid} is in use: it has {', '.join(held)}", MAKE)
    return account


async def standing(caller: Caller, *, vouched: bool) -> Account:
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
    """Yield in words what an account holds that nobody would throw away.

    Raises RefusedError where that cannot be read: what nobody can see may be there.
    """
    configuration = await _read(caller, "Configuration", "a service of its own", "default_chat_service_sid")
    for what in ("conversations", "users"):
        if (await _read(caller, f"{what.capitalize()}?PageSize=1", what, what))[what]:
            yield what
    urls = ("pre_webhook_url", "post_webhook_url")
    hooks = await _read(caller, "Configuration/Webhooks", _WEBHOOKS, *urls)
    if any(hooks[url] for url in urls):
        yield _WEBHOOKS
    for place in PLACES:
        if caller.is_shut(place.url):
            continue
        try:
            rows = await caller.pages(place.url, place.key)
        except UnansweredError as fault:
            raise _untold(caller, place.kinds, str(fault)) from None
        foreign = [row for row in rows if not OURS.fullmatch(str(row.get("friendly_name") or ""))]
        if place.url.startswith(CONVERSATIONS):
            foreign = [row for row in foreign if row["sid"] != configuration["default_chat_service_sid"]]
        if place.url.startswith(SYNC):
            every = [row for row in foreign if row.get("unique_name") == "default"]
            foreign = [row for row in foreign if row not in every]
            if [row for one in every for row in await _documents(caller, f"{place.url}/{one['sid']}")]:
                yield "Sync documents"
        if foreign:
            yield place.kinds


async def _read(caller: Caller, path: str, what: str, *names: str) -> dict[str, Any]:
    """Return what tells whether the account has something: an object with these names in it."""
    answer = await caller.ask("GET", f"{CONVERSATIONS}/{path}")
    if not answer.is_done:
        raise _untold(caller, what, f"reading them was refused with {answer.status}/{answer.code}")
    if not answer.row.keys() >= {*names}:
        raise _untold(caller, what, "what came cannot be understood")
    return answer.row


def _untold(caller: Caller, what: str, why: str) -> RefusedError:
    return RefusedError(
        f"nobody can tell whether account {caller.account_sid} has {what}: {why}",
        "Use credentials that may read all of Conversations.",
    )


async def _documents(caller: Caller, service: str) -> list[dict[str, Any]]:
    """Return the documents of a Sync service that every account has. Raises RefusedError."""
    try:
        return await caller.pages(f"{service}/Documents", "documents")
    except UnansweredError as fault:
        raise _untold(caller, "Sync documents", str(fault)) from None
