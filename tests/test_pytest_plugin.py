"""The fixture `twilio_emulator`, as projects that install the package use it: each in a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tried(tmp_path: Path) -> Callable[..., str]:
    """Return a way to run a test file in a project of its own, every warning an error; it has to pass."""

    def run(text: str, *options: str, **environ: str) -> str:
        (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
        line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *options]
        known = {**os.environ, **environ}
        done = subprocess.run(
            line, cwd=tmp_path, env=known, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_plugin_is_announced() -> None:
    """Where the package is installed, pytest finds it."""
    found = {one.name: one.value for one in entry_points(group="pytest11")}

    assert found.get("reconciler") == "reconciler.pytest_plugin", "install again: pip install -e '.[test]'"


def test_the_example_in_the_readme_passes(tried: Callable[..., str]) -> None:
    """As it stands there, in ten lines."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "twilio_emulator" in block]

    assert len(example.strip().splitlines()) <= 10
    assert "1 passed" in tried(example)


UNUSED = """
import sys

def test_nothing():
    heavy = {"aiohttp", "cryptography", "deepdiff", "pydantic", "requests", "twilio", "yaml"}
    assert heavy & set(sys.modules) == set()
    assert [name for name in sys.modules if name.startswith("reconciler.")] == ["reconciler.pytest_plugin"]
"""


def test_it_costs_nothing_where_it_is_not_used(tried: Callable[..., str]) -> None:
    """Nothing of ours is imported but the plugin itself, and no library."""
    assert "1 passed" in tried(UNUSED)


FRESH = """
import urllib.request
import pytest

URLS = set()

@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_begins_anew(twilio_emulator, turn):
    conversations = twilio_emulator.client().conversations.v1.conversations
    assert (conversations.list(), twilio_emulator.events) == ([], [])
    assert twilio_emulator.clock.now_s == 1767225600
    made = conversations.create(unique_name="order")
    assert made.sid == "CHSID"
    assert (made.date_created.year, made.account_sid) == (2026, twilio_emulator.account_sid)
    twilio_emulator.faults.use("instant")
    twilio_emulator.phones.offline("+15550100301")
    twilio_emulator.clock.advance(60)
    URLS.add(twilio_emulator.url)

def test_nothing_listens_afterwards():
    for url in URLS:
        with pytest.raises(OSError):
            urllib.request.urlopen(url, timeout=1)
"""


def test_every_test_begins_anew(tried: Callable[..., str]) -> None:
    """State, time and SIDs are the same each time, and nothing listens or lies about afterwards."""
    from reconciler.emulator import Clock, Store, ask

    sid = ask(Store(clock=Clock.frozen()), "POST", "/Conversations", {"UniqueName": "order"})[1]["sid"]

    assert "3 passed" in tried(FRESH.replace("CHSID", sid))


WORLD = """
import pytest
from twilio.base.exceptions import TwilioRestException

PAIRS = [("whatsapp:+15550100301", "whatsapp:+15550100201"), ("+15550100302", "+15550100202")]

@pytest.fixture
def order(twilio_emulator):
    conversations = twilio_emulator.client().conversations.v1.conversations
    order = conversations.create(unique_name="order", timers_inactive="PT10M", state="active")
    for address, proxy in PAIRS:
        order.participants.create(messaging_binding_address=address, messaging_binding_proxy_address=proxy)
    return order

def test_phones_are_masked(twilio_emulator, order):
    sent = twilio_emulator.phones.send(*PAIRS[0], "Hello?")
    heard = twilio_emulator.phones["+15550100302"].messages[-1]
    assert (sent.conversation_sid, heard.body, heard.from_) == (order.sid, "Hello?", "+15550100202")
    assert order.messages.list()[0].author == PAIRS[0][0]

def test_time_and_events(twilio_emulator, order):
    twilio_emulator.clock.advance(600)
    assert twilio_emulator.events[-1].type == "onConversationStateUpdated"
    assert order.fetch().state == "inactive"
    order.messages.create(body="Late", author="system")
    assert twilio_emulator.phones[PAIRS[0][0]].missed[-1].error_code == 63016

def test_faults(twilio_emulator, order):
    from reconciler.emulator import Effect, Match, Rule, When
    rule = Rule(Effect("status", status=429), Match(method="POST"), When(times=1))
    twilio_emulator.faults.add(rule)
    with pytest.raises(TwilioRestException) as refused:
        order.update(friendly_name="x")
    assert refused.value.code == 20429
    assert order.update(friendly_name="x").friendly_name == "x"

def test_pages_and_sync(twilio_emulator):
    client = twilio_emulator.client()
    for n in range(5):
        client.conversations.v1.conversations.create(unique_name=f"c{n}")
    assert len(client.conversations.v1.conversations.list(page_size=2)) == 5
    document = client.sync.v1.services("default").documents.create(unique_name="d", data={"n": 1})
    assert document.fetch().data == {"n": 1}

def test_other_products_are_not_asked_elsewhere(twilio_emulator):
    with pytest.raises(TwilioRestException, match="not emulated"):
        twilio_emulator.client().messages.create(to="+15550100301", from_="+15550100201", body="x")

def test_other_credentials_are_refused(twilio_emulator):
    client = twilio_emulator.client()
    client.password = "another"
    client.auth = (client.username, "another")
    with pytest.raises(TwilioRestException) as refused:
        client.conversations.v1.conversations.create()
    assert refused.value.code == 20003
"""


def test_a_world_is_played_as_the_environment_is(tried: Callable[..., str]) -> None:
    """Phones, time, faults, events and pages, with somebody's real account and proxy in the environment."""
    real = {"TWILIO_ACCOUNT_SID": "AC" + "5" * 32, "TWILIO_AUTH_TOKEN": "real", "TWILIO_EDGE": "dublin"}
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")

    assert "6 passed" in tried(WORLD, TWILIO_REGION="ie1", **real, **nowhere)


def test_pytest_lists_it(tried: Callable[..., str]) -> None:
    """`pytest --fixtures` says what it is."""
    listed = tried("def test_it(): pass\n", "--fixtures")

    assert re.search(r"^twilio_emulator.*\n.*emulated Twilio Conversations", listed, re.MULTILINE)


MARKED = """
import pytest
from twilio.base.exceptions import TwilioRestException

pytestmark = pytest.mark.twilio_emulator(switches={"own_pair_code": 50437, "attach_delay_s": 7})
US, THEM = "+15550100201", "+15550100301"

def paired(twilio_emulator, proxy):
    order = twilio_emulator.client().conversations.v1.conversations.create()
    order.participants.create(messaging_binding_address=THEM, messaging_binding_proxy_address=proxy)
    return order

def test_switches(twilio_emulator):
    order = paired(twilio_emulator, US)
    with pytest.raises(TwilioRestException) as refused:
        order.participants.create(messaging_binding_address=THEM, messaging_binding_proxy_address=US)
    assert refused.value.code == 50437

@pytest.mark.twilio_emulator(senders=[US])
def test_senders(twilio_emulator):
    paired(twilio_emulator, US)
    with pytest.raises(TwilioRestException) as refused:
        paired(twilio_emulator, "+15550100202")
    assert refused.value.code == 50413
"""


def test_a_marker_says_what_twilio_answers_and_whose_numbers_are_the_accounts(
    tried: Callable[..., str],
) -> None:
    """Also with `--strict-markers`; the nearest marker holds."""
    assert "2 passed" in tried(MARKED, "--strict-markers")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("switches={'atach_delay_s': 5}", "the nearest: attach_delay_s"),
        ("switches={'list_order': 'up'}", "answers: created, created_desc, sid"),
        ("senders=['5550100201']", "a sender is written"),
    ],
)
def test_a_marker_that_says_what_nobody_knows_is_refused(
    said: str, why: str, tried: Callable[..., str]
) -> None:
    """With what would be right."""
    text = f"""
import pytest

@pytest.mark.twilio_emulator({said})
def test_it(request):
    with pytest.raises(pytest.UsageError, match={why!r}):
        request.getfixturevalue("twilio_emulator")
"""
    assert "1 passed" in tried(text)
