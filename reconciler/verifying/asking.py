"""One call → its answer as it came: status, headers and body, refusals included.

The gateway turns answers into rows and repeats what may be repeated; here the answers themselves are what is
looked at, so only what says nothing about Twilio is hidden: 429 and lost connections.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from reconciler.diagnostics import ReconcilerError
from reconciler.transport import TransportError
from reconciler.verifying.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from reconciler.transport import Transport

CONVERSATIONS = "https://conversations.twilio.com/v1"
SYNC = "https://sync.twilio.com/v1"
CONTENT = "https://content.twilio.com/v1"
CORE = "https://api.twilio.com/2010-04-01"
SERVERLESS = "https://serverless.twilio.com/v1"
UPLOADS = "https://serverless-upload.twilio.com/v1"
TIMEOUT_S = 30.0
_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
_LONGEST_PAUSE_S = 60.0
_MAX_PAGES = 1000
_WRITTEN = frozenset(urlsplit(one).netloc for one in (CONVERSATIONS, SYNC, CONTENT, SERVERLESS, UPLOADS))
_ASKED = _WRITTEN | {urlsplit(CORE).netloc}

Form: TypeAlias = "Mapping[str, str | Sequence[str]]"


_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Raw:
    """A body that is no form."""

    content_type: str
    body: bytes


class UnansweredError(ReconcilerError):
    """No answer came, or one that says nothing about the question; a write may have happened."""


class SilenceError(UnansweredError):
    """Nobody answered, however long it was waited for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names are in lower case, the body is None where there is none."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def is_done(self) -> bool:
        """Whether the call was carried out."""
        return 200 <= self.status < 300

    @property
    def code(self) -> int:
        """Twilio's error code, 0 where there is none."""
        found = self.body.get("code") if isinstance(self.body, dict) and not self.is_done else 0
        return found if isinstance(found, int) else 0

    @property
    def row(self) -> dict[str, Any]:
        """The body, where it is an object; else an empty one."""
        return self.body if isinstance(self.body, dict) else {}


class Caller:
    """Asks one account, and writes no message but where it is sure that nobody is reached."""

    def __init__(
        self,
        transport: Transport,
        account_sid: str,
        username: str,
        password: str,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.account_sid = account_sid
        self.sleep = sleep
        self.calls = 0
        self.throttled: list[str] = []
        """For each 429 that was met, the Retry-After it had; '' where it had none."""
        self._transport = transport
        self._authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._silence = Silence(_WRITTEN)
        self._shut: dict[str, str] = {}

    async def ask(
        self, method: str, url: str, sent: Form | Raw | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer to one call. Raises UnansweredError where none came, or it is not asked."""
        self._keep(method, url, sent)
        told = ""
        for pause_s in _PAUSES_S:
            answer = await self._once(method, url, sent, headers or {})
            if isinstance(answer, Answer) and answer.status != 429:
                if answer.is_done:
                    self._silence.note(method, url, answer.body)
                return answer
            told = "429" if isinstance(answer, Answer) else answer
            await self.sleep(_asked_s(answer, pause_s) if isinstance(answer, Answer) else pause_s)
        raise SilenceError(f"{method} {urlsplit(url).path}: {told}", "Try again later.")

    def shut(self, url: str, why: str) -> None:
        """Write nothing more to the product that this address is of."""
        self._shut[urlsplit(url).netloc] = why

    def is_shut(self, url: str) -> bool:
        """Whether nothing is written to the product that this address is of."""
        return urlsplit(url).netloc in self._shut

    async def pages(self, url: str, key: str, size: int = 50) -> list[dict[str, Any]]:
        """Return every row of a list, each with its sid. Raises UnansweredError where it cannot be read."""
        rows: list[dict[str, Any]] = []
        following: Any = f"{url}?PageSize={size}"
        for _ in range(_MAX_PAGES):
            answer = await self.ask("GET", following)
            if not answer.is_done:
                raise _unanswered("GET", url, f"refused with {answer.status}/{answer.code}")
            found, meta = answer.row.get(key), answer.row.get("meta")
            if not (isinstance(found, list) and all(map(_is_row, found)) and isinstance(meta, dict)):
                raise _unanswered("GET", url, "what came is no list")
            rows += found
            following = meta.get("next_page_url")
            if following is None:
                return rows
            if not isinstance(following, str) or urlsplit(following)[:2] != urlsplit(url)[:2]:
                raise _unanswered("GET", url, "its next page is somewhere else")
        raise _unanswered("GET", url, "its pages do not end")

    async def _once(
        self, method: str, url: str, sent: Form | Raw | None, headers: Mapping[str, str]
    ) -> Answer | str:
        """Return the answer to one call, or why none was heard where it may be asked again."""
        raw = sent if isinstance(sent, Raw) else Raw(_FORM, urlencode(sent or {}, doseq=True).encode())
        told_type = {"Content-Type": raw.content_type} if method == "POST" else {}
        known = {"Authorization": self._authorization, "Accept": "application/json", **told_type, **headers}
        self.calls += 1
        try:
            status, told, text = await self._transport.send(method, url, known, raw.body, TIMEOUT_S)
        except TransportError as fault:
            if fault.sent and method != "GET":
                raise _unanswered(method, url, str(fault)) from None
            return str(fault)
        answer = Answer(status, _parsed(text), {name.lower(): value for name, value in told.items()})
        if status == 429:
            self.throttled.append(answer.headers.get("retry-after", ""))
        if status < 500:
            return answer
        if method != "GET" or status == 501:  # 501: it is an emulator, which will not learn it meanwhile
            raise _unanswered(method, url, f"answered with {status}")
        return f"answered with {status}"

    def _keep(self, method: str, url: str, sent: Form | Raw | None) -> None:
        """Raise what keeps a call from being asked for: it could reach somebody, or may not be made."""
        self._silence.keep(method, url, None if isinstance(sent, Raw) else tuple(sent or ()))
        scheme, host, *_ = urlsplit(url)
        if scheme != "https" or host not in _ASKED:
            raise _unanswered(method, url, "not asked, for it is none of the hosts that get the credentials")
        if method != "GET" and self.is_shut(url):
            why = self._shut[urlsplit(url).netloc]
            raise _unanswered(method, url, f"not asked, for reading there was refused with {why}")


def _is_row(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("sid"), str)


def _unanswered(method: str, url: str, why: str) -> UnansweredError:
    return UnansweredError(f"{method} {urlsplit(url).path}: {why}", "Try again later.")


def _asked_s(answer: Answer, otherwise_s: float) -> float:
    text = answer.headers.get("retry-after", "")
    return min(float(text), _LONGEST_PAUSE_S) if re.fullmatch(r"\d{1,9}", text) else otherwise_s


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return None
