"""Writes a file so that a reader, or a crash, sees the old one or the new one. Counterparts: `memory`, `orders`."""

import json
import os
from pathlib import Path


def write_json(path: Path, content: object) -> None:
    """Replace a file by some JSON. Raises OSError; then the old one stands."""
    write_bytes(path, json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n")


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file. Raises OSError; then the old one stands."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
