"""What every `rollout` command shares: the controls it works on, how it prints, how errors become exit codes."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, NoReturn

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType

from flags.errors import FlagsError, GenerationConflictError, InvalidDocumentError, SourceUnavailableError
from gateway.ops.controls import Controls
from gateway.ops.errors import IllegalMoveError, RemoteError
from gateway.ops.jobs import V2Jobs
from gateway.ops.settings import RolloutSettings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output instead of a table.")]


_CONFLICT = GenerationConflictError.__name__


class Exit(IntEnum):
    """Exit codes, told by `rollout --help`."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    CONFLICT = 4
    NOT_JOURNALLED = 5
    INCOMPLETE = 6


@dataclass(frozen=True)
class Session:
    """One invocation of the command line. `jobs` asks v2 itself, where there is no ops API that does.

    `ops_named`: the ops API was given as an option, not only by a variable.
    """

    settings: RolloutSettings
    controls: Controls
    jobs: V2Jobs | None = None
    ops_named: bool = False


def flag_names() -> list[str]:
    """The names that a shell may complete: those in the flag file. No server is asked for the sake of a key."""
    try:
        content = json.loads(RolloutSettings.model_validate({}).flags.read_bytes())
        return [str(feature["name"]) for feature in content["features"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def session(context: typer.Context) -> Session:
    """The session that the top-level command opened."""
    found = context.find_object(Session)
    assert found is not None
    return found


def show(report: BaseModel | Sequence[BaseModel], human: Sequence[RenderableType], *, as_json: bool) -> None:
    """Print a report as JSON, or for people."""
    if as_json:
        plain = report.model_dump() if isinstance(report, BaseModel) else [item.model_dump() for item in report]
        sys.stdout.write(json.dumps(plain, indent=2) + "\n")
        return
    console = Console()
    for item in human:
        console.print(item)


def end_unless_read(error: str | None) -> None:
    """End with its exit code what could only tell of older flags, or of none; `error` says why, None if all is well."""
    if error is not None:
        raise typer.Exit(Exit.UNREACHABLE)


@contextmanager
def told(*, as_json: bool) -> Iterator[None]:
    """Turn errors into a message on standard error and an exit code."""
    try:
        yield
    except (FlagsError, RemoteError, IllegalMoveError) as error:
        _fail(error, as_json=as_json)


def _fail(error: FlagsError | RemoteError | IllegalMoveError, *, as_json: bool) -> NoReturn:
    problems = error.problems if isinstance(error, InvalidDocumentError | RemoteError) else ()
    if isinstance(error, InvalidDocumentError):
        problems = (*problems, "to roll back all the same: rollout kill")
    if as_json:
        sys.stderr.write(json.dumps({"error": str(error), "problems": list(problems)}) + "\n")
    else:
        lines = [str(error)] if not isinstance(error, InvalidDocumentError) else ["the flags cannot be used"]
        Console(stderr=True).print("\n  ".join([*lines, *problems]), style="red", markup=False, highlight=False)
    raise typer.Exit(_exit_code(error))


def _exit_code(error: FlagsError | RemoteError | IllegalMoveError) -> Exit:
    if isinstance(error, GenerationConflictError) or (isinstance(error, RemoteError) and error.kind == _CONFLICT):
        return Exit.CONFLICT
    if isinstance(error, SourceUnavailableError) or (isinstance(error, RemoteError) and error.status in (0, 502, 503)):
        return Exit.UNREACHABLE
    return Exit.REFUSED
