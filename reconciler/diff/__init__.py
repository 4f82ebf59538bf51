"""Two graphs → a Plan: the comparer. Pure: no clock, no file, no environment, no socket."""

from reconciler.diff.changes import diff
from reconciler.diff.order import operations, sorted_operations
from reconciler.diff.sides import Removal

__all__ = ["Removal", "diff", "operations", "sorted_operations"]
