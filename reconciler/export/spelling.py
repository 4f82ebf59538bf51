"""Entries → a stack as data: what a person would write to get just these rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from reconciler.export.items import Note, noted
from reconciler.export.naming import free
from reconciler.kinds import mark as marks
from reconciler.kinds.attributes import ATTRIBUTES, set_leaf
from reconciler.kinds.participant import number_of
from reconciler.stack import sender_problem
from reconciler.yaml_text import LONGEST_KEY, key_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.export.items import Defaults, Entry
    from reconciler.model import Address, Json, Owner, Path, Value

Data: TypeAlias = "dict[str, Any]"

_DEEPEST = 50
_LONGEST_NUMBER = 300
_LONGEST_SHOWN = 60
_FIRST = ("unique_name", "friendly_name", "messaging_service_sid", "address", "via", "identity", "projected")
_TYPES = {bool: "boolean", int: "integer", float: "number", list: "list"}
_CHANNELS = {"whatsapp": "wa", "": "sms"}

TIMERS = (
    "written without timers",
    "Twilio answers when they end and not how long they are. Write timers: to set them anew.",
)
UNNAMED = (
    "has no unique_name: its adoption gives it one",
    "Conversations are found again by that name. It is the only thing that the adoption changes.",
)
EMAIL = ("written without its email binding", "Specs have no field for it. It stays as it is.")
SECRET = (
    "the stack that set it called it sensitive: written as a variable",
    "Give it with --var name=value, or RECONCILER_VAR_name. Until then validate asks for it.",
)


@dataclass
class Spelled:
    """A stack as data, notes on what could not be said, and the values that variables stand for."""

    data: Data
    notes: list[Note] = field(default_factory=list)
    secrets: dict[str, Value] = field(default_factory=dict)


def spelled(entries: Mapping[Address, Entry], us: Owner, service: str, defaults: Defaults) -> Spelled:
    """Return the stack that describes the entries, with the lines that adopt them."""
    stack = {"name": us.stack} | ({} if service == "default" else {"service": service})
    senders = sender_names(entries)
    result = Spelled({"stack": stack})
    blocks: Data = {}
    specs: dict[Address, Data] = {}
    for address, entry in entries.items():
        specs[address] = _spec(result, entry, us, defaults, senders)
        above = specs[address.parent] if address.parent else blocks
        above.setdefault(entry.item.kind.plural, {})[address.key] = specs[address]
    variables = {name: _variable(value) for name, value in result.secrets.items()}
    adopted = dict(_adoptions(entries))
    written = {name: number for number, name in senders.items()}
    result.data |= {
        name: block
        for name, block in (("variables", variables), ("senders", written), *blocks.items())
        if block
    }
    result.data |= {"adopted": adopted} if adopted else {}
    return result


def _adoptions(entries: Mapping[Address, Entry]) -> Iterator[tuple[str, Json]]:
    """Yield the lines of `adopted:`; one for all that stands in a conversation and was the same stack's."""
    together: dict[str, Json] = {}
    for address, entry in entries.items():
        above = entries[address.parent] if address.parent else None
        if above and entry.adopt and entry.adopt == above.adopt:
            together[f"{address.parent}/*"] = entry.adopt
        elif entry.adopt:
            yield str(address), entry.adopt
    yield from together.items()


def sender_names(entries: Mapping[Address, Entry]) -> dict[str, str]:
    """Return what to call each of our own numbers, by its channel: wa, wa-2, sms."""
    found = {
        str(number)
        for entry in entries.values()
        for name in ("proxy", "projected")
        if (number := entry.item.fields.get((name,)))
    }
    names: dict[str, str] = {}
    for number in sorted(found):
        if not sender_problem((number,)):
            channel = number.rpartition(":")[0]
            names[number] = free(_CHANNELS.get(channel, channel), names.values())
    return names


def _variable(value: Value) -> Data:
    kind = _TYPES.get(type(value))
    return ({"type": kind} if kind else {}) | {"sensitive": True}


# --- one resource ------------------------------------------------------------------------------------------


def _spec(result: Spelled, entry: Entry, us: Owner, defaults: Defaults, senders: Mapping[str, str]) -> Data:
    """Return one resource as written: the fields of its kind, in the order people look for them."""
    item = entry.item
    fields = {path: value for path, value in item.fields.items() if _is_managed(entry, path)}
    for path, why in [(path, why) for path in fields if (why := _unwritable(path, fields[path]))]:
        del fields[path]
        where = f"{item.sid} {entry.address} {'.'.join(path)[:_LONGEST_SHOWN]!r}"
        result.notes.append(Note(f"written without a field: {why}", "It stays as it is.", where))
    spec: Data = {}
    for path, value in sorted(fields.items(), key=_position):
        if path == ("unique_name",) and value == item.kind.named(us.stack, entry.address.key):
            continue
        if path != ("messaging_service_sid",) or value != defaults.messaging_service or entry.is_ours:
            set_leaf(spec, path, _said(result, entry, path, value))
    if item.kind.name == "participant":
        spec = _as_participant(spec, entry, defaults, senders)
    elif item.kind.name == "webhook":
        spec = _as_webhook(spec)
    else:
        spec |= _beside(result, entry)
    if isinstance(spec.get(ATTRIBUTES), dict):
        spec[ATTRIBUTES] = spec.pop(ATTRIBUTES)  # the longest last
    return spec


def _is_managed(entry: Entry, path: Path) -> bool:
    """Whether the specs are to speak of a field: where the stack owns the row, only what it has set."""
    if entry.bare and path[0] == ATTRIBUTES:
        return False
    mark, kind = entry.item.mark, entry.item.kind
    if not entry.is_ours or mark is None or path[0] in kind.create_only or path == ("unique_name",):
        return True
    return marks.dotted(path) in mark.fields


def _position(leaf: tuple[Path, Value]) -> int:
    name = leaf[0][0]
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _said(result: Spelled, entry: Entry, path: Path, value: Value) -> Any:
    """Return a value as specs write it: a literal ${ escaped, a sensitive one behind a variable."""
    if path not in entry.hidden:
        return _literal(value)
    name = free("-".join([*(key for _, key in entry.address.steps), path[-1]])[-60:].strip("-_"), ())
    name = free(f"v-{name}" if not name[0].isalpha() else name, result.secrets)
    result.secrets[name] = value
    result.notes.append(noted(*SECRET, entry.item.sid, entry.address))
    return f"${{var.{name}}}"


def _literal(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, dict):
        return {key: _literal(below) for key, below in value.items()}
    return [_literal(below) for below in value] if isinstance(value, list) else value


def _as_participant(spec: Data, entry: Entry, defaults: Defaults, senders: Mapping[str, str]) -> Data:
    role = str(spec.pop("role", ""))
    proxy, projected = str(spec.pop("proxy", "")), str(spec.pop("projected", ""))
    result: Data = {}
    if "address" in spec:
        same = str(spec["address"]).rpartition(":")[0] == proxy.rpartition(":")[0]
        result["address"] = number_of(spec.pop("address")) if same else spec.pop("address")
    if proxy:
        result["via"] = senders.get(proxy, proxy)
    result |= spec
    if projected:
        result["projected"] = senders.get(projected, projected)
    if role and (role != defaults.role or entry.is_ours):
        name = defaults.roles.get(role, "")
        only = [*defaults.roles.values()].count(name) == 1 and not name.startswith("RL")
        result["role"] = _literal(name) if name.strip() and only else role
    return result


def _as_webhook(spec: Data) -> Data:
    """Leave out what follows from the rest: the target from the fields, the usual method."""
    studio = str(spec.pop("target", "")).lower() == "studio"
    result = {"url": spec.pop("url")} if "url" in spec and not studio else {}
    if "flow" in spec:
        result["studio"] = spec.pop("flow")
    method = str(spec.pop("method", "post")).lower()
    if method != "post" and not studio:
        result["method"] = method
    return result | spec


def _beside(result: Spelled, entry: Entry) -> Data:
    """Return what a conversation's mark knows and its row does not tell; note what nobody can."""
    item = entry.item
    spec: Data = {}
    recorded = item.mark.fields if item.mark and entry.is_ours else {}
    timers = {name.partition(".")[2]: text for name, text in recorded.items() if name.startswith("timers.")}
    if timers:
        spec["timers"] = dict(sorted(timers.items(), reverse=True))
    elif item.raw.get("timers"):
        result.notes.append(noted(*TIMERS, item.sid, entry.address))
    if item.mark and item.mark.protected:
        spec["protect"] = True
    if (item.raw.get("bindings") or {}).get("email"):
        result.notes.append(noted(*EMAIL, item.sid, entry.address))
    if ("unique_name",) not in item.fields:
        result.notes.append(noted(*UNNAMED, item.sid, entry.address))
    return spec


# --- what cannot be written --------------------------------------------------------------------------------


def _unwritable(path: Path, value: Any) -> str:
    """Return why YAML or the spec language cannot hold a field; '' where it can."""
    if len(path) > 1 and value is None:
        return "null there would mean that the key is to be removed"
    reasons = [_bad_key(name) for name in path] + [*_bad_values(value, len(path))]
    return next((reason for reason in reasons if reason), "")


def _bad_key(name: str) -> str:
    if not _is_unicode(name):
        return "its name is no text in Unicode"
    if "${" in name.replace("$${", ""):
        return "its name holds ${, and names hold no expressions"
    return "its name is too long" if len(key_text(name)) > LONGEST_KEY else ""


def _bad_values(value: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        yield "it is nested too deeply"
    elif isinstance(value, dict):
        for name, below in value.items():
            yield _bad_key(name).replace("its name", "a name in it")
            yield from _bad_values(below, depth + 1)
    elif isinstance(value, list):
        for below in value:
            yield from _bad_values(below, depth + 1)
    elif isinstance(value, str) and not _is_unicode(value):
        yield "it is no text in Unicode"
    elif isinstance(value, float) and not math.isfinite(value):
        yield "it is no number that JSON has"
    elif isinstance(value, int) and len(str(abs(value))) >= _LONGEST_NUMBER:
        yield "the number has too many digits"


def _is_unicode(text: str) -> bool:
    """Whether a text can be written in UTF-8: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
