"""A plan that was approved × the plan as it is now → what of it is left, what is done, and what has moved.

Whoever approves a plan (a file, a digest, a typed *yes*) approves entries: what becomes of one resource, and
what that relied on. Before anything is written the specs are compared with the account again, and every
change of that fresh plan is looked for among the entries.
"""

from reconciler.model import Mode
from reconciler.reviewed.judge import Judgement, judge
from reconciler.reviewed.prints import (
    Reviewed,
    Scope,
    as_chosen,
    digest,
    key_of,
    key_print,
    packed,
    reviewed,
    same_digest,
    seal,
    secret_print,
    unpacked,
)

__all__ = [
    "Judgement",
    "Mode",
    "Reviewed",
    "Scope",
    "as_chosen",
    "digest",
    "judge",
    "key_of",
    "key_print",
    "packed",
    "reviewed",
    "same_digest",
    "seal",
    "secret_print",
    "unpacked",
]
