"""A step's body → the content type and the bytes that are sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from reconciler.step import Form, JsonBody

if TYPE_CHECKING:
    from reconciler.step import Body, Multipart


def encode(body: Body | None) -> tuple[str, bytes]:
    """Return (content type, bytes) of a body; ('', b'') of none."""
    if body is None:
        return "", b""
    if isinstance(body, Form):
        return "application/x-www-form-urlencoded", urlencode(body.pairs).encode()
    if isinstance(body, JsonBody):
        return "application/json", json.dumps(body.value, ensure_ascii=False).encode()
    return _encode_multipart(body)


def _encode_multipart(body: Multipart) -> tuple[str, bytes]:
    """Write a multipart body; its boundary is the first that no part contains."""
    whole = b"".join(part.content for part in body.parts)
    boundary = next(mark for n in range(len(whole) + 1) if (mark := f"reconciler-{n}").encode() not in whole)
    lines: list[bytes] = []
    for part in body.parts:
        filename = f'; filename="{_quoted(part.filename)}"' if part.filename else ""
        lines.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(part.name)}"{filename}'.encode()
        )
        lines.append(f"\r\nContent-Type: {part.content_type}".encode() if part.content_type else b"")
        lines += [b"\r\n\r\n", part.content, b"\r\n"]
    lines.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(lines)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
