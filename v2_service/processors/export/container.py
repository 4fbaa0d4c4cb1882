"""Finds the conversation files in an upload: plain JSON, gzip, or a zip with one file or numbered shards.

Nothing is ever unpacked to disk and names inside a zip are never used as paths, so a hostile name can reach nothing.
Counterpart: `documents` parses what is opened here.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from v2_service.processors.errors import ExportDamaged, ExportEncrypted, ExportTooLarge, NoConversations
from v2_service.processors.export.drops import DropReason, DropReport
from v2_service.processors.export.limits import ByteSource, ExportLimits, GuardedReader, Meter
from v2_service.processors.export.surrogates import WholePairs

# Anchored: "shared_conversations.json" also ends in "conversations.json" and lists links, not conversations (L-59).
_CONVERSATIONS_FILE = re.compile(r"conversations(?:-(\d{1,6}))?\.json", re.IGNORECASE)
_MANIFEST = "export_manifest.json"
_MAX_MANIFEST_BYTES = 1024**2
_ENCRYPTED_FLAG = 0x1
_END_OF_DIRECTORY = b"PK\x05\x06"
_END_OF_DIRECTORY_SEARCH = 65_557  # 22 bytes of record and at most 65,535 of comment (APPNOTE 4.3.16)
_ZIP64_LOCATOR = b"PK\x06\x07"
_DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
# What else the standard library says of a zip whose tables lie: bad names, lengths, places, and passwords.
_LIES = (ValueError, RuntimeError, IndexError, OverflowError, struct.error)


@contextmanager
def _zip_faults() -> Iterator[None]:
    """Around what is asked of `zipfile`, and of nobody else: whatever it says, the archive is damaged."""
    try:
        yield
    except (*_DAMAGE, *_LIES) as fault:
        raise ExportDamaged from fault
    except OSError as fault:
        if fault.errno != errno.EINVAL:  # a place before the file's beginning; all else is the disk's fault
            raise
        raise ExportDamaged from fault


class _Entry:
    """What a zip entry holds."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        with _zip_faults():
            return self._source.read(size)


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON text of an upload. `entry` is its name in the zip, None when the file itself is the text."""

    path: Path
    name: str
    kind: str
    entry: str | None
    limits: ExportLimits
    meter: Meter

    @contextmanager
    def open(self) -> Iterator[GuardedReader]:
        """The text from its beginning, bounded. Archive faults become `ExportDamaged`, also those met while reading."""
        try:
            if self.entry is not None:
                with ExitStack() as opened:
                    with _zip_faults():
                        archive = opened.enter_context(zipfile.ZipFile(self.path))
                        source = opened.enter_context(archive.open(self.entry))
                    yield self._guard(_Entry(source))
            elif self.kind == "gzip":
                with gzip.open(self.path) as unpacked:
                    yield self._guard(unpacked)
            else:
                with self.path.open("rb") as file:
                    yield self._guard(file)
        except _DAMAGE as fault:
            raise ExportDamaged from fault

    def _guard(self, source: ByteSource) -> GuardedReader:
        return GuardedReader(WholePairs(source), self.limits, self.meter)


def find_documents(path: Path, limits: ExportLimits, drops: DropReport) -> list[Document]:
    """The conversation files of an upload in reading order, by its first bytes and never by its name.

    Raises `NoConversations` for a zip without any, `ExportDamaged`, `ExportEncrypted`, `ExportTooLarge`.
    """
    meter = Meter(limits, path.stat().st_size)
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"PK":
        return [
            Document(path, PurePosixPath(entry).name, "zip", entry, limits, meter)
            for entry in _zip_entries(path, limits, drops)
        ]
    kind = "gzip" if magic[:2] == b"\x1f\x8b" else "plain"
    return [Document(path, "The file", kind, None, limits, meter)]


def _zip_entries(path: Path, limits: ExportLimits, drops: DropReport) -> list[str]:
    with _zip_faults():
        _check_directory_size(path, limits)
        with zipfile.ZipFile(path) as archive:
            chosen = _choose_folder([info for info in archive.infolist() if _is_candidate(info)], drops)
            if not chosen:
                raise NoConversations("The zip contains no conversations.json.")
            if any(info.flag_bits & _ENCRYPTED_FLAG for info in chosen):
                raise ExportEncrypted
            drops.add(DropReason.MISSING_SHARD, _missing_shards(archive, chosen))
            return [info.filename for info in chosen]


def _is_candidate(info: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(info.filename)
    outside = name.is_absolute() or ".." in name.parts or "\\" in info.filename
    return not info.is_dir() and not outside and _CONVERSATIONS_FILE.fullmatch(name.name) is not None


def _choose_folder(candidates: list[zipfile.ZipInfo], drops: DropReport) -> list[zipfile.ZipInfo]:
    """Files of the folder nearest to the root, the single file first, then shards by number."""
    if not candidates:
        return []
    folder = min((PurePosixPath(info.filename).parent for info in candidates), key=lambda item: (len(item.parts), item))
    chosen = [info for info in candidates if PurePosixPath(info.filename).parent == folder]
    drops.add(DropReason.OTHER_EXPORT_IN_ARCHIVE, len(candidates) - len(chosen))
    return sorted(chosen, key=lambda info: _shard_number(info.filename))


def _shard_number(entry: str) -> int:
    match = _CONVERSATIONS_FILE.fullmatch(PurePosixPath(entry).name)
    return int(match.group(1)) if match and match.group(1) else -1


def _missing_shards(archive: zipfile.ZipFile, chosen: list[zipfile.ZipInfo]) -> int:
    """How many shards the numbering or the manifest (of no published form: any mention counts) promises in vain.

    Gaps are counted, never listed: one file may be called conversations-999999.json.
    """
    present = {_shard_number(info.filename) for info in chosen} - {-1}
    highest = max(present, default=-1)
    gaps = highest + 1 - len(present)
    return gaps + sum(number > highest for number in _promised(archive, chosen[0].filename))


def _promised(archive: zipfile.ZipFile, beside: str) -> set[int]:
    """Numbers of the shards that the manifest in the folder of `beside` mentions; none if it is absurdly large."""
    entry = str(PurePosixPath(beside).with_name(_MANIFEST))
    if entry not in archive.NameToInfo or archive.getinfo(entry).file_size > _MAX_MANIFEST_BYTES:
        return set()
    # Some writers of JSON escape every slash.
    text = archive.read(entry).decode("utf-8", "replace").replace("\\/", "/")
    return {int(number) for number in re.findall(r"\bconversations-(\d{1,6})\.json", text)}


def _check_directory_size(path: Path, limits: ExportLimits) -> None:
    """Refuse an enormous table of contents before the standard library reads all of it into memory."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - _END_OF_DIRECTORY_SEARCH)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(_END_OF_DIRECTORY)
        if at < 0 or len(tail) - at < 22:
            raise ExportDamaged
        directory: int = struct.unpack_from("<L", tail, at + 12)[0]
        locator = at - 20
        if locator >= 0 and tail[locator : locator + 4] == _ZIP64_LOCATOR:
            file.seek(struct.unpack_from("<Q", tail, locator + 8)[0])
            record = file.read(56)
            if len(record) == 56:
                directory = struct.unpack_from("<Q", record, 40)[0]
    if directory > limits.max_directory_bytes:
        raise ExportTooLarge("the archive lists too many files")
