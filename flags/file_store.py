"""Changes the flag file, atomically: one percentage or stage at a time. Counterpart: `flags.file_source`.

Writers are kept apart by a lock file; a writer that does not know the lock (an editor) is noticed before the swap.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flags.compile import parse_percentage
from flags.document import Json, read_document
from flags.errors import (
    ChangeRefusedError,
    GenerationConflictError,
    InvalidPercentageError,
    NoPercentageError,
    SourceUnavailableError,
    StoreFailedError,
    UnknownFlagError,
)
from flags.pinning import write_suspended
from flags.stage import read_stage, stage_variants

LOCK_PATIENCE = 2.0
"""Seconds to wait for another writer; a change takes milliseconds."""
LOCK_INTERVAL = 0.02
"""Seconds between two tries: waiting for a lock of another process has no time limit of its own."""

ROLLOUT_PARAMETER = {"flexibleRollout": "rollout", "gradualRolloutUserId": "percentage"}
"""Strategies by user id, and the parameter that holds the percentage."""


@dataclass(frozen=True, slots=True)
class PercentageChange:
    """A change that was made. `before` is None if the old percentage was not a valid one.

    `generation` is None if the flags' home counts by itself and later.
    """

    flag: str
    before: int | None
    after: int
    generation: int | None


@dataclass(frozen=True, slots=True)
class StageChange:
    """A stage that was written. `before` is None if the flag had none; `generation` as in PercentageChange."""

    flag: str
    before: str | None
    after: str
    generation: int | None


class FileStore:
    """The flag file, for writing. Safe to use from many processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Replacing a symbolic link would leave its target, the real file, as it was.
        self._target = path.resolve()

    def set_percentage(
        self,
        flag: str,
        percentage: int,
        *,
        expected_generation: int | None = None,
        suspend_pins: bool | None = None,
    ) -> PercentageChange:
        """Set one flag's percentage (0 to 100) and count the generation up.

        With `expected_generation` the change is made only if the file is still at that generation; `suspend_pins` as
        in `flags.pinning`.
        Raises InvalidDocumentError, SourceUnavailableError, StoreFailedError or a ChangeRefusedError; then nothing
        was changed.
        """
        if isinstance(percentage, bool) or not isinstance(percentage, int) or not 0 <= percentage <= 100:
            raise InvalidPercentageError(f"a percentage is a whole number from 0 to 100, not {percentage!r}")
        with self._changing(expected_generation) as (content, generation):
            before = _replace_percentage(_feature(content, flag), flag, percentage, suspend_pins)
        return PercentageChange(flag, before, percentage, generation)

    def set_stage(self, flag: str, stage: str, *, expected_generation: int | None = None) -> StageChange:
        """Write a flag's stage and count the generation up. Which moves are legal is the caller's business.

        Raises as `set_percentage` does.
        """
        with self._changing(expected_generation) as (content, generation):
            feature = _feature(content, flag)
            before = read_stage(feature["strategies"])
            rollout = _only_rollout(feature, flag)
            rollout["variants"] = stage_variants(flag, rollout, stage)
        return StageChange(flag, before, stage, generation)

    @contextmanager
    def _changing(self, expected: int | None) -> Iterator[tuple[Json, int]]:
        """The document to be changed in place, and its new generation; written at the end unless something raises."""
        with self._locked():
            data = self._read()
            document = read_document(data)
            if expected is not None and expected != document.generation:
                raise GenerationConflictError(expected, document.generation)
            content: Json = json.loads(document.text)
            content["generation"] = generation = document.generation + 1
            yield content, generation
            self._swap(data, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")

    def _read(self) -> bytes:
        try:
            return self._target.read_bytes()
        except OSError as error:
            raise SourceUnavailableError(f"{self.path.name} cannot be read: {error.strerror}") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._target.with_name(self._target.name + ".lock")
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreFailedError(f"{lock.name} cannot be opened: {error.strerror}") from error
        try:
            deadline = time.monotonic() + LOCK_PATIENCE
            while not _try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise StoreFailedError(f"another writer has held {lock.name} for {LOCK_PATIENCE:g} s")
                time.sleep(LOCK_INTERVAL)
            yield
        finally:
            os.close(descriptor)

    def _swap(self, old: bytes, new: bytes) -> None:
        temporary = self._target.with_name(f".{self._target.name}.{os.getpid()}.new")
        try:
            with temporary.open("wb") as file:
                file.write(new)
                file.flush()
                os.fchmod(file.fileno(), self._target.stat().st_mode & 0o7777)
                os.fsync(file.fileno())
            if self._target.read_bytes() != old:
                raise ChangeRefusedError(f"{self.path.name} was edited at the same moment; look again")
            temporary.replace(self._target)
            _sync_folder(self._target.parent)
        except OSError as error:
            raise StoreFailedError(f"{self.path.name} cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _feature(content: Json, flag: str) -> Json:
    features = content["features"]
    assert isinstance(features, list)
    feature: Json | None = next((item for item in features if item["name"] == flag), None)
    if feature is None:
        raise UnknownFlagError(flag, [item["name"] for item in features])
    return feature


def _only_rollout(feature: Json, flag: str) -> Json:
    strategies = feature["strategies"]
    assert isinstance(strategies, list)
    rollouts: list[Json] = [item for item in strategies if item["name"] in ROLLOUT_PARAMETER]
    if len(rollouts) != 1:
        raise NoPercentageError(f"flag {flag!r} has {len(rollouts)} percentage strategies; exactly one can be set")
    return rollouts[0]


def _replace_percentage(feature: Json, flag: str, percentage: int, suspend_pins: bool | None) -> int | None:
    rollout = _only_rollout(feature, flag)
    parameters = rollout.setdefault("parameters", {})
    assert isinstance(parameters, dict)
    key = ROLLOUT_PARAMETER[str(rollout["name"])]
    before = parse_percentage(parameters.get(key))
    parameters[key] = str(percentage)
    write_suspended(parameters, percentage, suspend_pins)
    return before


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; file systems that cannot sync a folder do without."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
