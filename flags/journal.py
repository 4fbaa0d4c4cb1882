"""Who changed what, when and why: one JSON object a line, only ever appended. The counterpart is whoever asks later."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flags.errors import StoreFailedError

MAX_TEXT = 500
"""Characters kept of `who` and `why`, so that a line stays under 16 KiB and is written in one piece."""

MAX_JOURNAL_BYTES = 8 * 1024 * 1024
"""When the journal grows beyond this it becomes `<journal>.1`, replacing an older one."""

MAX_TAIL_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, or when it was applied.

    `action` is set, stage, kill, revive, rollback or applied; or approve, hold, resume, which are orders to the guard.
    `before` and `after` are percentages for set, stages for stage; `after` is what becomes of running jobs for rollback
    and what was agreed to for approve.
    """

    when: str
    who: str
    action: str
    flag: str | None
    before: int | str | None
    after: int | str | None
    why: str
    generation: int | None


class Journal:
    """The journal of one flag file: `<flags path>.journal`. Safe to append to from many processes at once."""

    def __init__(self, flags_path: Path) -> None:
        self.path = flags_path.with_name(flags_path.name + ".journal")

    def record(
        self,
        action: str,
        *,
        who: str,
        why: str,
        flag: str | None = None,
        before: int | str | None = None,
        after: int | str | None = None,
        generation: int | None = None,
    ) -> Entry:
        """Append one entry, stamped with the time. Raises StoreFailedError; the change itself is already made then."""
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = Entry(when, who[:MAX_TEXT], action, flag, before, after, why[:MAX_TEXT], generation)
        line = json.dumps(_to_json(entry), ensure_ascii=True).encode() + b"\n"
        try:
            self._make_room()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreFailedError(f"{self.path.name} cannot be written: {error.strerror}") from error
        return entry

    def tail(self, limit: int = 20) -> list[Entry]:
        """The last entries, oldest first. Lines that are not entries (a torn write, an editor) are left out."""
        if limit <= 0:
            return []
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = max(0, size - MAX_TAIL_BYTES)
                file.seek(start)
                lines = file.read(MAX_TAIL_BYTES).splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreFailedError(f"{self.path.name} cannot be read: {error.strerror}") from error
        if start:
            del lines[0]
        return list(_entries(lines))[-limit:]

    def _make_room(self) -> None:
        if self.path.exists() and self.path.stat().st_size > MAX_JOURNAL_BYTES:
            self.path.replace(self.path.with_name(self.path.name + ".1"))


def _to_json(entry: Entry) -> dict[str, object]:
    return {
        "when": entry.when,
        "who": entry.who,
        "action": entry.action,
        "flag": entry.flag,
        "from": entry.before,
        "to": entry.after,
        "why": entry.why,
        "generation": entry.generation,
    }


def _entries(lines: list[bytes]) -> Iterator[Entry]:
    for line in lines:
        try:
            item = json.loads(line)
            if not all(isinstance(item[key], str) for key in ("when", "who", "action", "why")):
                continue
            yield Entry(
                when=item["when"],
                who=item["who"],
                action=item["action"],
                flag=item["flag"],
                before=item["from"],
                after=item["to"],
                why=item["why"],
                generation=item["generation"],
            )
        except (ValueError, KeyError, TypeError):
            continue
