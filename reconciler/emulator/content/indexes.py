"""The ways into Content: turns its rows into lists and dictionaries."""

from __future__ import annotations

from reconciler.emulator.ordered import Ordered, claim, into, out_of

from .rows import Approval, Content, ContentRow


class ContentIndexes:
    """All indexes of one world's contents; a content has one request for approval at most."""

    def __init__(self) -> None:
        self.contents: Ordered[Content] = Ordered()
        self.approval_of: dict[str, Approval] = {}
        self.approvals_named: dict[str, Ordered[Approval]] = {}

    def add(self, row: ContentRow, key: int) -> None:
        """Let every index know of a row."""
        if isinstance(row, Content):
            self.contents.add(key, row)
            return
        claim(self.approval_of, row.content_sid, row)
        into(self.approvals_named, row.name, key, row)

    def discard(self, row: ContentRow, key: int) -> None:
        """Let every index forget a row."""
        if isinstance(row, Content):
            self.contents.discard(key)
            return
        del self.approval_of[row.content_sid]
        out_of(self.approvals_named, row.name, key)
