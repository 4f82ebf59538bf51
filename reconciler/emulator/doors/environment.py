"""What leads an unmodified client here: an emulator's URL and its files → variables of an environment.

Clients differ in what they read. Python's `requests` takes HTTPS_PROXY, and REQUESTS_CA_BUNDLE instead of its
roots; the SDK for Node and the Twilio CLI read HTTP_PROXY alone, even for https; Go, and so Terraform, takes
HTTPS_PROXY and SSL_CERT_FILE. Credentials of a real account are taken out of the environment.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.emulator.store import ACCOUNT_SID, AUTH_TOKEN

from .tunnel import DOMAINS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HTTPS = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
_HTTP = ("HTTP_PROXY", "http_proxy")
_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_NODE = (*_HTTPS, *_HTTP, "NODE_EXTRA_CA_CERTS")
CLIENTS: Mapping[str, tuple[str, ...]] = {
    "shell": (*_HTTPS, *_HTTP, *_FILES, "NODE_EXTRA_CA_CERTS"),
    "python": (*_HTTPS, *_FILES),
    "node": _NODE,
    "cli": _NODE,
    "terraform": (*_HTTPS, "SSL_CERT_FILE"),
}
"""Sort of client → the variables that lead it, besides the credentials; a shell may start any of them."""

_ELSEWHERE = ("TWILIO_EDGE", "TWILIO_PROFILE", "TWILIO_REGION")
_CREDENTIALS = ("TWILIO_API_KEY", "TWILIO_API_KEY_SECRET", "TWILIO_API_KEY_SID", "TWILIO_API_SECRET")
_SECRET = re.compile(r"TWILIO_.*(KEY|SECRET|TOKEN|PASSWORD).*")
_LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Variables:
    """What to set in an environment and what to take out of it."""

    given: Mapping[str, str]
    taken: tuple[str, ...]

    def over(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return an environment with the changes made."""
        kept = {name: value for name, value in environ.items() if name not in self.taken}
        return {**kept, **self.given}

    def lines(self) -> Iterator[str]:
        """Yield the commands by which a POSIX shell makes the changes."""
        yield f"unset {' '.join(self.taken)}"
        for name, value in self.given.items():
            yield f"export {name}={shlex.quote(value)}"


def variables(
    client: str, url: str, certificate: Path, bundle: Path, environ: Mapping[str, str]
) -> Variables:
    """Return the variables that lead a `client` (one of CLIENTS) to the emulator at `url`.

    `certificate` and `bundle` are those of the authority; `environ` is what the client would have without.
    """
    direct = _direct(environ.get("no_proxy") or environ.get("NO_PROXY") or "")
    values = {
        **dict.fromkeys((*_HTTP, "HTTPS_PROXY", "https_proxy"), url),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), direct),
        **dict.fromkeys(_FILES, str(bundle)),
        "NODE_EXTRA_CA_CERTS": str(certificate),
    }
    credentials = {"TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN}
    given = credentials | {name: values[name] for name in CLIENTS[client]}
    secret = [name for name in environ if _SECRET.fullmatch(name)]
    return Variables(given, tuple(sorted({*_ELSEWHERE, *_CREDENTIALS, *secret} - set(given))))


def _direct(no_proxy: str) -> str:
    """Return whom to ask without the proxy: this machine, and who was named and is not Twilio."""
    named = [entry.strip() for entry in no_proxy.split(",") if entry.strip()]
    return ",".join(dict.fromkeys([*_LOCAL, *(entry for entry in named if not _covers_twilio(entry))]))


def _covers_twilio(entry: str) -> bool:
    """Whether an entry of NO_PROXY keeps any host of Twilio's from the proxy."""
    name = entry.lower().partition(":")[0].strip(".*")
    return any(_ends(domain, name) or _ends(name, domain) for domain in DOMAINS)


def _ends(name: str, suffix: str) -> bool:
    return not suffix or f".{name}".endswith(f".{suffix}")
