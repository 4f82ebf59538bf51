"""Credentials, a key, or chance → how phone numbers are masked in what a command prints, and digests made."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache

from reconciler.cli.echo import is_private
from reconciler.render.numbers import Numbers


def keyed_numbers(credential: str = "") -> Numbers:
    """Return the masking keyed by RECONCILER_KEY, else by a real `credential`, else by chance.

    Whoever knows the key can try which number a tag belongs to: so where nothing secret is at hand (no
    account, or an emulator's, whose credential everybody knows) tags are good for one run only.
    """
    secret = os.environ.get("RECONCILER_KEY") or credential or _of_this_run()
    return Numbers(hmac.new(secret.encode(), b"reconciler phone numbers", hashlib.sha256).digest())


def digest_key(credential: str) -> bytes:
    """Return the key that digests of plans are made with: from RECONCILER_KEY, else from the credential.

    The credential has to do even where everybody knows it (an emulator's): a plan's digest must be the same
    in two runs.
    """
    from reconciler.reviewed import key_of

    return key_of(os.environ.get("RECONCILER_KEY") or credential)


@cache
def _of_this_run() -> str:
    return secrets.token_hex(16)


def shown_numbers(masked: Numbers, *, err: bool = False) -> Numbers:
    """Return how a stream shows phone numbers: as they are on a terminal, as `masked` says elsewhere."""
    return Numbers(None) if is_private(err=err) else masked


def numbers_in(form: str, masked: Numbers) -> Numbers:
    """Return how a result shows phone numbers: text as its stream does, what is made to be shared masked."""
    return shown_numbers(masked) if form == "text" else masked
