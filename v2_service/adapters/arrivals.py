"""What a paid model has answered and the database does not have yet, on this disk, for a killed process's next life.

One file holds the answers of one run that are being written to the database, and is deleted when they are there. A
record goes into the page cache by one write, which outlives the process (kill -9), and not the machine: losing that
costs only the price of these answers.
"""

from __future__ import annotations

import logging
import os
import struct
from contextlib import suppress
from pathlib import Path

from v2_service.observe import say

# The folder is the service's own (`runtime.OWNER_ONLY`); the file is too, wherever the folder lies.
OWNER_ONLY = 0o600
# Lengths of a record's name and content, which follow.
HEAD = struct.Struct(">II")


class Arrivals:
    """Named records of one run and kind. No method fails: without them a kill costs more, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = False

    def add(self, name: str, content: bytes) -> None:
        """Keep one record, from any thread. A disk that takes none is told of, once."""
        title = name.encode()
        record = HEAD.pack(len(title), len(content)) + title + content
        try:
            if self._append(record) != len(record):
                raise OSError("The disk took a part of the record.")
        except OSError as error:
            if not self._told:
                say("answers not kept on disk", {"reason": error.strerror or str(error)}, logging.WARNING)
            self._told = True
            self.clear()

    def _append(self, record: bytes) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, OWNER_ONLY)
        try:
            return os.write(file, record)
        finally:
            os.close(file)

    def found(self) -> dict[str, bytes]:
        """All whole records by name. What a kill has torn off is cut away, so that the next record can follow."""
        try:
            held = self._path.read_bytes()
        except OSError:
            return {}
        records: dict[str, bytes] = {}
        whole = 0
        while whole + HEAD.size <= len(held):
            title, content = HEAD.unpack_from(held, whole)
            begin = whole + HEAD.size + title
            if begin + content > len(held):
                break
            records[held[whole + HEAD.size : begin].decode()] = held[begin : begin + content]
            whole = begin + content
        if whole < len(held):
            os.truncate(self._path, whole)
        return records

    def clear(self) -> None:
        """Everything is in the database, or worth nothing any more. What cannot be deleted is old one day."""
        with suppress(OSError):
            self._path.unlink()
