"""An address → the short print by which a record remembers that something stood there.

Names in specs are no secrets, so no key is in it: whoever applies the stack next reads it alike.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.model import Address

_CHARS = 5
"""30 bits: among a thousand addresses, a new one is taken for one of them once in a million times."""


def address_print(address: Address) -> str:
    """Return the print of an address."""
    return urlsafe_b64encode(hashlib.sha256(str(address).encode()).digest())[:_CHARS].decode()
