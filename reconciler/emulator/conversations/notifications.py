"""A service's push notifications: turns calls on ``…/Configuration/Notifications`` into kept settings.

Source: OpenAPI of Service Notification: what it enables is off at first (documented), texts and sounds are
null at first and when they are emptied (inferred). Nothing is ever pushed here: no chat client has a device.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from reconciler.emulator import fields

if TYPE_CHECKING:
    from reconciler.emulator.call import Call, Reply

# By the parameter's name; a part of a name is a level of the answer, and what begins as a flag is one.
_FIRST: dict[str, bool | None] = {
    "LogEnabled": False,
    "NewMessage.Enabled": False,
    "NewMessage.Template": None,
    "NewMessage.Sound": None,
    "NewMessage.BadgeCountEnabled": False,
    "NewMessage.WithMedia.Enabled": False,
    "NewMessage.WithMedia.Template": None,
    "AddedToConversation.Enabled": False,
    "AddedToConversation.Template": None,
    "AddedToConversation.Sound": None,
    "RemovedFromConversation.Enabled": False,
    "RemovedFromConversation.Template": None,
    "RemovedFromConversation.Sound": None,
}
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def fetch(call: Call) -> Reply:
    """GET the settings."""
    return 200, _show(call)


def update(call: Call) -> Reply:
    """POST the settings: what is given changes."""
    call.require_change(tuple(_FIRST))
    given = {name: _value(call, name) for name in _FIRST if name in call.form}
    call.store.update(call.service, notifications={**call.service.notifications, **given})
    return 200, _show(call)


def _value(call: Call, name: str) -> bool | str | None:
    is_flag = _FIRST[name] is not None
    return fields.flag(call.form, name) if is_flag else call.form.get(name) or None


def _show(call: Call) -> dict[str, Any]:
    service = call.service
    view: dict[str, Any] = {"account_sid": call.store.account.sid, "chat_service_sid": service.sid}
    for name, value in {**_FIRST, **service.notifications}.items():
        *levels, last = (_WORD.sub("_", part).lower() for part in name.split("."))
        inner = view
        for level in levels:
            inner = inner.setdefault(level, {})
        inner[last] = value
    return {**view, "url": f"{call.root}/Services/{service.sid}/Configuration/Notifications"}
