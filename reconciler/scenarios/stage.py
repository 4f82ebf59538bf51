"""Deeds → HTTP calls of one emulator: a handset's by its own paths, an application's by Twilio's."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from reconciler.render.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.transport import Transport

TIMEOUT_S = 30.0
_OK = 400
_SHOWN = 200
"""How many characters are shown of an answer that is no JSON."""
_WEBHOOKS = {"X-Twilio-Webhook-Enabled": "true"}


class RefusedByStageError(Exception):
    """A deed that the emulator refused; the message says why, in its words."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The way into one emulator: a transport, its url, and the credentials that its account takes."""

    transport: Transport
    url: str
    account_sid: str
    auth_token: str

    async def handset(self, address: str) -> list[dict[str, Any]]:
        """Return the threads of a handset."""
        found = await self._admin("GET", f"phones?address={quote(address)}")
        threads: list[dict[str, Any]] = found["phones"][0]["threads"]
        return threads

    async def send(
        self, from_: str, to: Sequence[str], body: str | None, media: Sequence[str], subject: str | None
    ) -> dict[str, Any]:
        """Write from a handset; returns the message."""
        sent = {"from": from_, "to": list(to), "body": body, "media": list(media), "subject": subject}
        found: dict[str, Any] = await self._admin("POST", "phones/send", sent)
        return found

    async def thumb(self, deed: str, address: str, sender: str) -> None:
        """Do something else on a handset: stop, read, offline, online."""
        about = {"address": address}
        if sender and deed in ("stop", "read"):
            about["sender"] = sender
        await self._admin("POST", f"phones/{deed}", about)

    async def advance(self, seconds: float) -> None:
        """Let time pass."""
        await self._admin("POST", "clock/advance", {"seconds": seconds})

    async def calls(self, webhook_sid: str) -> list[dict[str, Any]]:
        """Return the calls of a webhook that there were, or would have been."""
        found: list[dict[str, Any]] = (await self._admin("GET", f"webhooks?webhook_sid={webhook_sid}"))[
            "webhooks"
        ]
        return found

    async def post(
        self, conversation: str, form: Mapping[str, str], *, webhooks: bool = False
    ) -> dict[str, Any]:
        """Post a message into the conversation at a path, as an application does."""
        return await self._twilio("POST", f"{conversation}/Messages", form, _WEBHOOKS if webhooks else {})

    async def become(self, conversation: str, state: str) -> None:
        """Set the state of the conversation at a path, as an application does."""
        await self._twilio("POST", conversation, {"State": state})

    async def state(self, conversation: str) -> str:
        """Return the state of the conversation at a path."""
        return str((await self._twilio("GET", conversation))["state"])

    async def _admin(self, method: str, path: str, body: Any = None) -> Any:
        content = b"" if body is None else json.dumps(body).encode()
        return await self._call(method, f"/_emulator/{path}", {"Content-Type": "application/json"}, content)

    async def _twilio(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        token = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        known = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}
        content = urlencode(form, errors="replace").encode() if form else b""
        found: dict[str, Any] = await self._call(method, f"/v1/{path}", {**known, **(headers or {})}, content)
        return found

    async def _call(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        url = f"{self.url}{path}"
        status, _, answer = await self.transport.send(method, url, headers, body, TIMEOUT_S)
        found = _read(status, answer)
        if status >= _OK:
            said = found if isinstance(found, dict) else {}
            code = f" ({said['code']})" if said.get("code") else ""
            raise RefusedByStageError(f"{said.get('message') or status}{code}")
        return found


def _read(status: int, answer: bytes) -> Any:
    """Return what JSON says. Raises RefusedByStageError for another answer, as what is too long gets."""
    try:
        return json.loads(answer) if answer else None
    except ValueError as error:
        first = next(iter(answer.decode(errors="replace").splitlines()), "")
        raise RefusedByStageError(f"{status} {visible(first[:_SHOWN])}".rstrip()) from error
