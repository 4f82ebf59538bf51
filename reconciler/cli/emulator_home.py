"""PATH, as typed behind `emulator` → the folder whose world is meant; a world that fails → an error."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.diagnostics import ReconcilerError

LOCK_TIMEOUT_S = 10.0

path_argument = click.argument("path", type=click.Path(path_type=Path), default=".")


def folder_of(path: Path) -> Path:
    """Return the folder of a stack that is named by it, or by a file in it. Raises ReconcilerError."""
    if not path.exists():
        raise ReconcilerError(
            f"{path} does not exist", "Give the folder of a stack, or leave it out for this one."
        )
    return path if path.is_dir() else path.parent


def unusable(fault: Exception) -> ReconcilerError:
    """Return what to say of a world that cannot be opened."""
    return ReconcilerError("the emulator of this folder cannot be used", str(fault))
