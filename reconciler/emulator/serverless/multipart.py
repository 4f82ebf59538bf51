"""Bodies in parts: turns the bytes of ``multipart/form-data`` into named parts (RFC 7578, RFC 2046). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

_PARTS = 32
_HEAD_BYTES = 16 * 1024
_BOUNDARY_CHARS = 70
_CONTENT_TYPE = re.compile(
    r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}(?:; *charset=\"?[\w.-]{1,64}\"?)?", re.ASCII | re.IGNORECASE
)


class MultipartError(ValueError):
    """A body that is not in parts as its type says; the text says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its content, and its type where it names one that can be given back."""

    content: bytes
    content_type: str | None

    @property
    def text(self) -> str:
        """The content as text; undecodable bytes become U+FFFD, as in other forms."""
        return self.content.decode("utf-8", "replace")


def parts_of(content_type: str, body: bytes) -> dict[str, Part]:
    """Return the parts by name, of a repeated one the first. Raises MultipartError."""
    delimiter = b"\r\n--" + _boundary(content_type).encode("latin-1", "replace")
    _, *rest = (b"\r\n" + body).split(delimiter)
    if not rest or not rest[-1].startswith(b"--"):
        raise MultipartError("the body does not end with its boundary")
    if len(rest) > _PARTS:
        raise MultipartError(f"the body has more than {_PARTS - 1} parts")
    found: dict[str, Part] = {}
    for piece in rest[:-1]:
        name, part = _part(piece)
        found.setdefault(name, part)
    return found


def _boundary(content_type: str) -> str:
    head = Message()
    head["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    boundary = head.get_boundary()
    if head.get_content_type() != "multipart/form-data" or not boundary or len(boundary) > _BOUNDARY_CHARS:
        raise MultipartError("the body is not multipart/form-data with a boundary")
    return boundary


def _part(piece: bytes) -> tuple[str, Part]:
    head, gap, content = piece.lstrip(b" \t").partition(b"\r\n\r\n")
    if not gap or not head.startswith(b"\r\n") or len(head) > _HEAD_BYTES:
        raise MultipartError("a part has no head")
    headers = BytesHeaderParser().parsebytes(head[2:] + gap)
    name = headers.get_param("name", header="Content-Disposition")
    if headers.get_content_disposition() != "form-data" or not isinstance(name, str):
        raise MultipartError("a part has no name")
    kind = str(headers.get("Content-Type", ""))
    return name, Part(content, kind if is_content_type(kind) else None)


def is_content_type(text: str) -> bool:
    """Tell whether a text is a type as headers have it, with or without a charset."""
    return _CONTENT_TYPE.fullmatch(text) is not None
