"""Variables: turns calls on ``…/Environments/{…}/Variables`` into what functions would read.

Sources: OpenAPI of ``serverless.v1.service.environment.variable`` (128 characters of key, 450 bytes of value;
values are shown). That a key is given once in an environment is our reading, and so is an empty value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.emulator.errors import ApiError
from reconciler.emulator.pages import listed, page
from reconciler.emulator.wire import date_text

from . import texts
from .environments import addressed
from .rows import Variable

if TYPE_CHECKING:
    from reconciler.emulator.call import Asked, Reply
    from reconciler.emulator.rows import Row

KEY_CHARS, VALUE_BYTES = 128, 450


def create(call: Asked) -> Reply:
    """POST the collection: 201."""
    store, environment = call.store, addressed(call)
    key = _key(call, None)
    now = store.today()
    row = Variable(
        sid=store.mint("ZV", f"{environment.sid}/Variables", key),
        seq=store.next_seq(),
        environment_sid=environment.sid,
        key=key,
        value=_value(call),
        date_created=now,
        date_updated=now,
    )
    store.insert(row)
    return 201, show(call, row)


def fetch(call: Asked) -> Reply:
    """GET by SID."""
    return 200, show(call, _variable(call))


def listing(call: Asked) -> Reply:
    """GET the collection, values included."""
    rows = call.store.index.serverless.variables.get(addressed(call).sid)
    return page(call, "variables", listed(call, rows), show, maximum=1000)


def update(call: Asked) -> Reply:
    """POST the instance: key, value or both."""
    row = _variable(call)
    changes: dict[str, Any] = {}
    if "Key" in call.form:
        changes["key"] = _key(call, row)
    if "Value" in call.form:
        changes["value"] = _value(call)
    call.store.update(row, date_updated=call.store.today(), **changes)
    return 200, show(call, row)


def delete(call: Asked) -> Reply:
    """DELETE: 204."""
    call.store.remove(_variable(call))
    return 204, None


def _variable(call: Asked) -> Variable:
    return call.row(Variable, environment_sid=addressed(call).sid)


def _key(call: Asked, own: Row | None) -> str:
    key = texts.needed(call.form, "Key", KEY_CHARS)
    holder = call.store.index.serverless.variable_of.get((addressed(call).sid, key))
    if holder is not None and holder is not own:
        raise ApiError(20409, "Variable with this Key already exists.")
    return key


def _value(call: Asked) -> str:
    value = call.form.get("Value")
    if value is None:
        raise ApiError(20001, "Value is not provided")
    if len(value.encode("utf-8", "replace")) > VALUE_BYTES:
        raise ApiError(20001, f"Value is longer than {VALUE_BYTES} bytes")
    return value


def show(call: Asked, row: Variable) -> dict[str, Any]:
    """Return the Variable resource."""
    environment = addressed(call)
    url = f"{call.root}/Services/{environment.service_sid}/Environments/{environment.sid}"
    return {
        "sid": row.sid,
        "account_sid": call.store.account.sid,
        "service_sid": environment.service_sid,
        "environment_sid": environment.sid,
        "key": row.key,
        "value": row.value,
        "date_created": date_text(row.date_created),
        "date_updated": date_text(row.date_updated),
        "url": f"{url}/Variables/{row.sid}",
    }
