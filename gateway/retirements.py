"""The dates at which legacy's side of each flag ends, in a file beside the flags: `<flags path>.retirements`.

Whoever carries out the rollout's plan announces and withdraws them; the supervisor follows the file and tells the
workers. Counterparts: gateway.core.retirement, gateway.fleet.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from flags.errors import StoreFailedError
from gateway.core.retirement import Retirement, RetirementError

FOLLOW_SECONDS: Final = 1.0
MAX_BYTES: Final = 65_536

Plain = dict[str, tuple[float | None, float | None]]


class RetirementFile:
    """The file that belongs to one flag file."""

    def __init__(self, flags_path: Path) -> None:
        self.path = flags_path.with_name(flags_path.name + ".retirements")

    def read(self) -> dict[str, Retirement]:
        """The dates by flag; none if there is no file. Raises RetirementError."""
        try:
            with self.path.open("rb") as file:
                document = json.loads(file.read(MAX_BYTES))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            raise RetirementError(f"{self.path.name} cannot be read") from None
        if not isinstance(document, dict) or not all(isinstance(one, list) for one in document.values()):
            raise RetirementError(f"{self.path.name} is no table of dates")
        found = {}
        for flag, dates in document.items():
            if len(dates) != 2:
                raise RetirementError(f"{self.path.name}: {flag} needs two dates")
            found[str(flag)] = Retirement.of(*dates)
        return found

    def announce(self, flag: str, retirement: Retirement) -> None:
        """Say when legacy's side of a flag ends. Raises RetirementError, StoreFailedError."""
        self._write(self.read() | {flag: retirement})

    def withdraw(self, flag: str) -> None:
        """Take it back: legacy goes on. Raises RetirementError, StoreFailedError."""
        self._write({name: one for name, one in self.read().items() if name != flag})

    def _write(self, retirements: Mapping[str, Retirement]) -> None:
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            draft.write_text(json.dumps({flag: one.plain() for flag, one in sorted(retirements.items())}))
            draft.replace(self.path)
        except OSError as error:
            raise StoreFailedError(f"{self.path.name} cannot be written: {error.strerror}") from error


class Retiring(Protocol):
    """What is needed of the fleet."""

    async def retire(self, retirements: Plain) -> list[str]:
        """Let all workers announce these dates; returns what went wrong."""
        ...


def plain_retirements(file: RetirementFile) -> Plain:
    """The dates as they are given to workers; none, and a sentence on standard error, if the file is broken."""
    try:
        return {flag: one.plain() for flag, one in file.read().items()}
    except RetirementError as error:
        sys.stderr.write(f"no end of legacy is announced: {error}\n")
        return {}


async def follow_retirements(file: RetirementFile, fleet: Retiring, known: Plain | None) -> None:
    """Tell the workers whenever the file changes; a broken file changes nothing. Never ends by itself."""
    complaint = ""
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        try:
            found = {flag: one.plain() for flag, one in file.read().items()}
        except RetirementError as error:
            if str(error) != complaint:
                sys.stderr.write(f"the announced end of legacy stays as it is: {error}\n")
            complaint = str(error)
            continue
        complaint = ""
        if found != known:
            # If some workers may have these dates and some not, even the old ones have to be told again.
            known = None if await fleet.retire(found) else found
