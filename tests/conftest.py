"""What all tests share: one option, and no environment of the person who runs them."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the way to write golden expectations anew."""
    parser.addoption("--update-golden", action="store_true", help="write golden expectations anew")


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches an account or reads a variable that happens to be set."""
    for name in [name for name in os.environ if name.startswith(("TWILIO_", "RECONCILER_"))]:
        monkeypatch.delenv(name)
