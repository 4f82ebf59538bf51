"""What was reviewed is what is applied: plan files, digests, the lease, the journal, a last look."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from worlds import World, stack_of

from reconciler import emulator
from reconciler.cli import run
from reconciler.emulator.doors.server import running
from reconciler.record import lock_folder, only_here
from reconciler.workflow import target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPEC: dict[str, Any] = {
    "stack": {"name": "shop"},
    "variables": {"token": {"type": "string", "sensitive": True, "default": "hunter2-hunter2"}},
    "senders": {"sms": "+15550100201"},
    "conversations": {
        "a": {
            "friendly_name": "Order A",
            "participants": {"p": {"address": "+15550100301", "via": "sms"}, "desk": {"identity": "desk"}},
        },
        "b": {"friendly_name": "Order B", "attributes": {"topic": "delivery"}},
    },
}


class Shop:
    """A stack in a folder, a world behind a socket, and commands typed at them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], world: World, url: str) -> None:
        self.folder = folder
        self.world = world
        self.url = url
        self._capsys = capsys
        self.write(SPEC)

    @property
    def file(self) -> Path:
        """Return the one file of the stack."""
        return self.folder / "stack.yaml"

    def write(self, spec: dict[str, Any]) -> None:
        """Write the specs."""
        self.file.write_text(json.dumps(spec, indent=1), encoding="utf-8")

    def type(self, *words: object, expect: int | None = 0, path: Path | None = None) -> str:
        """Run one command on the stack and return what it said; with `expect` None it has to fail."""
        texts = [str(word) for word in words]
        verbs = texts[: 2 if texts[0] == "lock" else 1]
        code = run([*verbs, str(path or self.file), "--endpoint", self.url, *texts[len(verbs) :]])
        told = self._capsys.readouterr()

        assert code == expect if expect is not None else code != 0, told.out + told.err
        return told.out + told.err

    def type_elsewhere(self, *words: object) -> int:
        """Run one command as another machine would."""
        before = os.environ["XDG_STATE_HOME"]
        os.environ["XDG_STATE_HOME"] = str(self.folder / "elsewhere")
        try:
            return run([str(words[0]), str(self.file), "--endpoint", self.url, *map(str, words[1:])])
        finally:
            os.environ["XDG_STATE_HOME"] = before

    @property
    def sids(self) -> dict[str, str]:
        """Return the open conversations by unique name."""
        rows = self.world.rows("Conversations")
        return {row["unique_name"]: row["sid"] for row in rows if row["state"] != "closed"}

    def fail(self, times: int = 1, **match: Any) -> None:
        """Let some calls be refused."""
        effect = emulator.Effect("status", status=400, code=20001)
        when = emulator.When(times=times)
        self.world.store.faults.add(emulator.Rule(effect, emulator.Match(**match), when))

    @property
    def writes(self) -> int:
        """Return how many writes of conversations the server has seen."""
        return int(self.world.store.writes)


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    world = World()
    with running(world.store) as url:
        yield Shop(tmp_path, capsys, world, url)


def digest_in(told: str) -> str:
    found = re.search(r"Digest: ([a-z2-7]{16})", told)
    assert found is not None
    return found[1]


# --- plan files --------------------------------------------------------------------------------------------


def test_a_plan_file_is_private_and_carried_out_without_a_question(shop: Shop, tmp_path: Path) -> None:
    """Real numbers in it, so nobody else reads it; what it holds was reviewed, so nobody is asked."""
    file = tmp_path / "reviewed.plan"
    told = shop.type("plan", "--out", file)
    assert f"The plan is in {file}, with real numbers in it: keep it private." in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "+15550100301" in file.read_text(encoding="utf-8")

    told = shop.type("apply", path=file)
    assert "Done: 4 created." in told
    assert f"reconciler plan {shop.file} --endpoint" in told
    told = shop.type("apply", path=file)
    assert "4 approved changes are done already." in told
    assert "Nothing to do" in told


def test_a_plan_file_is_stale_where_what_it_relies_on_has_moved(shop: Shop, tmp_path: Path) -> None:
    """Exit 3, in words; nothing is written, and what others did elsewhere does not matter."""
    shop.type("apply", "--yes")
    changed = json.loads(json.dumps(SPEC))
    changed["conversations"]["a"]["friendly_name"] = "Order A, late"
    shop.write(changed)
    file = tmp_path / "reviewed.plan"
    shop.type("plan", "--out", file)

    shop.world.call("POST", f"Conversations/{shop.sids['shop.b']}", [("FriendlyName", "theirs")])
    shop.world.call("POST", f"Conversations/{shop.sids['shop.a']}", [("FriendlyName", "also theirs")])
    before = shop.writes
    told = shop.type("apply", path=file, expect=3)
    assert "stack.yaml:16:3: error: it has moved since the plan was reviewed" in told
    assert "also theirs" in told
    assert "The plan is stale. Nothing was written." in told
    assert shop.writes == before

    shop.world.call("POST", f"Conversations/{shop.sids['shop.a']}", [("FriendlyName", "Order A")])
    told = shop.type("apply", path=file)
    assert "Done: 1 updated." in told
    assert "not in the plan that was reviewed, so left as it is" in told
    row = shop.world.call("GET", f"Conversations/{shop.sids['shop.b']}")
    assert row["friendly_name"] == "theirs"


def test_a_plan_file_of_something_else_is_refused(shop: Shop, tmp_path: Path) -> None:
    """Another environment or key, another digest, a newer format, a torn file: each in a sentence."""
    spec = {**SPEC, "environments": {"staging": {}, "prod": {}}}
    shop.write(spec)
    file = tmp_path / "reviewed.plan"
    shop.type("plan", "-e", "staging", "--out", file)

    assert "is for environment staging, and -e asks for prod" in shop.type(
        "apply", "-e", "prod", path=file, expect=4
    )
    assert "the digest is not that of" in shop.type(
        "apply", "--digest", "aaaaaaaaaaaaaaaa", path=file, expect=3
    )
    assert "--only belongs to `plan --out`" in shop.type(
        "apply", "--only", "conversation/a", path=file, expect=1
    )
    os.environ["RECONCILER_KEY"] = "another key than that of the emulator"
    try:
        assert "the plan was made under another key" in shop.type("apply", path=file, expect=4)
    finally:
        del os.environ["RECONCILER_KEY"]
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace('"reconciler_plan": 1', '"reconciler_plan": 99', 1), encoding="utf-8")
    assert "was written by a newer version of reconciler" in shop.type("apply", path=file, expect=1)
    file.write_text(whole[:-50], encoding="utf-8")
    assert "is no plan file, or not a whole one" in shop.type("apply", path=file, expect=1)
    file.write_text(whole.replace("Order A", "Order X"), encoding="utf-8")
    assert "was changed since it was written" in shop.type("apply", path=file, expect=1)
    assert shop.sids == {}


def rewritten(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a plan file as somebody would who mends its checksum."""
    data = json.loads(file.read_text(encoding="utf-8"))
    change(data["body"])
    body = json.dumps(data["body"], sort_keys=True, separators=(",", ":"))
    data["sha256"] = hashlib.sha256(body.encode()).hexdigest()
    file.write_text(json.dumps(data) + "\n", encoding="utf-8")


def test_a_plan_file_cannot_be_given_the_digest_of_another(shop: Shop, tmp_path: Path) -> None:
    """What was approved by its digest is that plan; nor can a file be led elsewhere, or past the lease."""
    approved, forged = tmp_path / "approved.plan", tmp_path / "forged.plan"
    shop.type("plan", "--only", "conversation/b", "--out", approved)
    digest = json.loads(approved.read_text(encoding="utf-8"))["body"]["digest"]
    changes: list[Callable[[dict[str, Any]], None]] = [
        lambda body: body.update(digest=digest),
        lambda body: body["stack"].update(record="none"),
        lambda body: body.update(scope=["destroy --delete", [], "close"]),
        lambda body: body["plan"]["changes"].pop(),
        lambda body: body.update(specs=7),
    ]
    for change in changes:
        shop.type("plan", "--out", forged)
        rewritten(forged, change)
        name = json.loads(forged.read_text(encoding="utf-8"))["body"]["digest"]
        told = shop.type("apply", "--digest", name, path=forged, expect=None)
        assert (
            "was changed after it was reviewed" in told
            or "is no plan file that this version can read" in told
        )
    assert shop.sids == {}
    assert "Done: 1 created." in shop.type("apply", "--digest", digest, path=approved)


def test_a_plan_file_holds_no_secret_and_reads_it_anew(shop: Shop, tmp_path: Path) -> None:
    """The specs are read for it again; another value than was reviewed is stale."""
    spec = json.loads(json.dumps(SPEC))
    spec["conversations"]["a"]["attributes"] = {"key": "${var.token}"}
    shop.write(spec)
    file = tmp_path / "reviewed.plan"
    shop.type("plan", "--out", file)

    assert "hunter2" not in file.read_text(encoding="utf-8")
    told = shop.type("apply", "--var", "token=another", path=file, expect=3)
    assert "the sensitive value of attributes.key is another one than was reviewed" in told
    assert "another" not in told.replace("another one", "")
    shop.type("apply", path=file)
    row = shop.world.call("GET", f"Conversations/{shop.sids['shop.a']}")
    assert json.loads(row["attributes"])["key"] == "hunter2-hunter2"


def test_out_does_not_write_over_what_is_no_plan(shop: Shop) -> None:
    """A slip of the hand must not cost a spec."""
    told = shop.type("plan", "--out", shop.file, expect=1)

    assert "is there and is no plan file" in told
    assert json.loads(shop.file.read_text(encoding="utf-8")) == SPEC


def test_out_waits_for_no_pipe(shop: Shop, tmp_path: Path) -> None:
    """To look whether a pipe holds a plan would last until somebody writes into it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    assert "is no ordinary file" in shop.type("plan", "--out", pipe, expect=1)
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)


@pytest.mark.parametrize("words", [("plan",), ("destroy",), ("drift",), ("lock", "status")])
def test_where_specs_are_needed_a_plan_file_is_told_to_be_one(
    shop: Shop, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """It is YAML too, and its keys are no mistakes in specs."""
    file = tmp_path / "reviewed.plan"
    shop.type("plan", "--out", file)

    told = shop.type(*words, path=file, expect=1)
    assert f"{file} is a plan that was written by `plan --out`" in told
    assert f"reconciler apply {file}" in told
    assert "1 problem\n" in told


def test_a_plan_for_an_emulator_says_so_where_an_account_is_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file knows what it is for, before credentials are asked for."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yaml").write_text(json.dumps(SPEC), encoding="utf-8")
    assert run(["plan", "stack.yaml", "--local", "--out", "h.plan"]) == 0
    capsys.readouterr()

    assert run(["apply", "h.plan"]) == 4
    told = capsys.readouterr().err
    assert "h.plan is a plan for the emulator of stack.yaml\n  Add --local" in told
    assert run(["apply", "h.plan", "--local"]) == 0


def test_a_local_plan_whose_specs_are_gone_makes_no_other_world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The emulator is kept beside the specs: an empty one beside the plan would be another account."""
    folder, file = tmp_path / "specs", tmp_path / "reviewed.plan"
    folder.mkdir()
    (folder / "stack.yaml").write_text(json.dumps(SPEC), encoding="utf-8")
    assert run(["plan", str(folder), "--local", "--out", str(file)]) == 0
    folder.rename(tmp_path / "moved")
    capsys.readouterr()

    assert run(["apply", str(file), "--local"]) == 1
    assert "where the specs of" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["moved", "reviewed.plan"]


# --- digests -----------------------------------------------------------------------------------------------


def test_a_digest_carries_out_the_plan_it_was_printed_with_and_no_other(shop: Shop) -> None:
    """In text, markdown and JSON; a wrong or empty one is refused, before anything is written."""
    told = shop.type("plan")
    name = digest_in(told)
    assert f"Digest: `{name}`" in shop.type("plan", "--format", "markdown")
    assert f'"digest": "{name}"' in shop.type("plan", "--format", "json")
    before = shop.writes
    for wrong in ("", "aaaaaaaaaaaaaaaa"):
        told = shop.type("apply", "--digest", wrong, expect=3)
        assert f"the digest is not that of this plan: its digest is {name}" in told
    assert shop.writes == before

    assert "Done: 4 created." in shop.type("apply", "--digest", name.upper())
    before = shop.writes
    told = shop.type("apply", "--digest", name)
    assert re.search(r"Nothing to do: 4 .*That digest was carried out at \d{4}-\S+Z by \S+", told, re.DOTALL)
    assert "there is nothing to do" in shop.type("apply", "--digest", "aaaaaaaaaaaaaaaa", expect=3)
    assert shop.writes == before


def test_another_scope_has_another_digest(shop: Shop) -> None:
    """What was reviewed whole is not what --only takes."""
    whole = digest_in(shop.type("plan"))
    part = digest_in(shop.type("plan", "--only", "conversation/a"))

    assert whole != part
    shop.type("apply", "--digest", whole, "--only", "conversation/a", expect=3)
    assert "Done: 3 created." in shop.type("apply", "--digest", part, "--only", "conversation/a")


def test_what_is_left_of_a_digest_is_still_that_digest(shop: Shop) -> None:
    """A run that failed halfway is finished under the digest that was approved, and then it is closed."""
    name = digest_in(shop.type("plan"))
    shop.fail(method="POST", path="^/v1/Services/[^/]+/Conversations/[^/]+/Participants$")
    told = shop.type("apply", "--digest", name, expect=6)
    assert "1 failed" in told
    assert "Every call of this run is written down in" in told

    told = shop.type("apply", "--digest", name)
    assert "Done: 1 created." in told
    told = shop.type("history")
    assert re.search(rf"done +1 create .*{name}", told)
    assert re.search(rf"work left +3 create .*{name}", told)
    assert "That digest was carried out" in shop.type("apply", "--digest", name)
    shop.world.call("POST", f"Conversations/{shop.sids['shop.a']}", [("FriendlyName", "theirs")])
    shop.type("apply", "--digest", name, expect=3)


def test_what_is_left_of_a_part_is_still_its_digest(shop: Shop) -> None:
    """With --only: what is outside the globs is neither done nor missed."""
    part = ("--only", "conversation/a")
    name = digest_in(shop.type("plan", *part))
    shop.fail(method="POST", path="^/v1/Services/[^/]+/Conversations/[^/]+/Participants$")
    shop.type("apply", "--digest", name, *part, expect=6)
    assert "Done: 1 created." in shop.type("apply", "--digest", name, *part)
    assert sorted(shop.sids) == ["shop.a"]


def test_what_others_changed_meanwhile_is_not_left_of_a_digest(shop: Shop) -> None:
    """Only what was approved is finished; anything else needs a new review."""
    name = digest_in(shop.type("plan"))
    shop.fail(method="POST", path="^/v1/Services/[^/]+/Conversations/[^/]+/Participants$")
    shop.type("apply", "--digest", name, expect=6)
    shop.world.call("POST", f"Conversations/{shop.sids['shop.b']}", [("FriendlyName", "theirs")])
    before = shop.writes
    told = shop.type("apply", "--digest", name, expect=3)

    assert "error: update: this is not among what was reviewed" in told
    assert shop.writes == before


def test_a_record_cannot_put_other_prints_under_a_digest(shop: Shop) -> None:
    """Whoever may write it, and kept what was approved before, cannot have that carried out again."""
    shop.fail(times=2, method="POST", path="^/v1/Services/[^/]+/Conversations/[^/]+/Participants$")
    old = digest_in(shop.type("plan"))
    shop.type("apply", "--digest", old, expect=6)
    (service,) = [row for row in shop_services(shop) if row["friendly_name"] == "reconciler"]
    path = f"Services/{service['sid']}/Documents"
    (document,) = sync(shop, "GET", path)["documents"]
    wanted = "a" * 16
    data = json.dumps({**document["data"], "open": {**document["data"]["open"], "digest": wanted}})
    sync(shop, "POST", f"{path}/{document['sid']}", {"Data": data})
    told = shop.type("apply", "--digest", wanted, expect=1)

    assert f"what the record holds of digest {wanted} was not written under this key" in told


def test_without_a_record_a_digest_is_good_for_whole_plans_only(shop: Shop) -> None:
    """Nothing says what is left of it."""
    shop.write({**SPEC, "stack": {"name": "shop", "record": "none"}})
    name = digest_in(shop.type("plan"))
    shop.fail(method="POST", path="^/v1/Services/[^/]+/Conversations/[^/]+/Participants$")
    shop.type("apply", "--digest", name, expect=6)
    assert "the digest is not that of this plan" in shop.type("apply", "--digest", name, expect=3)
    assert "Done: 1 created." in shop.type("apply", "--yes")


def test_an_apply_that_was_cut_short_is_closed_by_the_next(shop: Shop) -> None:
    """Where all was done but the record: the next apply has nothing to do but to say so."""
    at_the_end = {"method": "POST", "path": "^/v1/Services/[^/]+/Documents/ET", "form": {"Data": '"done"'}}
    shop.fail(times=2, host="sync", **at_the_end)
    assert "warning: the record could not be written" in shop.type("apply", "--yes")
    told = shop.type("apply", "--yes")
    assert "Nothing to do" in told
    assert "note: the record still says that an apply is unfinished" in told
    assert "note:" not in shop.type("apply", "--yes")
    assert "  done" in shop.type("history")
    assert "Unfinished" not in shop.type("lock", "status")


# --- a typed yes -------------------------------------------------------------------------------------------


def test_what_was_shown_at_the_question_is_what_is_done(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes an hour to say yes has agreed to what was shown; what has moved meanwhile is exit 3."""
    shop.type("apply", "--yes")
    changed = json.loads(json.dumps(SPEC))
    changed["conversations"]["a"]["friendly_name"] = "Order A, late"
    shop.write(changed)
    path = f"/Conversations/{shop.sids['shop.a']}"

    def takes_long(_: str) -> bool:
        emulator.ask(shop.world.store, "POST", path, {"FriendlyName": "theirs"})
        return True

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["reconciler.cli.apply"], "confirm", takes_long)
        told = shop.type("apply", expect=3)
    assert '"theirs"' in told
    assert "The plan is stale. Nothing was written." in told
    assert shop.world.call("GET", path[1:])["friendly_name"] == "theirs"


# --- the lease ---------------------------------------------------------------------------------------------


def somebody_holds(shop: Shop) -> None:
    """Have another run hold the lease, one that has just died."""
    shop.type("apply", "--yes", "--only", "conversation/b")
    service = next(row for row in shop_services(shop) if row["friendly_name"] == "reconciler")
    documents = sync(shop, "GET", f"Services/{service['sid']}/Documents")["documents"]
    held = {"who": "ann@desk, process 7", "run": "r1", "nonce": "n" * 16, "duration_s": 1.0, "beat": 0}
    data = json.dumps({**documents[0]["data"], "lease": held})
    sync(shop, "POST", f"Services/{service['sid']}/Documents/{documents[0]['sid']}", {"Data": data})


def sync(shop: Shop, method: str, path: str, form: dict[str, str] | None = None) -> Any:
    _, body = emulator.ask(shop.world.store, method, f"https://sync.twilio.com/v1/{path}", form)
    return body


def shop_services(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sync(shop, "GET", "Services")["services"]
    return found


def test_a_lease_that_another_run_holds_is_exit_5(shop: Shop) -> None:
    """Who holds it is named, and nothing is written; a dead run's is taken over after its duration."""
    somebody_holds(shop)
    before = shop.sids
    told = shop.type("apply", "--yes", "--lease-timeout", "0", expect=5)
    assert "ann@desk, process 7" in told
    assert shop.sids == before
    told = shop.type("apply", "--yes", "--lease-timeout", "20")
    assert "Waiting for the lease: ann@desk, process 7 holds it." in told
    assert "Done: 3 created." in told


def test_a_plan_that_somebody_overtook_is_made_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another apply between the plan and the lease: what it did is not done twice."""
    from reconciler.applying import Errand

    plan = Errand.plan
    typed: list[int] = []

    async def overtaken(self: Errand, gateway: Any) -> Any:
        planned = await plan(self, gateway)
        if not typed:
            typed.append(1)
            await asyncio.to_thread(shop.type_elsewhere, "apply", "--yes")
        return planned

    shop.type("apply", "--yes", "--only", "conversation/b")
    monkeypatch.setattr(Errand, "plan", overtaken)
    told = shop.type("apply", "--yes")
    assert told.count("Done: 3 created.") == 1
    assert sorted(shop.sids) == ["shop.a", "shop.b"]
    assert len(shop.world.rows(f"Conversations/{shop.sids['shop.a']}/Participants")) == 2


def test_one_run_of_a_stack_at_a_time_on_this_machine(shop: Shop) -> None:
    """Also without a record; the process is named."""
    shop.write({**SPEC, "stack": {"name": "shop", "record": "none"}})
    target = asyncio.run(target_of(stack_of(SPEC), shop.world.gateway))
    with only_here(lock_folder(os.environ, Path.home()), target, shop.url):
        told = shop.type("apply", "--yes", expect=5)

    assert f"is being applied on this machine by process {os.getpid()}" in told
    assert shop.sids == {}


def test_a_stack_without_a_record_leaves_sync_alone(shop: Shop) -> None:
    """No power over Sync is needed then, and none is used."""
    shop.write({**SPEC, "stack": {"name": "shop", "record": "none"}})
    shop.type("apply", "--yes")

    assert [row["friendly_name"] for row in shop_services(shop)] == ["Default Service"]


def test_a_stack_of_another_repository_is_refused(shop: Shop) -> None:
    """One name, two ids: plan and apply exit 4 and write nothing."""
    shop.write({**SPEC, "stack": {"name": "shop", "id": "food"}})
    shop.type("apply", "--yes")
    shop.write({**SPEC, "stack": {"name": "shop", "id": "books"}, "conversations": {}})
    for verb in ("plan", "apply"):
        told = shop.type(verb, *(["--yes"] if verb == "apply" else []), expect=4)
        assert "another repository applies a stack called shop: its id is food" in told
    assert sorted(shop.sids) == ["shop.a", "shop.b"]


# --- what others took away ---------------------------------------------------------------------------------


def test_what_others_deleted_wholly_is_drift(shop: Shop) -> None:
    """The record remembers what stood there after the last complete apply."""
    shop.type("apply", "--yes")
    assert "No drift" in shop.type("drift")
    shop.world.call("DELETE", f"Conversations/{shop.sids['shop.a']}")
    told = shop.type("drift")
    assert "conversation/a  (create: others removed it)" in told
    assert "others removed it" in shop.type("plan")
    changed = json.loads(json.dumps(SPEC))
    changed["conversations"]["c"] = {}
    shop.write(changed)
    told = shop.type("drift")
    assert "conversation/c" not in told


# --- the journal, and a last look --------------------------------------------------------------------------


def test_every_call_is_in_the_journal_before_and_after(shop: Shop, tmp_path: Path) -> None:
    """No number and no secret is in it, nobody else can read it, version control leaves it alone."""
    shop.fail(method="POST", path="^/v1/Services/[^/]+/Conversations/[^/]+/Participants$")
    shop.type("apply", "--yes", expect=6)
    (file,) = (tmp_path / ".reconciler" / "journal").iterdir()
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (tmp_path / ".reconciler" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert {"run", "who", "stack", "digest"} <= lines[0].keys()
    ends = [line["ended"] for line in lines if "ended" in line]
    assert sorted(ends) == ["done", "done", "done", "refused 20001"]
    assert {line["n"] for line in lines[1:]} == {1, 2, 3, 4}
    assert "+1555" not in file.read_text(encoding="utf-8")


def test_a_journal_that_cannot_be_written_stops_the_run_before_it_begins(shop: Shop, tmp_path: Path) -> None:
    """A run that nobody can trace is not begun; the flag that names another place is told."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = shop.type("apply", "--yes", "--journal", tmp_path / "file" / "below", expect=1)

    assert "the journal cannot be written" in told
    assert "--journal FOLDER" in told
    assert shop.sids == {}


def test_old_journals_go(tmp_path: Path) -> None:
    """Fifty stay."""
    from reconciler.journal import KEPT, open_journal

    for n in range(KEPT + 5):
        with open_journal(tmp_path, f"2026-01-01T0000{n:02}Z-{n:08x}", {}, lambda: "now"):
            pass

    names = sorted(path.stem for path in tmp_path.iterdir())
    assert (len(names), names[0]) == (KEPT, "2026-01-01T000005Z-00000005")


def test_verify_plans_once_more(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that is not as it was asked to be right after an apply is exit 6."""
    assert "Verified: a new plan is empty." in shop.type("apply", "--yes", "--verify")
    from reconciler.cli import carrying

    verified, sid = carrying._verified, shop.sids["shop.b"]

    async def meddled(job: Any, code: Any) -> Any:
        path = f"/Conversations/{sid}"
        emulator.ask(shop.world.store, "POST", path, {"FriendlyName": "theirs"})
        return await verified(job, code)

    changed = json.loads(json.dumps(SPEC))
    changed["conversations"]["c"] = {}
    shop.write(changed)
    monkeypatch.setattr(carrying, "_verified", meddled)
    told = shop.type("apply", "--yes", "--verify", expect=6)
    assert "Verifying: a new plan is not empty." in told
    assert "theirs" in told
