"""Every kind of resource, in the order plans show them. A new kind is one file and one line here."""

from reconciler.kinds import conversation, participant, webhook
from reconciler.kinds.base import Kind

KINDS: tuple[Kind, ...] = (conversation.KIND, participant.KIND, webhook.KIND)

__all__ = ["KINDS", "Kind"]
