"""The names of `${conversations.order-1042.sid}` → a Ref to a resource of the stack, or what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.diagnostics import error
from reconciler.expressions import nearest
from reconciler.model import Address, Ref
from reconciler.nodes import Mapping, Node

if TYPE_CHECKING:
    from reconciler.diagnostics import Diagnostic
    from reconciler.kinds.base import Kind
    from reconciler.model import Place


@dataclass(frozen=True)
class References:
    """Turns the names of `${conversations.order-1042.sid}` into a Ref, or says what is wrong with them."""

    root: Mapping
    kinds: tuple[Kind, ...]

    def __call__(self, names: tuple[str, ...], place: Place) -> Ref | Diagnostic:
        """Follow the names from the root of the specs; the last one is an attribute."""
        block: Node | None = self.root
        parent: Kind | None = None
        address: Address | None = None
        *path, attribute = names
        for plural, key in zip(path[::2], path[1::2], strict=False):
            kind = next((k for k in self.kinds if k.plural == plural and k.parent is parent), None)
            if kind is None:
                return self._wrong(plural, [k.plural for k in self.kinds if k.parent is parent], place)
            block = block.get(plural) if isinstance(block, Mapping) else None
            entries = [entry.key.text for entry in block] if isinstance(block, Mapping) else []
            if key not in entries:
                return self._wrong(key, entries, place, f"there is no {kind.name} {key!r}")
            block = block.get(key) if isinstance(block, Mapping) else None
            parent, address = kind, Address.of(kind.name, key, address)
        if parent is None or address is None or len(path) % 2:
            detail = "A reference reads ${conversations.order-1042.sid}."
            return error("this reference names no resource", detail, place=place)
        if attribute not in parent.captures:
            return self._wrong(
                attribute, list(parent.captures), place, f"a {parent.name} has no {attribute!r} to refer to"
            )
        return Ref(address, attribute)

    def _wrong(self, name: str, known: list[str], place: Place, summary: str = "") -> Diagnostic:
        near = nearest(name, known)
        detail = (
            f"Did you mean {near}?"
            if near
            else f"There are: {', '.join(known)}."
            if known
            else "There are none."
        )
        return error(summary or f"{name!r} is no sort of resource here", detail, place=place)
