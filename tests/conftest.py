"""What all tests share: one option, and no environment of the person who runs them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import processes
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOLD = pytest.StashKey[list[str]]()
"""What tests counted and people should see."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the way to write golden expectations anew."""
    parser.addoption("--update-golden", action="store_true", help="write golden expectations anew")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that was skipped is a test that nobody ran, and so a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if reporter and skipped and os.environ.get("CI"):
        reporter.write_line(f"{len(skipped)} skipped in CI, where every test has to run", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what tests counted."""
    for line in config.stash.get(TOLD, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Give a way to say, at the end of the run, how much a test has tried."""
    return request.config.stash.setdefault(TOLD, []).append


@pytest.fixture(scope="session")
def zygote() -> Iterator[processes.Zygote]:
    """Keep the one helper that starts processes cheaply, while there are tests that want it."""
    with processes.zygote() as helper:
        yield helper


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reaches an account, reads a variable that is set by chance, or locks what a person is doing."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
    for name in [name for name in os.environ if name.startswith(("TWILIO_", "RECONCILER_"))]:
        monkeypatch.delenv(name)
