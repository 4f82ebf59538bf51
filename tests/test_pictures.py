"""The README's pictures: they are there, small, described, and the script still paints them."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pictures
from pages import WIDTHS

ROOT = Path(__file__).resolve().parent.parent
SHOWN = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
LARGEST_BYTES = 190_000
BLANK_BYTES = 20_000


def size(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:])
    return width, height


def test_the_readme_shows_every_picture_and_says_what_is_in_it() -> None:
    """Each is a file of this repository, small enough to load at once; none lies about unused."""
    shown = {place: words for words, place in SHOWN.findall((ROOT / "README.md").read_text())}

    assert {ROOT / place for place in shown} == set(pictures.FOLDER.iterdir())
    assert set(shown) == {f"tests/pictures/{name}.png" for name in pictures.SCENES}
    for place, words in shown.items():
        assert len(words) > 30
        assert size(ROOT / place) == (1280, WIDTHS[1280])
        assert (ROOT / place).stat().st_size < LARGEST_BYTES


def test_the_script_paints_them(tmp_path: Path) -> None:
    """As large as those that are kept, and not blank; what letters look like differs between machines."""
    painted = list(pictures.paint(tmp_path))

    assert [one.stem for one in painted] == list(pictures.SCENES)
    for one in painted:
        assert size(one) == size(pictures.FOLDER / one.name)
        assert one.stat().st_size > BLANK_BYTES
