"""Twilio in a test: turns the fixture ``twilio_emulator`` into an emulator of one's own that starts empty.

pytest loads this module wherever the package is installed, so it imports nothing of ours and no SDK until a
test asks for the fixture.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from twilio.rest import Client

    from reconciler.emulator import Store
    from reconciler.emulator.events import Event
    from reconciler.emulator.playing.phones import Phones
    from reconciler.emulator.trouble import Faults


@dataclass(frozen=True, slots=True)
class EmulatedTime:
    """The time of one emulator: it stands still, at 2026-01-01T00:00:00Z first, until it is advanced."""

    _store: Store

    @property
    def now_s(self) -> float:
        """The present, in seconds since 1970."""
        return self._store.now_s()

    def advance(self, seconds: float) -> None:
        """Let time pass; what falls due on the way (timers, deliveries) happens in order."""
        self._store.advance(seconds)


@dataclass(frozen=True, slots=True)
class TwilioEmulator:
    """Twilio Conversations on this machine, for the length of one test.

    ``url`` is where it listens; ``account_sid`` and ``auth_token`` are the only credentials it takes.
    """

    url: str
    _store: Store
    _closing: ExitStack = field(default_factory=ExitStack)

    @property
    def account_sid(self) -> str:
        """The account whose world it is."""
        return self._store.account.sid

    @property
    def auth_token(self) -> str:
        """The token of that account, worth nothing elsewhere."""
        return self._store.account.auth_token

    @property
    def phones(self) -> Phones:
        """The handsets: ``send``, ``read``, ``stop``, ``offline``, ``online``; one is ``phones[address]``."""
        return self._store.phones

    @property
    def clock(self) -> EmulatedTime:
        """Time, which only the test moves."""
        return EmulatedTime(self._store)

    @property
    def faults(self) -> Faults:
        """What befalls calls: ``use`` (a preset or rules), ``add``, ``clear``, ``land``. None at first."""
        return self._store.faults

    @property
    def events(self) -> list[Event]:
        """What has happened so far, in order; each has a ``type`` by Twilio's name, and ``data``."""
        return self._store.events.since(0)

    def client(self) -> Client:
        """Return a stock client of Twilio's SDK whose every call ends here, whatever the environment says.

        A product that is not emulated answers 501; nothing is asked of the real Twilio.
        """
        from twilio.rest import Client

        account = self._store.account
        environment = {"TWILIO_ACCOUNT_SID": account.sid}  # an empty one would be the process's own
        return Client(account.sid, account.auth_token, http_client=self._way(), environment=environment)

    def _way(self) -> Any:
        """Return the SDK's own HTTP client, led here, where a product's host begins the path."""
        from twilio.http.http_client import TwilioHttpClient

        here, http_client = self.url, TwilioHttpClient()
        send, session = http_client.request, http_client.session
        session.trust_env = False  # no proxy, no ~/.netrc
        self._closing.callback(session.close)

        def request(method: str, url: str, *rest: Any, **options: Any) -> Any:
            parts = urlsplit(url)
            led = url if url.startswith(here) else f"{here}/{parts.netloc}{url.partition(parts.netloc)[2]}"
            return send(method, led, *rest, **options)

        http_client.request = request
        return http_client


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest know of the marker."""
    what = "what twilio_emulator answers where nobody knows Twilio, and the account's own numbers"
    config.addinivalue_line("markers", f"twilio_emulator(switches={{}}, senders=[]): {what}")


@pytest.fixture
def twilio_emulator(request: pytest.FixtureRequest) -> Iterator[TwilioEmulator]:
    """Serve an emulated Twilio Conversations on a free port of 127.0.0.1, empty, with a clock that stands.

    ``@pytest.mark.twilio_emulator(switches={"attach_delay_s": 5}, senders=["+15550100201"])`` says which one.
    """
    from reconciler.emulator.doors.server import running

    marker = request.node.get_closest_marker("twilio_emulator")
    store = _marked(*marker.args, **marker.kwargs) if marker else _marked()
    with ExitStack() as closing, running(store) as url:
        yield TwilioEmulator(url, store, closing)


def _marked(*, switches: Mapping[str, Any] | None = None, senders: Iterable[str] = ()) -> Store:
    """Return the world that a marker asks for."""
    from reconciler.emulator import Account, Clock, Store
    from reconciler.emulator.settings import SettingError, senders_of, switches_of

    try:
        account, answers = Account(senders=senders_of(senders)), switches_of(switches or {})
    except SettingError as fault:
        raise pytest.UsageError(f"twilio_emulator: {fault}") from fault
    return Store(clock=Clock.frozen(), account=account, switches=answers)
