"""Entries → keyed prints: a digest of a whole plan, and a short print of each entry for a run that resumes.

Both are HMACs, so that who can read them (a pipeline's log, a record) can try no phone number and no secret.
A digest has 80 bits: nobody can compute one without the key, so it only has to rule out chance. A print has
30: among a thousand of them, a change that nobody approved is taken for approved once in a million times.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.model import Graph, Mode, Pool, refs_in, reveal
from reconciler.reviewed.entries import (
    BIRTHS,
    Ground,
    birth_of,
    births,
    canonical,
    choice_of,
    entry_of,
    leftovers,
    value_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.model import Address, Change, Path, Plan, Resource, Value
    from reconciler.reviewed.entries import Entry

_DIGEST_CHARS = 16
_PRINT_CHARS = 5


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is about beside its specs: its globs (all where there are none), and how it removes."""

    mode: Mode = Mode.APPLY
    only: tuple[str, ...] = ()
    on_remove: str = "close"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What was approved: the prints of its entries, and the plan itself where it is at hand to quote."""

    prints: frozenset[str]
    key: bytes = field(repr=False)
    plan: Plan | None = None

    def covers(self, entry: Entry) -> bool:
        """Whether `entry` is among what was approved."""
        return _print(entry, self.key) in self.prints


def key_of(secret: str) -> bytes:
    """Return the key for digests and prints that belongs to RECONCILER_KEY, or to a credential."""
    return hmac.digest(secret.encode(), b"reconciler reviewed plans", hashlib.sha256)


def key_print(key: bytes) -> str:
    """Return a print of the key itself: another key makes everything look as if nobody had approved it."""
    return _short("key", "", key)


def digest(plan: Plan, scope: Scope, key: bytes) -> str:
    """Return 16 characters that are the same exactly where target, scope and all entries are."""
    ground = ground_of(plan)
    entries = sorted(canonical([c.address.steps, entry_of(c, ground)]).decode() for c in plan.visible)
    target = [plan.target.owner.stack, plan.target.owner.environment]
    target += [plan.target.service_sid, plan.target.account_sid]
    about = [scope.mode.value, sorted(set(scope.only)), scope.on_remove]
    return _short("digest", [target, about, entries], key)


def same_digest(one: str, other: str) -> bool:
    """Whether two digests are the same one, however they were typed."""
    return hmac.compare_digest(*(text.strip().lower().encode() for text in (one, other)))


def reviewed(plan: Plan, key: bytes, desired: Graph | None = None) -> Reviewed:
    """Return what one who approves `plan` approves; `desired`, as the specs say it, tells what was chosen."""
    prints = {_print(entry, key) for entry in _approved(plan, desired or Graph())}
    return Reviewed(frozenset(prints), key, plan)


def secret_print(value: Value, key: bytes) -> str:
    """Return a print of a sensitive value: as long as a digest, because a wrong one would be applied."""
    return _short("secret", value_of(value, Ground(frozenset(), {})), key)


def seal(data: object, key: bytes) -> str:
    """Return what nobody without the key can put under other data: a digest alone proves nothing."""
    return _short("seal", data, key)


def packed(prints: Iterable[str]) -> str:
    """Return prints as one text: all have one length."""
    return "".join(sorted(prints))


def unpacked(text: str) -> frozenset[str]:
    """Return the prints that `packed` wrote."""
    return frozenset(re.findall(f".{{{_PRINT_CHARS}}}", text))


def ground_of(plan: Plan) -> Ground:
    """Return what a plan's entries stand on as long as nothing of it was carried out."""
    return Ground(births(plan), plan.sids)


def _approved(plan: Plan, desired: Graph) -> Iterator[Entry]:
    ground = ground_of(plan)
    relied_on = {address for change in plan.changes for address in _pointed_at(change)}
    for change in plan.visible:
        yield entry_of(change, ground)
    for change in plan.changes:
        yield from leftovers(change, ground)
        yield from _choices(change, desired.resources.get(change.address))
    for address in ground.births & relied_on:
        yield birth_of(address)


def _pointed_at(change: Change) -> Iterator[Address]:
    if change.address.parent:
        yield change.address.parent
    for value in (*change.fields.values(), *change.at_creation.values()):
        yield from (ref.address for ref in refs_in(value))


def _choices(change: Change, wanted: Resource | None) -> Iterator[Entry]:
    for path, value in wanted.fields.items() if wanted and change.action in BIRTHS else ():
        if isinstance(reveal(value), Pool):
            yield choice_of(change.address, path, str(reveal(change.fields[path])))


def as_chosen(desired: Graph, approved: Reviewed) -> Graph:
    """Return the desired graph with each choice that was approved put first, so that it is made again."""
    resources = {address: _as_chosen(one, approved) for address, one in desired.resources.items()}
    return replace(desired, resources=resources)


def _as_chosen(resource: Resource, approved: Reviewed) -> Resource:
    fields: dict[Path, Value] = dict(resource.fields)
    for path, value in resource.fields.items():
        if isinstance(value, Pool):
            chosen = [c for c in value.candidates if approved.covers(choice_of(resource.address, path, c))]
            fields[path] = Pool(tuple(dict.fromkeys((*chosen, *value.candidates))))
    return replace(resource, fields=fields)


def _print(entry: Entry, key: bytes) -> str:
    mac = hmac.digest(key, b"entry " + canonical(entry), hashlib.sha256)
    return urlsafe_b64encode(mac)[:_PRINT_CHARS].decode()


def _short(purpose: str, data: object, key: bytes) -> str:
    mac = hmac.digest(key, purpose.encode() + b" " + canonical(data), hashlib.sha256)
    return b32encode(mac)[:_DIGEST_CHARS].decode().lower()
