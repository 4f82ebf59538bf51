"""Addresses and their channels: turns them into channels, and wrong bindings into refusals. Pure.

Sources: error pages 50407–50415, 50420, 50453; the OpenAPI examples of participants (``type`` follows the
prefix).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.emulator.errors import ApiError

_PHONE = re.compile(r"\+[1-9]\d{1,14}", re.ASCII)
_AGENT = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_EMAIL = re.compile(r"[^@\s:]+@[^@\s:]+\.[^@\s:]+")
_MAX_CHARS = 256


@dataclass(frozen=True, slots=True)
class Binding:
    """How a participant is reached; None for what was not given."""

    address: str | None = None
    proxy: str | None = None
    projected: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was given at all."""
        return self.address is None and self.proxy is None and self.projected is None

    @property
    def is_group(self) -> bool:
        """Whether this is how members of a group conversation are bound: without a proxy."""
        return self.proxy is None and not self.is_empty


def channel_of(address: str) -> str | None:
    """Return sms, whatsapp, rcs, messenger or email, or None for what is no address."""
    if len(address) > _MAX_CHARS:
        return None
    prefix, colon, rest = address.partition(":")
    if not colon:
        return "sms" if _PHONE.fullmatch(address) else "email" if _EMAIL.fullmatch(address) else None
    if prefix == "whatsapp" and _PHONE.fullmatch(rest):
        return "whatsapp"
    if prefix == "rcs" and (_PHONE.fullmatch(rest) or _AGENT.fullmatch(rest)):
        return "rcs"
    if prefix == "messenger" and _AGENT.fullmatch(rest):
        return "messenger"
    return None


def check_binding(binding: Binding, senders: frozenset[str] | None) -> None:
    """Refuse a binding of wrong form, or with a sender the account does not own (None: it owns all)."""
    if binding.projected is not None:
        _check_projected(binding, senders)
        return
    if not binding.address:
        raise ApiError(50411)
    channel = channel_of(binding.address)
    if channel is None:
        raise ApiError(50407)
    if channel == "email":
        if binding.proxy is not None:
            raise ApiError(50453)
    elif binding.proxy is not None:
        _check_proxy(binding.address, binding.proxy, channel, senders)
    elif channel != "sms":
        raise ApiError(50412)


def _check_projected(binding: Binding, senders: frozenset[str] | None) -> None:
    # Documented on page 50407: an address and a projected address do not go together.
    if binding.address is not None or binding.proxy is not None:
        raise ApiError(50407)
    projected = binding.projected or ""
    if channel_of(projected) != "sms":
        raise ApiError(50407)
    if senders is not None and projected not in senders:
        raise ApiError(50439)


def _check_proxy(address: str, proxy: str, channel: str, senders: frozenset[str] | None) -> None:
    if not proxy:
        raise ApiError(50412)
    proxy_channel = channel_of(proxy)
    if proxy_channel is None or proxy_channel == "email":
        raise ApiError(50408)
    if address == proxy:
        raise ApiError(50409)
    if channel != proxy_channel:
        raise ApiError(50414)
    if senders is not None and proxy not in senders:
        known_as_phone = channel == "whatsapp" and proxy.removeprefix("whatsapp:") in senders
        raise ApiError(50415 if known_as_phone else 50413)


def shown(binding: Binding) -> dict[str, str] | None:
    """Return ``messaging_binding`` as Twilio shows it: null for chat, only the keys that apply otherwise."""
    if binding.is_empty:
        return None
    if binding.projected is not None:
        return {"type": "sms", "projected_address": binding.projected}
    address = binding.address or ""
    view = {"type": channel_of(address) or "sms", "address": address}
    if binding.proxy is not None:
        view["proxy_address"] = binding.proxy
    return view
