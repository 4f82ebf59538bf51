"""Phone numbers in shared outputs: masked wherever they stand, and recognisably the same where they are."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.render.numbers import Numbers, country_code

NUMBERS = Numbers(b"key of the tests")
DIGITS = st.text("0123456789", min_size=7, max_size=15)
E164 = DIGITS.map("+{}".format)
TEXT = st.text() | st.text("+0123456789 -().:%2Ba", max_size=60) | E164
laws = settings(derandomize=True, max_examples=300, deadline=None)


@laws
@given(st.lists(TEXT | E164).map("".join))
def test_no_long_run_of_digits_after_a_plus_survives(text: str) -> None:
    """Wherever a number stands, its digits are gone."""
    assert not re.search(r"(?:\+|%2[bB])\d{7}", NUMBERS.mask(text))


@laws
@given(st.lists(TEXT | E164).map("".join))
def test_masking_twice_is_masking_once(text: str) -> None:
    """A masked number is none."""
    once = NUMBERS.mask(text)

    assert NUMBERS.mask(once) == once


@laws
@given(E164, st.text("abc: /\n"), st.text("abc: \n"))
def test_the_tag_depends_on_the_number_only(number: str, before: str, after: str) -> None:
    """The same number has the same tag in any text, after a channel too."""
    masked = NUMBERS.mask(number)

    assert NUMBERS.mask(f"{before}{number} {after}") == f"{before}{masked} {after}"
    assert NUMBERS.mask(f"whatsapp:{number}") == f"whatsapp:{masked}"


@laws
@given(E164, E164)
def test_two_numbers_have_two_tags(one: str, other: str) -> None:
    """What looks the same is the same."""
    assume(one != other)

    assert NUMBERS.mask(one) != NUMBERS.mask(other)


@laws
@given(E164)
def test_another_key_gives_another_tag(number: str) -> None:
    """Nobody without the key can try which number a tag belongs to."""
    assert NUMBERS.mask(number) != Numbers(b"another key").mask(number)


@laws
@given(st.text())
def test_without_a_key_numbers_are_shown(text: str) -> None:
    """A person at their own terminal sees the numbers."""
    assert Numbers(None).mask(text) == text


@pytest.mark.parametrize(
    "written",
    ["+1 555 010 0301", "+1 (555) 010-0301", "+1-555-010-0301", "+1.555.010.0301", "%2B15550100301"],
)
def test_numbers_as_people_write_them(written: str) -> None:
    """Separators change nothing: it is the same number."""
    assert NUMBERS.mask(f"call {written}!") == f"call {NUMBERS.mask('+15550100301')}!"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("15550100301", "…·dgdix"),
        ('{"phone": 15550100301}', '{"phone": …·dgdix}'),
        ("order_15550100301", "order_…·dgdix"),
        ("whatsapp:15550100301", "whatsapp:…·dgdix"),
        ("0015550100301", "+1…·dgdix"),
        ("001 555 010-0301.", "+1…·dgdix."),
        ("tel:15550100301", "tel:…·dgdix"),
        ("tel:+1-555-010-0301", "tel:+1…·dgdix"),
    ],
)
def test_numbers_without_a_plus(written: str, shown: str) -> None:
    """They are masked too, with the tag of the same number; only the country is not known."""
    assert NUMBERS.mask(written) == shown


@laws
@given(TEXT, st.integers(0, 60))
def test_a_spot_in_a_text_is_found_again_in_the_masked_one(text: str, index: int) -> None:
    """What stands before it and behind it is the same, but for the masks."""
    masked, moved = NUMBERS.mask_around(text, min(index, len(text)))

    assert masked == NUMBERS.mask(text)
    assert 0 <= moved <= len(masked)
    assert (moved == len(masked)) is (min(index, len(text)) == len(text))


def test_a_tag_is_stable() -> None:
    """Tags may be compared across runs that share a key."""
    assert NUMBERS.mask("whatsapp:+15550100301") == "whatsapp:+1…·dgdix"


@pytest.mark.parametrize(
    "text",
    [
        *("order +12 of 30", "+", "+123456", "a+b", "order-1042", "123456789", "1234567890123456"),
        *("CH15550100301000000000000000000000", "MG0123456789abcdef0123456789abcdef", "a15550100301b"),
        *("2026-11-22T10:15:30.123456789012Z", "2026-11-22 10:15:00.1234567", "20261122T101530Z"),
        *("0.15550100301", "15550100301.5", "123e4567-e89b-12d3-a456-426614174000"),
        *("00000000000000000000", "127.0.0.1:8010", "tel:1234"),
    ],
)
def test_what_is_no_number_stays(text: str) -> None:
    """Sums, sids, times, fractions and short numbers are left as they are."""
    assert NUMBERS.mask(text) == text


@pytest.mark.parametrize(
    ("digits", "code"),
    [
        ("15550100301", "1"),
        ("79161234567", "7"),
        ("201012345678", "20"),
        ("4915112345678", "49"),
        ("8613812345678", "86"),
        ("393331234567", "39"),
        ("351912345678", "351"),
        ("380501234567", "380"),
        ("97412345678", "974"),
        ("420601123456", "420"),
        ("0155501003", ""),
        ("", ""),
    ],
)
def test_country_codes(digits: str, code: str) -> None:
    """A code is one digit, two, or three, and no code begins another."""
    assert country_code(digits) == code


def test_the_key_does_not_show() -> None:
    """Not even in a traceback or a log of the value."""
    assert "key of" not in repr(NUMBERS)
