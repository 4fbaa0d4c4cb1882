"""Where flags live, for the verbs of ops: a file, or an Unleash server. Counterpart: `gateway.ops.controls`."""

from pathlib import Path
from typing import Protocol

from flags.errors import ChangeRefusedError, SourceUnavailableError
from flags.file_source import FileSource
from flags.file_store import FileStore, PercentageChange, StageChange
from flags.source import FlagSource
from flags.unleash_source import FEATURES_PATH, UnleashOptions, UnleashSource
from flags.unleash_store import UnleashAdmin, UnleashStore
from flags.unleash_wire import UnleashWire


class Origin(Protocol):
    """The home of the flags. Methods may raise `flags.errors.FlagsError`."""

    @property
    def name(self) -> str:
        """What to call it in a report."""
        ...

    def look(self) -> FlagSource:
        """A source that has just been asked once."""
        ...

    def read(self) -> bytes:
        """The newest document, as it is."""
        ...

    @property
    def settles_in(self) -> float:
        """Seconds until a change is in force in every worker, as promised."""
        ...

    def set_percentage(
        self,
        flag: str,
        percentage: int,
        *,
        expected_generation: int | None = None,
        suspend_pins: bool | None = None,
    ) -> PercentageChange:
        """Change one percentage; `suspend_pins` as in `flags.pinning`."""
        ...

    def set_stage(self, flag: str, stage: str, *, expected_generation: int | None) -> StageChange:
        """Write one stage, legal or not."""
        ...


class FileOrigin:
    """Flags in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)
        self.settles_in = 0.5

    def look(self) -> FlagSource:
        source = FileSource(self._path)
        source.poll()
        return source

    def read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise SourceUnavailableError(f"{self._path.name} cannot be read: {error.strerror}") from error

    def set_percentage(
        self,
        flag: str,
        percentage: int,
        *,
        expected_generation: int | None = None,
        suspend_pins: bool | None = None,
    ) -> PercentageChange:
        return FileStore(self._path).set_percentage(
            flag, percentage, expected_generation=expected_generation, suspend_pins=suspend_pins
        )

    def set_stage(self, flag: str, stage: str, *, expected_generation: int | None) -> StageChange:
        return FileStore(self._path).set_stage(flag, stage, expected_generation=expected_generation)


class UnleashOrigin:
    """Flags on an Unleash server; without `admin` they can be read only. `kept_at` is the last good document."""

    def __init__(self, options: UnleashOptions, kept_at: Path, admin: UnleashAdmin | None = None) -> None:
        self._options = options
        self._kept_at = kept_at
        self._admin = admin
        self.name = options.url
        self.settles_in = 2.5

    def look(self) -> FlagSource:
        with UnleashSource(self._options, self._kept_at) as source:
            source.poll()
            return source

    def read(self) -> bytes:
        wire = UnleashWire(self._options.url, self._options.headers(), deadline=self._options.deadline)
        try:
            answer = wire.exchange("GET", FEATURES_PATH)
        finally:
            wire.close()
        if answer.status != 200:
            raise SourceUnavailableError(f"Unleash answered {answer.status}")
        return answer.body

    def set_percentage(
        self,
        flag: str,
        percentage: int,
        *,
        expected_generation: int | None = None,
        suspend_pins: bool | None = None,
    ) -> PercentageChange:
        return self._store().set_percentage(
            flag, percentage, expected_generation=expected_generation, suspend_pins=suspend_pins
        )

    def set_stage(self, flag: str, stage: str, *, expected_generation: int | None) -> StageChange:
        return self._store().set_stage(flag, stage, expected_generation=expected_generation)

    def _store(self) -> UnleashStore:
        if self._admin is None:
            raise ChangeRefusedError("to change flags in Unleash an admin token is needed: UNLEASH_ADMIN_TOKEN")
        return UnleashStore(self._options, self._admin)
