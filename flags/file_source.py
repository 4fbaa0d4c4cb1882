"""Flags from a JSON file that somebody else changes: an editor, a deployment, `flags.file_store`.

`poll` is the whole of it: look at the file, take what is new and good. `flags.follow` calls it ten times a second.
"""

import time
from pathlib import Path
from typing import NamedTuple

from flags import last_good
from flags.compile import EngineFactory, compile_document
from flags.document import MAX_DOCUMENT_BYTES
from flags.engine import YggdrasilEngine
from flags.errors import InvalidDocumentError
from flags.source import Clock, FlagSource

SETTLED_AFTER = 2.0
"""Seconds after which a file's time stamp can be trusted to change with its content (FAT counts in steps of two)."""


class _Signature(NamedTuple):
    inode: int
    size: int
    modified: int
    changed: int


class FileSource(FlagSource):
    """Follows one file. A missing, unreadable or broken file leaves the last good flags in force and sets `error`.

    The last good document is also kept at `<path>.last-good`, for a restart next to a broken file. Not safe to poll
    from two threads.
    """

    def __init__(self, path: Path, *, engine: EngineFactory | None = YggdrasilEngine, clock: Clock = time.time) -> None:
        super().__init__(clock)
        self.path = path
        self._engine = engine
        self._kept_at = path.with_name(path.name + ".last-good")
        self._settled: _Signature | None = None
        self._seen: bytes | None = None
        self._refused: str | None = None

    def poll(self) -> bool:
        """Look at the file once; True if `snapshot` changed. Never raises for what a file can do."""
        before = self.snapshot
        try:
            stat = self.path.stat()
            signature = _Signature(stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            if signature != self._settled:
                self._read(signature)
        except OSError as error:
            self._settled = self._seen = None
            self._stand_in(f"{self.path.name} cannot be read: {error.strerror}")
            return self.snapshot is not before
        if self._refused is None:
            self._confirm()
        return self.snapshot is not before

    def _read(self, signature: _Signature) -> None:
        with self.path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
        if data != self._seen:
            self._take(data, max(signature.modified, signature.changed) / 1e9)
            self._seen = data
        # A write in the same tick of the file system's clock would not show: look again until the stamp is old.
        newest = max(signature.modified, signature.changed) / 1e9
        self._settled = signature if self._clock() - newest > SETTLED_AFTER else None

    def _take(self, data: bytes, changed_at: float) -> None:
        try:
            snapshot = compile_document(data, source=str(self.path), engine=self._engine)
        except InvalidDocumentError as error:
            self._refused = f"{self.path.name} cannot be used: {error}"
            self._stand_in(self._refused)
            return
        self._refused = None
        self.keep_error = last_good.keep(self._kept_at, data)
        if self.snapshot is None or self.snapshot.digest != snapshot.digest:
            self._accept(snapshot, changed_at=changed_at)

    def _stand_in(self, error: str) -> None:
        """Keep what is in force; right after a start that is nothing yet, so take what an earlier process kept."""
        kept = last_good.load(self._kept_at) if self.snapshot is None and self.error is None else None
        if kept is not None:
            try:
                snapshot = compile_document(kept, source=str(self._kept_at), engine=self._engine)
            except InvalidDocumentError:
                pass
            else:
                self._accept(snapshot, changed_at=last_good.kept_at(self._kept_at), error=error)
                return
        self._fail(error)
