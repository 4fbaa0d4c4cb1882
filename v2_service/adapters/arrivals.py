"""What a paid model has answered and the database does not have yet, on this disk, for a killed process's next life.

One file holds the answers of one run that are being written to the database, and is deleted when they are there. A
record goes into the page cache by one write, which outlives the process (kill -9), and not the machine: losing that
costs only the price of these answers.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from v2_service.observe import say

# The folder is the service's own (`runtime.OWNER_ONLY`); the file is too, wherever the folder lies.
OWNER_ONLY = 0o600
# Checksum of all that follows it, then the lengths of a record's name and content, which come after.
CHECKSUM = struct.Struct(">I")
LENGTHS = struct.Struct(">II")
HEAD_SIZE = CHECKSUM.size + LENGTHS.size


class Arrivals:
    """Named records of one run and kind. No method fails: without them a kill costs more, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = False
        self._closed = False
        self._lock = threading.Lock()

    def add(self, name: str, content: bytes) -> None:
        """Keep one record, from any thread. A disk that takes none is told of, once."""
        title = name.encode()
        body = LENGTHS.pack(len(title), len(content)) + title + content
        with self._lock:
            if not self._closed:
                self._keep(CHECKSUM.pack(crc32(body)) + body)

    def close(self) -> None:
        """Take nothing more: a thread that outlives its run must not write after the user was erased."""
        with self._lock:
            self._closed = True

    def _keep(self, record: bytes) -> None:
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
        """All whole records by name. What a kill or a dead machine spoilt is cut away, so that others can follow."""
        try:
            held = self._path.read_bytes()
        except OSError:
            return {}
        records, whole = _whole(held)
        if whole < len(held):
            with suppress(OSError):
                os.truncate(self._path, whole)
        return records

    def clear(self) -> None:
        """Everything is in the database, or worth nothing any more. What cannot be deleted is old one day."""
        with suppress(OSError):
            self._path.unlink()


def _whole(held: bytes) -> tuple[dict[str, bytes], int]:
    """The records before the first that is torn or spoilt, and where they end."""
    records: dict[str, bytes] = {}
    whole = 0
    while whole + HEAD_SIZE <= len(held):
        (checksum,) = CHECKSUM.unpack_from(held, whole)
        title, content = LENGTHS.unpack_from(held, whole + CHECKSUM.size)
        begin = whole + HEAD_SIZE + title
        end = begin + content
        if end > len(held) or crc32(held[whole + CHECKSUM.size : end]) != checksum:
            break
        records[held[whole + HEAD_SIZE : begin].decode()] = held[begin:end]
        whole = end
    return records, whole
