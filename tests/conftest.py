"""What all tests share: one option, and no environment of the person who runs them."""

from __future__ import annotations

import os

import pytest


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


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches an account or reads a variable that happens to be set."""
    for name in [name for name in os.environ if name.startswith(("TWILIO_", "RECONCILER_"))]:
        monkeypatch.delenv(name)
