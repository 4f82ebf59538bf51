"""Environment variables and Twilio CLI profiles → the credentials of an account.

Read as the SDK and the Twilio CLI read them: a profile that is named wins, then the environment (an API key
before the auth token), then the CLI's active profile. Source: `facts.md` of Twilio, Credentials; the CLI
keeps its profiles in ~/.twilio-cli/config.json.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.diagnostics import ReconcilerError
from reconciler.gateway import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HOW = (
    "Set TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN, or with TWILIO_API_KEY and TWILIO_API_SECRET; "
    "or log in with the Twilio CLI (twilio login); "
    "or try it without an account: reconciler apply PATH --local."
)


def read_credentials(environ: Mapping[str, str], home: Path, profile: str = "") -> Credentials:
    """Return the credentials to use. Raises ReconcilerError, saying what to set, where there are none."""
    return find_credentials(environ, home, profile)[0]


def find_credentials(environ: Mapping[str, str], home: Path, profile: str = "") -> tuple[Credentials, str]:
    """Return the credentials to use, and in words that show none of them where they come from.

    Raises ReconcilerError, saying what to set, where there are none.
    """
    if profile:
        return _of_profile(home, profile), f"profile {profile!r} of the Twilio CLI"
    found = _of_environment(environ)
    if found is not None:
        is_token = found.username == found.account_sid
        return found, f"the environment: {'TWILIO_AUTH_TOKEN' if is_token else 'TWILIO_API_KEY'}"
    active = environ.get("TWILIO_PROFILE") or _config(home).get("activeProject") or ""
    if active:
        return _of_profile(home, str(active)), f"the active profile of the Twilio CLI, {str(active)!r}"
    raise ReconcilerError("no Twilio credentials", _HOW)


def _of_environment(environ: Mapping[str, str]) -> Credentials | None:
    account = environ.get("TWILIO_ACCOUNT_SID", "")
    key, secret = environ.get("TWILIO_API_KEY", ""), environ.get("TWILIO_API_SECRET", "")
    token = environ.get("TWILIO_AUTH_TOKEN", "")
    if not any((account, key, secret, token)):
        return None
    if account and key and secret:
        return Credentials(account, key, secret)
    if account and token and not (key or secret):
        return Credentials(account, account, token)
    given = {
        "TWILIO_ACCOUNT_SID": account,
        "TWILIO_API_KEY": key,
        "TWILIO_API_SECRET": secret,
        "TWILIO_AUTH_TOKEN": token,
    }
    missing = [name for name, value in given.items() if not value]
    raise ReconcilerError(f"half of the Twilio credentials is missing: {' or '.join(missing)}", _HOW)


def _of_profile(home: Path, name: str) -> Credentials:
    profiles = _config(home).get("profiles")
    found = profiles.get(name) if isinstance(profiles, dict) else None
    if not isinstance(found, dict):
        known = ", ".join(sorted(profiles)) if isinstance(profiles, dict) and profiles else "none"
        raise ReconcilerError(f"the Twilio CLI has no profile {name!r}", f"Profiles: {known}. {_HOW}")
    parts = [found.get("accountSid"), found.get("apiKey"), found.get("apiSecret")]
    if not all(isinstance(part, str) and part for part in parts):
        raise ReconcilerError(f"profile {name!r} of the Twilio CLI is incomplete", f"Log in again. {_HOW}")
    return Credentials(*(str(part) for part in parts))


def _config(home: Path) -> dict[str, Any]:
    path = home / ".twilio-cli" / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as fault:
        raise ReconcilerError(f"{path} cannot be read: {type(fault).__name__}", _HOW) from fault
    return config if isinstance(config, dict) else {}
