"""What a stack writes down beside the live account, in one Sync document, and the lease that stands in it.

A plan reads it (`read_record`), an apply holds its `lease` and writes through that. The account itself tells
what is ours, by marks; a record that is lost costs only what is said in `Record`.
"""

from reconciler.record.contents import Apply, Held, Record, RecordError, Unfinished
from reconciler.record.documents import Seen, read_record
from reconciler.record.holding import DURATION_S, Holder, Lease, LeaseLostError
from reconciler.record.local import lock_folder, only_here
from reconciler.record.prints import address_print
from reconciler.record.release import release_lease
from reconciler.record.strangers import refuse_stranger, require_own
from reconciler.record.taking import LeaseHeldError, lease

__all__ = [
    "DURATION_S",
    "Apply",
    "Held",
    "Holder",
    "Lease",
    "LeaseHeldError",
    "LeaseLostError",
    "Record",
    "RecordError",
    "Seen",
    "Unfinished",
    "address_print",
    "lease",
    "lock_folder",
    "only_here",
    "read_record",
    "refuse_stranger",
    "release_lease",
    "require_own",
]
