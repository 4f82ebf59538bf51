"""A reviewed plan ↔ a private file with all that is needed to plan again without the specs.

Numbers stand in it as they are. Sensitive values do not: each is a reference, the address and path where the
specs have it, with a keyed print of it; whoever applies the file reads the specs again for those.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.concealment import concealed_graph, concealed_plan, hidden_in, secrets_of
from reconciler.diagnostics import ReconcilerError, error
from reconciler.model import Address, Path, Secret
from reconciler.render.plan_data import address_data, address_of, from_data, to_data
from reconciler.render.stack_data import stack_data, stack_from
from reconciler.reviewed import (
    Mode,
    Reviewed,
    Scope,
    as_chosen,
    digest,
    key_print,
    packed,
    reviewed,
    same_digest,
    seal,
    secret_print,
    unpacked,
)
from reconciler.safety import NO_LIMITS

if TYPE_CHECKING:
    from pathlib import Path as File

    from reconciler.diagnostics import Diagnostic
    from reconciler.model import Graph, Plan, Target, Value
    from reconciler.stack import Stack

FORMAT = 1
_HEAD = "reconciler_plan"


@dataclass(frozen=True, slots=True)
class Hidden:
    """A sensitive value that is not in the file: where the specs have it, and a print of it."""

    address: Address
    part: str
    """``fields`` or ``at_creation``."""
    path: Path
    print: str


@dataclass(frozen=True, slots=True)
class Saved:
    """A reviewed plan and what it was made from, with every sensitive value taken out of both."""

    plan: Plan
    stack: Stack
    scope: Scope
    specs: str
    """Where the specs were: they are read again where something is hidden."""
    digest: str
    prints: frozenset[str]
    key_print: str
    hidden: tuple[Hidden, ...] = ()
    seal: str = ""
    """Over all the rest, under the key: prints cover what is done, this what it is done to, and how much."""

    def approved(self, key: bytes) -> Reviewed:
        """Return what the file approves, to judge a fresh plan by."""
        return Reviewed(self.prints, key, self.plan)


def saved_of(plan: Plan, stack: Stack, scope: Scope, specs: str, key: bytes) -> Saved:
    """Return what a plan file holds: a plan for `stack` in `scope`, and no sensitive value."""
    held = hidden_in(stack.desired)
    texts = secrets_of(plan, (value for *_, value in held))
    unsealed = Saved(
        concealed_plan(plan, texts),
        replace(stack, desired=concealed_graph(stack.desired), outputs=()),
        scope,
        specs,
        digest(plan, scope, key),
        reviewed(plan, key, stack.desired).prints,
        key_print(key),
        tuple(Hidden(address, part, path, secret_print(value, key)) for address, part, path, value in held),
    )
    return replace(unsealed, seal=seal(_unsealed(unsealed), key))


def refuse_other_target(saved: Saved, target: Target, key: bytes) -> tuple[Diagnostic, ...]:
    """Return why a plan is for something else than `target`, or was made with another key; both are named."""
    meant = saved.plan.target
    pairs = {
        "account": (meant.account_sid, target.account_sid),
        "service": (meant.service_sid, target.service_sid),
        "stack": (meant.owner.stack, target.owner.stack),
        "environment": (meant.owner.environment, target.owner.environment),
    }
    found = tuple(
        error(f"the plan is for {what} {then or '(none)'}, and this is {now or '(none)'}", _OTHER_TARGET)
        for what, (then, now) in pairs.items()
        if then != now
    )
    if found:
        return found
    if saved.key_print != key_print(key):
        return (error("the plan was made under another key", _OTHER_KEY),)
    if not same_digest(saved.seal, seal(_unsealed(saved), key)):
        return (error("the plan was changed after it was reviewed", _NEW_ONE),)
    return ()


_OTHER_TARGET = "Apply it where it was made for, or make a plan for this one."
_OTHER_KEY = (
    "Use the RECONCILER_KEY, or without one the credential, that it was made with; or make a new plan."
)


def revealed(saved: Saved, key: bytes, specs: Graph | None = None) -> tuple[Stack, tuple[Diagnostic, ...]]:
    """Return the stack to plan with again, and what of `specs`, read anew, is not what was reviewed.

    It chooses from pools as the reviewed plan did, and knows no limits: they were kept at the review, and
    nothing but what was approved is carried out.
    """
    resources = dict(saved.stack.desired.resources)
    problems: list[Diagnostic] = []
    for one in saved.hidden:
        value = _found(one, specs)
        if value is None or secret_print(value.value, key) != one.print:
            problems.append(_other_value(one, is_missing=value is None))
            continue
        held = resources[one.address]
        values = {**getattr(held, one.part), one.path: value}
        resources[one.address] = (
            replace(held, fields=values) if one.part == "fields" else replace(held, at_creation=values)
        )
    desired = as_chosen(replace(saved.stack.desired, resources=resources), saved.approved(key))
    return replace(saved.stack, desired=desired, limits=NO_LIMITS), tuple(problems)


def _found(one: Hidden, specs: Graph | None) -> Secret | None:
    resource = specs.resources.get(one.address) if specs else None
    value: Value = getattr(resource, one.part).get(one.path) if resource else None
    return value if isinstance(value, Secret) else None


def _other_value(one: Hidden, *, is_missing: bool) -> Diagnostic:
    what = "is not in the specs any more" if is_missing else "is another one than was reviewed"
    return error(
        f"the sensitive value of {'.'.join(one.path)} {what}",
        "Plan files hold no sensitive value, so the specs are read for it. Make a new plan.",
        address=one.address,
    )


# --- files -------------------------------------------------------------------------------------------------


def is_plan_file(path: File) -> bool:
    """Whether a file begins as a plan file does. What cannot be read is none."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEAD) + 4).startswith(f'{{"{_HEAD}"'.encode())
    except OSError:
        return False


def save(saved: Saved, path: File) -> None:
    """Write a plan file that nobody else can read, whole or not at all.

    Replaces another plan file, and nothing else. Raises ReconcilerError where that cannot be.
    """
    if path.exists() and not is_plan_file(path):
        raise ReconcilerError(f"{path} is there and is no plan file", "Give the plan another name.")
    body = _body(saved)
    text = json.dumps({_HEAD: FORMAT, "sha256": _checksum(body), "body": body}) + "\n"
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        _write_private(beside, text)
        beside.replace(path)
    except OSError as fault:
        raise ReconcilerError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _write_private(path: File, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def load(path: File) -> Saved:
    """Return what `save` wrote. Raises ReconcilerError for anything else, and for what was changed since."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as fault:
        raise ReconcilerError(f"{path} cannot be read: {fault.strerror or fault}") from fault
    except (ValueError, RecursionError) as fault:
        raise ReconcilerError(f"{path} is no plan file, or not a whole one", _NEW_ONE) from fault
    written = data.get(_HEAD) if isinstance(data, dict) else None
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        raise ReconcilerError(f"{path} is no plan file", _NEW_ONE)
    if written > FORMAT:
        detail = f"It has format {written}, and this version reads {FORMAT}. Update, or make a new plan."
        raise ReconcilerError(f"{path} was written by a newer version of reconciler", detail)
    try:
        if data["sha256"] != _checksum(data["body"]):
            raise ReconcilerError(f"{path} was changed since it was written", _NEW_ONE)
        return _saved(data["body"])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as fault:
        raise ReconcilerError(f"{path} is no plan file that this version can read", _NEW_ONE) from fault


_NEW_ONE = "Make one with `reconciler plan --out`."


def _checksum(body: Any) -> str:
    """Return a sum that shows what happened to a file by mistake; the prints in it are what is keyed."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _body(saved: Saved) -> dict[str, Any]:
    return {**_unsealed(saved), "seal": saved.seal}


def _unsealed(saved: Saved) -> dict[str, Any]:
    return {
        "specs": saved.specs,
        "scope": [saved.scope.mode.value, list(saved.scope.only), saved.scope.on_remove],
        "digest": saved.digest,
        "prints": packed(saved.prints),
        "key": saved.key_print,
        "hidden": [[address_data(one.address), one.part, list(one.path), one.print] for one in saved.hidden],
        "stack": stack_data(saved.stack),
        "plan": to_data(saved.plan),
    }


def _saved(data: Any) -> Saved:
    mode, only, on_remove = data["scope"]
    if not isinstance(data["specs"], str) or "\0" in data["specs"]:
        raise ValueError("specs is no path")
    stack = stack_from(data["stack"])
    return Saved(
        from_data(data["plan"]),
        stack,
        Scope(Mode(mode), tuple(only), on_remove),
        data["specs"],
        data["digest"],
        unpacked(data["prints"]),
        data["key"],
        tuple(_hidden(one, stack.desired) for one in data["hidden"]),
        str(data["seal"]),
    )


def _hidden(data: Any, desired: Graph) -> Hidden:
    address, part, path, text = data
    one = Hidden(address_of(address), part, tuple(path), text)
    if part not in ("fields", "at_creation") or one.path not in getattr(desired.resources[one.address], part):
        raise ValueError(f"nothing is hidden at {one.address}")
    return one
