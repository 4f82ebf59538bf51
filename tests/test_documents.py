"""A file or folder becomes one Document, or all its problems at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.diagnostics import SpecError
from reconciler.documents import Document, read_stack, to_json
from reconciler.model import Place

STACK = "stack: {name: demo}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, so that paths are what a person types."""
    monkeypatch.chdir(tmp_path)


def write(**files: str | bytes) -> None:
    """Write files into `specs`; ``__`` in a name stands for a folder."""
    for name, content in files.items():
        path = Path("specs", *name.split("__")).with_suffix(".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def told(path: str = "specs") -> list[str]:
    """Return what reading `path` complains about, each as place, summary, detail and related places."""
    with pytest.raises(SpecError) as caught:
        read_stack(Path(path))
    return [
        "\n".join(
            [
                f"{problem.place or '-'}: {problem.summary}",
                problem.detail,
                *(f"{word} at {place}" for word, place in problem.related),
            ]
        )
        for problem in caught.value.diagnostics
    ]


def json_of(document: Document) -> object:
    return to_json(document.root)


def test_files_of_a_folder_are_laid_together() -> None:
    """Blocks that are maps may stand in many files; names of files are as a person types them."""
    write(
        a=STACK + "senders: {wa: x}\nx-own: 1\nvariables:\n",
        b="senders: {sms: y}\nvariables: {v: {}}\nx-own: 2\n",
    )
    Path("specs/notes.yml").write_text("ignored: true\n")
    Path("specs/.hidden.yaml").write_text("[\n")

    document = read_stack(Path("specs"))

    assert json_of(document) == {
        "stack": {"name": "demo"},
        "senders": {"wa": "x", "sms": "y"},
        "variables": {"v": {}},
    }
    assert list(document.sources) == ["specs/a.yaml", "specs/b.yaml"]
    assert Path("specs").resolve() == document.folder
    assert (document.folder / "a.yaml", document.folder / "b.yaml") == document.files
    senders = document.root.entry("senders")
    assert senders is not None
    assert Place("specs/a.yaml", 2, 1) == senders.key.place


def test_a_file_is_read_alone() -> None:
    """A path to a file reads that file and what it includes, nothing beside it."""
    write(a=STACK + "include: [more/*.yaml, more/x.yaml]\n", b="[broken", more__x="senders: {wa: x}\n")

    document = read_stack(Path("specs/a.yaml"))

    assert json_of(document) == {"stack": {"name": "demo"}, "senders": {"wa": "x"}}
    assert list(document.sources) == ["specs/a.yaml", "specs/more/x.yaml"]


def test_included_files_may_include() -> None:
    """Paths start from the folder of the file that names them; each file is read once."""
    write(
        a=STACK + "include: [more/x.yaml]\n",
        more__x="include: [deep/**/*.yaml, x.yaml]\n",
        more__deep__y="senders: {wa: y}\n",
    )

    assert json_of(read_stack(Path("specs"))) == {"stack": {"name": "demo"}, "senders": {"wa": "y"}}


def test_the_current_folder() -> None:
    """`.` reads the folder one is in, and files have no prefix."""
    write(a=STACK)
    os.chdir("specs")

    assert list(read_stack(Path()).sources) == ["a.yaml"]


def test_all_problems_of_all_files_in_order_of_place() -> None:
    """A syntax error stops its own file only, and nobody claims that a stack is missing."""
    write(b="a: [\n", c="a: 1\na: 2\n", a=b"\xff")

    assert told() == [
        (
            "specs/a.yaml:1:1: byte 0xFF is not UTF-8\n"
            "Save the file as UTF-8, or retype this character. In Latin-1 it would be 'ÿ'."
        ),
        "specs/b.yaml:1:4: the [ opened here is never closed\nClose it with ].",
        (
            "specs/c.yaml:2:1: a is defined twice\n"
            "Keep one of the two, or give one another key.\nfirst defined at specs/c.yaml:1:1"
        ),
    ]


def test_a_key_in_two_files() -> None:
    """A key defined in two files is named with both places."""
    write(a=STACK + "conversations:\n  order: {}\n", b="conversations:\n  desk: {}\n  order: {}\n")

    assert told() == [
        (
            "specs/b.yaml:3:3: order is defined twice\n"
            "Keep one of the two, or give one another key.\nfirst defined at specs/a.yaml:3:3"
        )
    ]


def test_a_block_that_is_no_map_in_two_files() -> None:
    """Only maps are laid together."""
    write(a=STACK + "outputs: [x]\n", b="outputs: {y: z}\n")

    assert told() == [
        (
            "specs/b.yaml:1:1: outputs is defined twice\n"
            "Only maps are laid together across files: keep one of the two.\n"
            "first defined at specs/a.yaml:2:1"
        )
    ]


def test_two_stacks() -> None:
    """One folder is one stack."""
    write(a=STACK, b=STACK)

    assert told() == [
        (
            "specs/b.yaml:1:1: a second stack: block\n"
            "One folder is one stack: keep one of the blocks, or move one stack into a folder of its own.\n"
            "first defined at specs/a.yaml:1:1"
        )
    ]


def test_no_stack() -> None:
    """Without a stack block it is said what to add, and where one looked."""
    write(a="senders: {}\n", b="senders: {}\n")

    several, one = (read_stack(Path(path)).stackless for path in ("specs", "specs/a.yaml"))
    assert several is not None
    assert one is not None
    assert (several.place, several.summary) == (None, "no file in specs has a stack: block")
    assert several.detail == "Add it to one file:\nstack:\n  name: my-stack"
    assert [str(place) for _, place in several.related] == ["specs/a.yaml:1:1", "specs/b.yaml:1:1"]
    assert (str(one.place), one.summary) == ("specs/a.yaml:1:1", "there is no stack: block")
    assert one.detail == several.detail


def test_one_file_of_a_stack_is_not_the_stack() -> None:
    """Who names a file reads only it: what lies beside it is pointed out, or where the frame is."""
    write(stack=STACK, a="senders: {}\n", b="senders: {}\n", c="senders: {}\n", d="senders: {}\n")
    (found,) = read_stack(Path("specs/stack.yaml")).warnings

    assert found.summary == (
        "4 other *.yaml files lie beside stack.yaml and are not read: a.yaml, b.yaml, c.yaml, …"
    )
    assert found.detail.endswith("For the whole stack name the folder: specs")
    assert told("specs/a.yaml") == [
        (
            "specs/a.yaml:1:1: there is no stack: block\n"
            "specs/stack.yaml beside it has one: name the folder, specs, to use both."
        )
    ]
    assert read_stack(Path("specs")).warnings == ()


def test_what_belongs_to_another_stack_or_is_included_is_not_missed() -> None:
    """A file that has a frame of its own, and one that is read, are no reason for a warning."""
    write(stack="include: [a.yaml]\n" + STACK, a="senders: {}\n", other="stack: {name: other}\n")

    assert read_stack(Path("specs/stack.yaml")).warnings == ()


def test_yml_beside_yaml_is_pointed_out() -> None:
    """It looks like a part of the stack, and is not read."""
    write(stack=STACK)
    Path("specs/more.yml").write_text("senders: {}\n")
    (found,) = read_stack(Path("specs")).warnings

    assert found.summary == "1 .yml file is not read: more.yml"
    assert "rename" in found.detail


BLOCKS = "A spec is a map of blocks: stack:, variables:, conversations: and so on."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f"the file is empty\n{BLOCKS} Write one, or delete the file."),
        ("# later\n", f"the file is empty\n{BLOCKS} Write one, or delete the file."),
        ("---\n", f"the file is empty\n{BLOCKS} Write one, or delete the file."),
        ("- stack\n", f"the file is a list\n{BLOCKS}"),
        ("hello\n", f"the file is a single text\n{BLOCKS}"),
        ("name:demo\n", "a space is missing after the colon\nWrite name: demo"),
    ],
)
def test_a_file_that_is_no_map(content: str, message: str) -> None:
    """Each way not to be a map of blocks has its own message."""
    write(a=content)

    assert [f"specs/a.yaml:1:1: {message}"] == told()


def test_paths_without_specs() -> None:
    """Nothing there, nothing in it, only `.yml` in it: each says what to do."""
    Path("specs").mkdir()
    assert told() == [
        (
            "-: specs holds no *.yaml file\n"
            "Write a first file there, stack.yaml, beginning with:\nstack:\n  name: my-stack"
        )
    ]

    Path("specs/stack.yml").write_text(STACK)
    assert told() == ["-: specs holds .yml files only\nSpecs end in .yaml: rename stack.yml to stack.yaml."]
    assert told("spec") == [
        "-: spec does not exist\nGive the path of a folder of *.yaml files, or of one such file."
    ]
    assert told("a\0b") == [
        "-: a\0b does not exist\nGive the path of a folder of *.yaml files, or of one such file."
    ]


def test_a_folder_named_like_a_file() -> None:
    """A folder called x.yaml is no spec."""
    write(a=STACK)
    Path("specs/x.yaml").mkdir()

    assert told() == [
        (
            "specs/x.yaml:1:1: this is a folder, not a file\n"
            "Name a file. A folder beside specs needs a name that does not end in .yaml."
        )
    ]


def test_a_pipe_is_not_waited_for() -> None:
    """What is no regular file is refused without opening it."""
    write(a=STACK)
    os.mkfifo("specs/x.yaml")

    assert told() == ["specs/x.yaml:1:1: this is not a regular file\nSpecs are read from regular files."]


def test_an_unreadable_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file one may not read is named, and the others are read on."""
    write(a=STACK + "b: 1\nb: 2\n", x="")
    whole = Path.open

    def refused(path: Path, mode: str = "r") -> object:
        # Tests may run as a user whom no permission stops.
        if path.name == "x.yaml":
            raise PermissionError
        return whole(path, mode)

    monkeypatch.setattr(Path, "open", refused)

    assert told() == [
        (
            "specs/a.yaml:3:1: b is defined twice\n"
            "Keep one of the two, or give one another key.\nfirst defined at specs/a.yaml:2:1"
        ),
        "specs/x.yaml:1:1: no permission to read this file\nAllow reading it: chmod u+r.",
    ]


def test_links_stay_inside() -> None:
    """A link within the stack's folder is followed, one that leads out of it is refused."""
    write(a=STACK)
    Path("outside.yaml").write_text("senders: {}\n")
    Path("specs/data.txt").write_text("senders: {}\n")
    Path("specs/in.yaml").symlink_to("data.txt")
    assert json_of(read_stack(Path("specs"))) == {"stack": {"name": "demo"}, "senders": {}}

    Path("specs/out.yaml").symlink_to("../outside.yaml")
    Path("specs/self.yaml").symlink_to("self.yaml")
    assert told() == [
        (
            "specs/out.yaml:1:1: specs/out.yaml leads out of the stack's folder\n"
            "Everything of a stack is read from its own folder: copy the file into it."
        ),
        "specs/self.yaml:1:1: this link leads to itself\nRemove it.",
    ]


def test_a_dangling_link() -> None:
    """A link to nothing is told from a path that is mistyped."""
    write(a=STACK)
    Path("specs/x.yaml").symlink_to("nothing")

    assert told() == [
        (
            "specs/x.yaml:1:1: this link leads to a file that does not exist\n"
            "Remove the link, or bring back the file that it leads to."
        )
    ]


def test_includes_that_cannot_be() -> None:
    """Every wrong path of an include has its place and its remedy."""
    Path("folder").mkdir()
    write(
        a=STACK
        + 'include:\n- ../x.yaml\n- /etc/x.yaml\n- more\n- more/*.yaml\n- [x]\n- link/x.yaml\n- "\\0.yaml"\n',
    )
    Path("folder/x.yaml").write_text("senders: {}\n")
    Path("specs/link").symlink_to("../folder")
    inside = (
        "an included path stays in the stack's folder\n"
        "Write it relative to the folder of this file; .. and ~ are not used."
    )

    assert [
        f"specs/a.yaml:3:3: {inside}",
        f"specs/a.yaml:4:3: {inside}",
        (
            "specs/a.yaml:5:3: an included path ends in .yaml\n"
            "Name a file, or the files of a folder: conversations/*.yaml."
        ),
        "specs/a.yaml:6:3: more/*.yaml matches no file\nPaths start from the folder of this file.",
        "specs/a.yaml:7:3: a path is a text\nWrite conversations/*.yaml.",
        (
            "specs/a.yaml:8:3: specs/link/x.yaml leads out of the stack's folder\n"
            "Everything of a stack is read from its own folder: copy the file into it."
        ),
        "specs/a.yaml:9:3: \0.yaml matches no file\nPaths start from the folder of this file.",
    ] == told()


def test_include_is_a_list() -> None:
    """A single text is not taken for a list."""
    write(a=STACK + "include: more.yaml\n")

    assert told() == ["specs/a.yaml:2:10: include is a list of paths\nWrite include: [conversations/*.yaml]."]


def test_a_failing_read_still_quotes() -> None:
    """The error carries the lines of all files that could be read."""
    write(a="a: [\n", b="b: 1\n")
    with pytest.raises(SpecError) as caught:
        read_stack(Path("specs"))

    assert caught.value.sources == {"specs/a.yaml": ("a: [",), "specs/b.yaml": ("b: 1",)}


@settings(derandomize=True, max_examples=200, deadline=None)
@given(content=st.binary(max_size=100) | st.text(alphabet="stack: {}[]\n-#&*x", max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_problems_inside_the_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Whatever the bytes, no other exception comes out and every problem has a place in the file."""
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        document = read_stack(path)
        assert (document.root.get("stack") is None) is (document.stackless is not None)
    except SpecError as problem:
        lines = max(1, len(problem.sources.get(str(path), ())))
        places = [one.place for one in problem.diagnostics]
        assert places
        assert all(place and place.file == str(path) and 1 <= place.line <= lines for place in places)
