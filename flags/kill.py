"""The local kill: while a file stands next to the flag file, every decision is legacy, whatever the flags say.

It needs no server and no healthy flag file, and survives restarts. Counterparts: `gateway.core.decide`, the ops verbs.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from flags.errors import StoreFailedError

MAX_NOTE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class KillNote:
    """Who engaged the kill, when (ISO 8601, UTC) and why. Fields are empty if the file was made by hand."""

    who: str = ""
    why: str = ""
    at: str = ""


class KillSwitch:
    """The kill file of one flag file: `<flags path>.kill`. `engaged` is the state at the last `poll`."""

    def __init__(self, flags_path: Path) -> None:
        self.path = flags_path.with_name(flags_path.name + ".kill")
        self.engaged = False

    def poll(self) -> bool:
        """Look once; True if the state changed. If the folder cannot be looked into, the state stays as it was."""
        before = self.engaged
        try:
            os.lstat(self.path)
        except FileNotFoundError:
            self.engaged = False
        except OSError:
            return False
        else:
            self.engaged = True
        return self.engaged is not before

    def engage(self, *, who: str, why: str) -> bool:
        """Create the file; False if it was there already. Raises StoreFailedError."""
        note = KillNote(who[:200], why[:1000], datetime.now(UTC).isoformat(timespec="milliseconds"))
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            self.engaged = True
            return False
        except OSError as error:
            raise StoreFailedError(f"{self.path.name} cannot be created: {error.strerror}") from error
        self.engaged = True
        # The file's presence is the kill; on a full disk it stands without its note.
        with suppress(OSError), os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(note), file)
            file.flush()
            os.fsync(file.fileno())
        return True

    def release(self) -> bool:
        """Remove the file; False if there was none. Raises StoreFailedError."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            self.engaged = False
            return False
        except OSError as error:
            raise StoreFailedError(f"{self.path.name} cannot be removed: {error.strerror}") from error
        self.engaged = False
        return True

    def note(self) -> KillNote | None:
        """Who engaged the kill and why; None if it is not engaged."""
        try:
            with self.path.open("rb") as file:
                content = json.loads(file.read(MAX_NOTE_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return KillNote()
        if not isinstance(content, dict):
            return KillNote()
        return KillNote(*(str(content.get(key, "")) for key in ("who", "why", "at")))
