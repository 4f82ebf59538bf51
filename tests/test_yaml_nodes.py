"""One file's bytes become nodes with places, or problems with places; nothing else ever comes out."""

from __future__ import annotations

import json
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import Json, Place
from reconciler.nodes import (
    Entry,
    Failed,
    Mapping,
    Node,
    Scalar,
    Sequence,
    is_null,
    resolve_scalar,
    to_json,
)
from reconciler.yaml_nodes import MAX_BYTES, Parsed, parse, read


def root(text: str) -> Mapping:
    parsed = parse(text.encode(), "f.yaml")
    assert parsed.problems == ()
    assert isinstance(parsed.root, Mapping)
    return parsed.root


def scalar(text: str) -> Scalar:
    """Return the value of a map with one key."""
    node = root(text).entries[0].value
    assert isinstance(node, Scalar)
    return node


def summaries(parsed: Parsed) -> list[str]:
    return [f"{problem.place}: {problem.summary}" for problem in parsed.problems]


def test_nodes_keep_text_and_place() -> None:
    """A file is read into texts, each with the place it is written at."""
    expected = Mapping(
        (
            Entry(
                Scalar("a", plain=True, place=Place("f.yaml", 1, 1)),
                Scalar("it's", plain=False, place=Place("f.yaml", 1, 4)),
            ),
            Entry(
                Scalar("b", plain=True, place=Place("f.yaml", 2, 1)),
                Sequence(
                    (
                        Scalar("yes", plain=True, place=Place("f.yaml", 2, 5)),
                        Scalar("", plain=False, place=Place("f.yaml", 2, 10)),
                    ),
                    Place("f.yaml", 2, 4),
                ),
            ),
        ),
        Place("f.yaml", 1, 1),
    )

    assert expected == root("a: 'it''s'\nb: [yes, '']\n")


@pytest.mark.parametrize("key", ["012", "yes", "18:30", "1_000", "2024-01-01", "~", "true", "+1", "-", "a b"])
def test_a_key_is_its_written_text(key: str) -> None:
    """No key is ever typed."""
    key = key if key != "-" else "-1"

    assert [key] == [entry.key.text for entry in root(f"{key}: x\n")]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("null", None),
        ("Null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-0", 0),
        ("42", 42),
        ("-1.5e3", -1500.0),
        ("1.0", 1.0),
        ("12345678901234567890", 12345678901234567890),
        *(
            (text, text)
            for text in [
                "yes",
                "Yes",
                "NO",
                "on",
                "Off",
                "012",
                "0x1F",
                "0o14",
                "18:30",
                "1_000",
                "2024-01-01",
                ".inf",
                "-.inf",
                ".nan",
                ".5",
                "5.",
                "1e",
                "1e999",
                "+1",
                "+15550100201",
                "tRue",
                "nULL",
                "1,000",
                "١٢",
            ]
        ),
        ("9" * 301, "9" * 301),
        ('"5"', "5"),
        ("'true'", "true"),
        ('""', ""),
        ("|\n  5\n", "5\n"),
    ],
)
def test_untyped_values_follow_json(written: str, value: Json) -> None:
    """Where no field says a type, only JSON's words and numbers are more than text."""
    resolved = resolve_scalar(scalar(f"a: {written}"))

    assert (type(value), value) == (type(resolved), resolved)


def test_null_is_plain_and_empty() -> None:
    """A quoted empty text is a text; an empty value is nothing."""
    assert [is_null(scalar(text)) for text in ("a:", "a: null", "a: ''", "a: none")] == [
        True,
        True,
        False,
        False,
    ]


def test_a_comment_behind_a_value_is_kept() -> None:
    """What stands behind ` #` is told, for it may have been meant as text."""
    node = root("a: Order #5\nb: 'x'  # why \nc: # empty\nd: y\ne: z#5\nf: |  # bar\n  text\n")

    assert [entry.value.trailing for entry in node if isinstance(entry.value, Scalar)] == [
        "#5",
        "# why",
        "# empty",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("written", "inset"),
    [
        ("${x}", 0),
        ('"${x}"', 1),
        ("'${x}'", 1),
        ("&a ${x}", 0),
        ("'it''s'", None),
        ('"\\x41"', None),
        ("one\n  two", None),
        ("|\n  one", None),
    ],
)
def test_inset_is_told_only_where_text_is_verbatim(written: str, inset: int | None) -> None:
    """An offset into a text is an offset into the file only where the text is written out on one line."""
    assert inset == scalar(f"a: {written}\n").inset


def test_anchors_do_not_shift_places() -> None:
    """The place of a value is its text, not the anchor before it."""
    assert Place("f.yaml", 1, 7) == scalar("a: &x foo\n").place


def test_aliases_repeat_values() -> None:
    """An alias is the value it stands for; as a key it keeps its own place."""
    node = root("a: &x [1, {b: &y c}]\n*y : *x\n")

    assert to_json(node) == {"a": [1, {"b": "c"}], "c": [1, {"b": "c"}]}
    assert Place("f.yaml", 2, 1) == node.entries[1].key.place


def test_byte_order_mark_and_line_ends() -> None:
    """A leading byte-order mark and either line end change neither text nor places."""
    parsed = parse(b"\xef\xbb\xbfa: b\r\nc: d\re: f\n", "f.yaml")

    assert isinstance(parsed.root, Mapping)
    assert to_json(parsed.root) == {"a": "b", "c": "d", "e": "f"}
    assert parsed.lines == ("a: b", "c: d", "e: f")
    assert [entry.key.place.line for entry in parsed.root] == [1, 2, 3]


def test_every_mistake_but_syntax_is_reported_at_once() -> None:
    """Duplicates, tags, merges and aliases do not stop the reading."""
    parsed = parse(b"a: !x 1\na: 2\n<<: 3\nb: *c\n? [d]\n: e\nf: {g:1}\n", "f.yaml")

    assert summaries(parsed) == [
        "f.yaml:1:4: tags (words beginning with !) are not used here",
        "f.yaml:2:1: a is defined twice",
        "f.yaml:3:1: merging with << is not used here",
        "f.yaml:4:4: *c stands for nothing: no &c comes before it",
        "f.yaml:5:3: a key is a single text, not a list or map",
        "f.yaml:7:5: a space is missing after the colon",
    ]


def test_json_does_not_hide_what_is_not_known() -> None:
    """What failed, or is known only later, has no JSON."""
    place = Place("f.yaml", 1, 1)
    with pytest.raises(ValueError, match=r"Failed at f\.yaml:1:1 has no JSON"):
        to_json(Sequence((Failed(place),), place))


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)
)
TOO_LARGE = "the file grows too large here"
TOO_DEEP = "lists and maps are nested deeper than 64 levels"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 1_000_000, [f"f.yaml:1:65: {TOO_DEEP}"]),
        ("{" * 1_000_000, [f"f.yaml:1:65: {TOO_DEEP}"]),
        ("{a: " * 250_000, [f"f.yaml:1:257: {TOO_DEEP}"]),
        ("- " * 500_000, [f"f.yaml:1:129: {TOO_DEEP}"]),
        ("? " * 500_000, [f"f.yaml:1:129: {TOO_DEEP}"]),
        ("".join(" " * i + "a:\n" for i in range(1400)), [f"f.yaml:65:65: {TOO_DEEP}"]),
        (
            "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 100)),
            [f"f.yaml:64:12: {TOO_DEEP}"],
        ),
        (BOMB, [f"f.yaml:6:18: {TOO_LARGE}"]),
        ("a: &a " + "x" * 1_000_000 + "\nb: [" + "*a, " * 1000 + "]", [f"f.yaml:2:97: {TOO_LARGE}"]),
        ("a: [" + "b," * 1_000_000 + "]", [f"f.yaml:1:499999: {TOO_LARGE}"]),
        ("x" * (MAX_BYTES + 1), ["f.yaml:1:1: the file is larger than 4 MB"]),
        ('"' * 1_000_001, ["f.yaml:1:3: text follows the closing quote"]),
        ("*" * 1_000_000, ["f.yaml:1:1: * begins an alias to YAML"]),
    ],
    ids=lambda value: value[:8] if isinstance(value, str) else "",
)
def test_no_file_exhausts_anything(text: str, told: list[str]) -> None:
    """Depth, aliases and size are bounded while reading, at the place where the bound is passed."""
    begun = time.monotonic()

    assert told == summaries(parse(text.encode(), "f.yaml"))
    assert time.monotonic() - begun < 20


def test_bytes_that_are_no_text() -> None:
    """The first byte that is not UTF-8 is named and placed."""
    latin = parse("stack: {name: café}\n".encode("latin-1"), "f.yaml")
    wide = parse("stack: {}\n".encode("utf-16"), "f.yaml")
    garbage = parse(bytes(range(254, 0, -1)) * 3900, "f.yaml")

    assert summaries(latin) == ["f.yaml:1:18: byte 0xE9 is not UTF-8"]
    assert (
        latin.problems[0].detail
    ) == "Save the file as UTF-8, or retype this character. In Latin-1 it would be 'é'."
    assert summaries(wide) == ["f.yaml:1:1: the file is UTF-16, not UTF-8"]
    assert summaries(garbage) == ["f.yaml:1:1: byte 0xFE is not UTF-8"]


def test_files_that_cannot_be_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder or a missing file is a problem at the file's beginning."""
    folder = tmp_path_factory.mktemp("specs")

    assert summaries(read(folder, "x.yaml")) == ["x.yaml:1:1: this is a folder, not a file"]
    assert summaries(read(folder / "no", "x.yaml")) == ["x.yaml:1:1: this file does not exist"]
    assert summaries(read(folder / ("n" * 300), "x.yaml")) == ["x.yaml:1:1: this file cannot be read"]


def check_problems(parsed: Parsed) -> None:
    """Every problem stands inside the file, and says something."""
    for problem in parsed.problems:
        place = problem.place
        assert place is not None
        assert problem.summary
        assert problem.detail
        assert 1 <= place.line <= max(1, len(parsed.lines))
        length = len(parsed.lines[place.line - 1]) if parsed.lines else 0
        assert 1 <= place.column <= length + 1


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_explained(data: bytes) -> None:
    """Whatever the bytes: nodes or problems, never an exception."""
    check_problems(parse(data, "f.yaml"))


@settings(derandomize=True, max_examples=2000, deadline=None)
@given(st.text(alphabet="[]{}:,-?&*!|>'\"%@`# \n\r\tab1$.<~\\é\u2028", max_size=60))
def test_any_text_of_yamls_own_signs_is_read_or_explained(text: str) -> None:
    """The same for texts made of what means something to YAML."""
    check_problems(parse(text.encode(), "f.yaml"))


TEXTS = st.text(max_size=20)
# JSON escapes what lies beyond as two halves, which YAML does not know.
BASIC_TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
TREES = st.recursive(
    TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def plain_data(node: Node) -> object:
    """Return the texts of `node` in lists and dicts."""
    match node:
        case Mapping():
            return {entry.key.text: plain_data(entry.value) for entry in node}
        case Sequence():
            return [plain_data(item) for item in node]
        case Scalar():
            return node.text
    raise AssertionError(node)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.dictionaries(TEXTS, TREES, max_size=4), st.booleans())
def test_what_is_written_as_yaml_reads_back(tree: dict[str, object], flow: bool) -> None:
    """A tree of texts, written as YAML by someone else, is the same tree when read."""
    written = yaml.safe_dump(tree, default_flow_style=flow, default_style='"').encode(errors="replace")
    parsed = parse(written, "f.yaml")

    assert parsed.problems == ()
    assert parsed.root is not None
    assert tree == plain_data(parsed.root)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.dictionaries(
        BASIC_TEXTS,
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | BASIC_TEXTS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(BASIC_TEXTS, inner, max_size=3),
            max_leaves=10,
        ),
        max_size=4,
    )
)
def test_json_reads_back_typed(tree: dict[str, Json]) -> None:
    """Every JSON object is YAML, and means the same where no field says otherwise."""
    parsed = parse(json.dumps(tree).encode(), "f.yaml")

    assert parsed.problems == ()
    assert parsed.root is not None
    assert tree == to_json(parsed.root)
