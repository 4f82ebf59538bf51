"""Two graphs → a Plan: the comparer. Pure: no clock, no file, no environment, no socket."""

from reconciler.diff.answers import unlike
from reconciler.diff.changes import diff
from reconciler.diff.compare import whole_print
from reconciler.diff.order import freed_sids, gained_claims, operations, sorted_operations
from reconciler.diff.part import is_within, part
from reconciler.diff.sides import Removal

__all__ = [
    "Removal",
    "diff",
    "freed_sids",
    "gained_claims",
    "is_within",
    "operations",
    "part",
    "sorted_operations",
    "unlike",
    "whole_print",
]
