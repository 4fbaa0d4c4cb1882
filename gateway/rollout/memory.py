"""What the guard remembers over restarts, and the lease that lets only one guard act. Counterpart: `guard`.

The judge and the place in the stream of evidence are written together, so evidence that is read again after a crash is
heard by the judge of before: nothing counts twice, nothing is lost.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.rollout.atomic_file import write_json
from gateway.rollout.errors import LeaseTakenError, StateUnreadableError
from gateway.rollout.steps import Phase, Progress

VERSION = 1
MAX_EVENTS = 200


@dataclass(slots=True)
class Memory:
    """All of it. `judge` is a judge's dump, None while no step is watched; `events` are lines for people."""

    progress: Progress = field(default_factory=Progress)
    judge: dict[str, object] | None = None
    epoch: str = ""
    cursor: int = 0
    events: list[dict[str, object]] = field(default_factory=list)
    history: dict[str, object] = field(default_factory=dict)

    def note(self, at: float, text: str) -> None:
        """Remember an event; only the last ones are kept."""
        self.events = [*self.events, {"at": round(at, 3), "text": text}][-MAX_EVENTS:]


class MemoryFile:
    """`<flags>.guard`."""

    def __init__(self, flags_path: Path) -> None:
        self.path = flags_path.with_name(flags_path.name + ".guard")

    def read(self) -> Memory:
        """What is remembered; nothing if there is no file. Raises StateUnreadableError."""
        try:
            content = json.loads(self.path.read_bytes())
            if content["version"] != VERSION:
                raise ValueError(f"version {content['version']}")
            memory = Memory(
                progress_from(content["progress"]),
                content["judge"],
                str(content["epoch"]),
                int(content["cursor"]),
                list(content["events"]),
                dict(content["history"]),
            )
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateUnreadableError(f"{self.path.name} cannot be used: {error}") from error
        return memory

    def write(self, memory: Memory) -> None:
        """Replace it. Raises OSError."""
        content = {"version": VERSION, "progress": progress_to(memory.progress), "judge": memory.judge}
        content |= {"epoch": memory.epoch} | {
            "cursor": memory.cursor,
            "events": memory.events,
            "history": memory.history,
        }
        write_json(self.path, content)

    def forget(self) -> None:
        """Begin anew. Raises OSError."""
        self.path.unlink(missing_ok=True)


def progress_to(progress: Progress) -> dict[str, object]:
    """A progress as JSON values."""
    return asdict(progress) | {"approved": sorted(progress.approved)}


def progress_from(content: Mapping[str, object]) -> Progress:
    """The progress that `progress_to` told. Raises KeyError, TypeError or ValueError for anything else."""
    values = dict(content)
    approved = values["approved"]
    if not isinstance(approved, list):
        raise TypeError("approved is not a list")
    values |= {"phase": Phase(str(values["phase"])), "approved": frozenset(int(one) for one in approved)}
    return Progress(**values)  # type: ignore[arg-type]  # a file of ours: wrong names raise TypeError


class Lease:
    """`<flags>.guard-lease`: held by the one guard that acts on these flags; the kernel gives it back if it dies."""

    def __init__(self, flags_path: Path) -> None:
        self._path = flags_path.with_name(flags_path.name + ".guard-lease")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Raises LeaseTakenError if another guard has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise LeaseTakenError("another guard acts on these flags") from error
        self._descriptor = descriptor

    def give_back(self) -> None:
        """Let another guard act."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
