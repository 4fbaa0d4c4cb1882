"""The last good flag document on disk, so that a restart next to a broken source keeps it. Counterpart: sources."""

import os
from contextlib import suppress
from pathlib import Path


def load(path: Path) -> bytes | None:
    """The kept document, or None if there is none that can be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def kept_at(path: Path) -> float | None:
    """When the kept document was written, in seconds since the epoch; None if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def touch(path: Path) -> None:
    """Mark the kept document as good until now, if it can be."""
    with suppress(OSError):
        os.utime(path)


def keep(path: Path, data: bytes) -> str | None:
    """Keep a document, atomically; many processes may do so at once. Returns what went wrong, None if nothing did.

    It is a copy for bad days: a read-only or full disk must not stop the flags themselves.
    """
    if load(path) == data:
        return None
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        return f"the last good flags could not be kept: {error.strerror}"
    return None
