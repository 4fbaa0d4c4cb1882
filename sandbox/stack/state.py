"""The folder of one stack's databases, flags and logs: made, and cleared for a demo, but never anybody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

# What a stack leaves behind; the flag file has companions (journal, lock, last good flags).
_FOLDERS = frozenset(("gateway", "logs", "sandbox", "v2"))
_FLAGS = ("flags.json", ".flags.json")


class StateUnusable(Exception):
    """Why a folder cannot be a stack's, in one sentence."""


def make(folder: Path) -> None:
    """Make the folder. Raises StateUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateUnusable(f"{folder} cannot be a folder: {error.strerror}") from error


def clear(folder: Path) -> None:
    """Make the folder, and empty it of what an earlier stack left. Raises StateUnusable if anything else lies in it."""
    make(folder)
    others = [path.name for path in folder.iterdir() if not _is_ours(path)]
    if others:
        raise StateUnusable(
            f"{folder} holds what is no stack's ({min(others)}) and would be emptied: give another folder"
        )
    shutil.rmtree(folder, ignore_errors=True)
    make(folder)


def _is_ours(path: Path) -> bool:
    return path.name in _FOLDERS if path.is_dir() else path.name.startswith(_FLAGS)
