"""All about one address: what the specs say, what is live, its mark, what differs, what stands in the way.

Only reads. What is said of it, and why it is touched or not, stands in `render/listing.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from reconciler.diagnostics import ReconcilerError, Severity
from reconciler.drift import REMOVALS, drift_of, lineage
from reconciler.inventory import concealed, listed_kinds, path_of
from reconciler.kinds import KINDS
from reconciler.kinds import mark as marks
from reconciler.kinds.attributes import ATTRIBUTES
from reconciler.kinds.base import Kind, MarkHome
from reconciler.model import Address, Graph, Resource, Secret, Target
from reconciler.observed import found_row, observe
from reconciler.pairing import is_owner
from reconciler.workflow import make_plan

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from reconciler.diagnostics import Diagnostic
    from reconciler.gateway import Gateway
    from reconciler.model import Change, Edit, Fields, Live, Path
    from reconciler.stack import Stack
    from reconciler.step import Row
    from reconciler.workflow import Planned

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Subject:
    """All about one address. `live` holds only values that may be shown, `unmanaged` names the rest."""

    planned: Planned
    """The part of the plan that is about it: its change, and what refuses it or what it stands in."""
    address: Address
    wanted: Resource | None = None
    live: Resource | None = None
    unmanaged: tuple[Path, ...] = ()
    """Paths of attributes that are not ours to keep, and whose values are nobody's business here."""
    recorded: str = ""
    """The sid under which the mark of what it stands in knows it; '' where it does not."""
    drift: str = ""
    """What others did to it, where they are the cause of the change as a whole."""
    ended: Address | None = None
    """It, or what it stands in, once that has ended its life."""
    going: Change | None = None
    """The removal of what it stands in."""
    is_ours: bool = False
    """Whether the mark on it is ours and counts."""

    @property
    def target(self) -> Target:
        """The service it is looked for in, and by whom."""
        return self.planned.plan.target

    @property
    def change(self) -> Change | None:
        """What is going to happen to it."""
        return next(iter(self.planned.plan.changes), None)

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """What refuses it."""
        return self.planned.plan.diagnostics


async def look_at(stack: Stack, gateway: Gateway, name: str, kinds: tuple[Kind, ...] = KINDS) -> Subject:
    """Read all about one address, or about the live resource with a sid.

    Raises ReconcilerError, with the nearest addresses there are, where nothing is called so.
    """
    reads = cast("Gateway", _Reads(gateway))
    planned = await make_plan(stack, reads, kinds=kinds)
    target = planned.plan.target
    desired, observed = await observe(reads, stack.desired, kinds, target, stack.transitions)
    here = {**_by_address(observed.graph.strangers), **observed.graph.resources}
    address = _called(name, [*desired.resources.values(), *here.values()])
    wanted = desired.resources.get(address) if address else None
    row = here[address] if address in here else await _fetched(reads, target, kinds, wanted or name)
    if row is not None and row.address not in here:
        same = next((one for one in here.values() if _sid(one) == _sid(row)), None)
        if address is None:
            row = same or row
            address = row.address
        else:
            row = None if same else replace(row, address=address)
    if address is None:
        raise _unknown(name, [*desired.resources, *here])
    subject = Subject(planned, address, desired.resources.get(address), row)
    return _explained(subject, stack, observed.graph, {kind.name: kind for kind in kinds})


def _sid(resource: Resource) -> str:
    return resource.live.sid if resource.live else ""


class _Reads:
    """A gateway whose reads are made once: what was read for the plan is read again from memory."""

    def __init__(self, gateway: Gateway) -> None:
        self.account_sid = gateway.account_sid
        self._gateway = gateway
        self._answers: dict[object, Any] = {}

    async def get(self, *call: Any, **named: Any) -> Row:
        return cast("Row", await self._once(self._gateway.get, call, named))

    async def find(self, *call: Any, **named: Any) -> Row | None:
        return cast("Row | None", await self._once(self._gateway.find, call, named))

    async def list(self, *call: Any, **named: Any) -> list[Row]:
        return [*await self._once(self._gateway.list, call, named)]

    async def _once(self, read: Callable[..., Awaitable[Any]], call: tuple[Any, ...], named: Any) -> Any:
        key = (read.__name__, repr(call), repr(sorted(named.items())))
        if key not in self._answers:
            self._answers[key] = await read(*call, **named)
        return self._answers[key]


def _by_address(rows: Iterable[Resource]) -> dict[Address, Resource]:
    return {row.address: row for row in rows}


def _called(name: str, resources: Sequence[Resource]) -> Address | None:
    """Return the address that is written so, or that of the live resource with this sid."""
    return next((one.address for one in resources if name and name in (str(one.address), _sid(one))), None)


async def _fetched(
    gateway: Gateway, target: Target, kinds: tuple[Kind, ...], named: Resource | str
) -> Resource | None:
    """Ask the account for what is no address of ours: what has the name that is wanted, or a name or sid."""
    for kind in listed_kinds(kinds):
        name = _name_in(kind, named)
        row = await gateway.find(kind.host, (*path_of(kind, target), name)) if name else None
        if row is not None:
            found = found_row(kind, row)
            return Resource(Address.of(kind.name, found.live.sid), found.fields, live=found.live)
    return None


def _name_in(kind: Kind, named: Resource | str) -> str:
    """Return what Twilio is to be asked for: the name of a resource, ``conversation/NAME``, or a sid."""
    if isinstance(named, Resource):
        name = kind.natural_key(named.fields) if named.address.kind == kind.name else None
        return name if isinstance(name, str) else ""
    before, _, after = named.partition("/")
    return after if before == kind.name else named if _SID.fullmatch(named) else ""


def _unknown(name: str, known: Iterable[Address]) -> ReconcilerError:
    addresses = sorted({str(address) for address in known})
    near = [address for address in addresses if name and address.rpartition("/")[2] == name]
    # Who looks for a conversation is not helped by a participant of another one, however alike they read.
    alike = [one for one in addresses if one.split("/")[-2:-1] == name.split("/")[-2:-1]] or addresses
    near += [one for one in get_close_matches(name, alike, 5, 0.5) if one not in near]
    detail = f"Nearest: {', '.join(near[:5])}." if near else f"There are: {', '.join(alike[:10])}."
    return ReconcilerError(
        f"nothing is called {name!r}", detail if addresses else "The stack is empty: nothing is in the specs."
    )


def _explained(subject: Subject, stack: Stack, observed: Graph, kinds: Mapping[str, Kind]) -> Subject:
    """Add to an address what the whole plan makes of it, and leave of the plan what is about it."""
    plan, address = subject.planned.plan, subject.address
    line = [*lineage(address)]
    changes = {change.address: change for change in plan.changes}
    drift = drift_of(subject.planned, stack.desired, tuple(kinds.values())).plan
    live = subject.live.live if subject.live else None
    ours = _is_ours(kinds[address.kind], subject, stack, live)
    shown, unmanaged = _shown(subject, live, is_ours=ours)
    rows = {**observed.resources, **({address: subject.live} if subject.live else {})}
    change = changes.get(address)
    ended = next((one for one in line if _has_ended(kinds[one.kind], rows.get(one))), None)
    going = next((changes[a] for a in line[1:] if a in changes and changes[a].action in REMOVALS), None)
    # Ours, not wanted, and yet it stays: what refuses many removals at once names none of them.
    stays = ours and not (subject.wanted or change or ended or going)
    about = {*line, None} if stays else {*line}
    errors = [one for one in plan.diagnostics if one.severity is Severity.ERROR and one.address in about]
    part = replace(
        plan,
        changes=(replace(change, edits=_safe(change)),) if change else (),
        strangers=(),
        diagnostics=tuple(errors),
    )
    return replace(
        subject,
        planned=replace(subject.planned, plan=part, closed=()),
        live=replace(subject.live, fields=shown) if subject.live else None,
        unmanaged=unmanaged,
        recorded=_recorded(rows, address),
        drift=next((one.why for one in drift.changes if one.address == address), ""),
        ended=ended,
        going=going,
        is_ours=ours,
    )


def _recorded(rows: Mapping[Address, Resource], address: Address) -> str:
    above = rows.get(address.parent) if address.parent else None
    mark = above.live.mark if above and above.live else None
    return mark.children.get(address.key, "") if mark else ""


def _is_ours(kind: Kind, subject: Subject, stack: Stack, live: Live | None) -> bool:
    mark = live.mark if live else None
    if mark is None or live is None or subject.live is None:
        return False
    fits = kind.mark is MarkHome.PARENT or kind.fits(mark, subject.live.fields, live.sid)
    return fits and is_owner(mark.owner, subject.target.owner, stack.transitions)


def _shown(subject: Subject, live: Live | None, *, is_ours: bool) -> tuple[Fields, tuple[Path, ...]]:
    """Return the live fields that may be shown, and the paths of attributes that are not managed."""
    if subject.live is None:
        return {}, ()
    wanted, mark = subject.wanted, live.mark if live else None
    recorded = mark.fields if mark and is_ours else {}
    fields = concealed(subject.live.fields, mark, wanted)
    unmanaged = [
        path
        for path in fields
        if path[0] == ATTRIBUTES
        and path not in (wanted.fields if wanted else {})
        and marks.dotted(path) not in recorded
    ]
    return {path: value for path, value in fields.items() if path not in unmanaged}, tuple(sorted(unmanaged))


def _safe(change: Change) -> tuple[Edit, ...]:
    """Return a change's edits, with a Secret for what stood there if our record calls all of it sensitive."""
    mark = change.live.mark if change.live else None
    if mark is None or mark.fields.get(marks.WHOLE) != marks.SET_SECRET:
        return change.edits
    return tuple(replace(edit, before=Secret(edit.before)) for edit in change.edits)


def _has_ended(kind: Kind, row: Resource | None) -> bool:
    state = row.live.state if row and row.live else ""
    return bool(kind.open_states and state and state not in kind.open_states)
