"""`stack up` and `stack demo`: the whole house on this machine, with real exports imported through the gateway."""

from __future__ import annotations

import asyncio
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from sandbox.stack.imports import Addresses, Import, run_imports, seed_users
from sandbox.stack.ports import Ports, choose
from sandbox.stack.processes import Processes, ServiceFailed
from sandbox.stack.report import LiveProgress, summary, table
from sandbox.stack.seeds import Seed, make_seeds
from sandbox.stack.services import (
    FLAG,
    Layout,
    backends,
    gateway_service,
    rollout,
    sandbox_environment,
    sandbox_service,
)
from sandbox.stack.state import StateUnusable, clear, make

REPOSITORY = Path(__file__).resolve().parents[2]
IMPORT_TIMEOUT_SECONDS = 300.0
DEFAULT_PORTS = Ports()

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
console = Console()

State = Annotated[Path, typer.Option(envvar="STACK_STATE", help="Folder for databases, flags and logs.")]
Users = Annotated[int, typer.Option(envvar="STACK_USERS", min=1, help="How many demo users import an export.")]
Percent = Annotated[int, typer.Option(envvar="STACK_PERCENT", min=0, max=100, help="Share of users sent to v2.")]
Exports = Annotated[
    Path,
    typer.Option(envvar="STACK_EXPORTS", exists=True, file_okay=False, help="Folder below which ChatGPT exports lie."),
]
Workers = Annotated[int, typer.Option(envvar="STACK_WORKERS", min=1, help="Proxy worker processes.")]
Public = Annotated[int, typer.Option(envvar="STACK_PUBLIC_PORT", help="Public port; 0 takes any free one.")]
Ops = Annotated[int, typer.Option(envvar="STACK_OPS_PORT", help="Ops port; 0 takes any free one.")]
DEFAULT_EXPORTS = REPOSITORY / "tests" / "data"


@app.command()
def up(
    state: State = Path(".state/stack"),
    users: Users = 24,
    percent: Percent = 50,
    exports: Exports = DEFAULT_EXPORTS,
    workers: Workers = 1,
    public_port: Public = DEFAULT_PORTS.public,
    ops_port: Ops = DEFAULT_PORTS.ops,
) -> None:
    """Start everything, import real exports through the gateway, and stay up until Ctrl-C."""
    wanted = Ports(public=public_port, ops=ops_port)
    with stack(state, percent, workers, wanted, interrupted=0) as (layout, processes):
        import_all(layout, exports, users)
        say_where(layout, processes)
        never = threading.Event()
        while not never.wait(1.0):
            processes.check_alive()


@app.command()
def demo(
    state: State = Path(".state/demo"),
    users: Users = 24,
    percent: Percent = 50,
    exports: Exports = DEFAULT_EXPORTS,
    workers: Workers = 1,
) -> None:
    """The same on fresh state and any free ports, then exit: 0 only if every import completed."""
    with _usable():
        clear(state.resolve())
    with stack(state, percent, workers, Ports(0, 0, 0, 0, 0)) as (layout, _):
        imports = import_all(layout, exports, users)
    raise typer.Exit(0 if all(item.status == "complete" for item in imports) else 1)


@contextmanager
def stack(
    state: Path, percent: int, workers: int, wanted: Ports, *, interrupted: int = 130
) -> Iterator[tuple[Layout, Processes]]:
    """All processes, ready, with the flag at `percent`; stopped in order on leaving. Exits 1 when one fails.

    `interrupted` is the exit code of a Ctrl-C (or SIGTERM) once everything is up; before that it is always 130.
    """
    state = state.resolve()
    with _usable():
        make(state)
    layout = Layout(choose(wanted, console.print), state, workers)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    is_up = False
    try:
        with Processes(state / "logs") as processes:
            with console.status("starting the sandbox (PostgreSQL, Supabase, models) ..."):
                processes.start(sandbox_service(layout))
                processes.wait_ready()
            with console.status("starting legacy, v2 and the gateway ..."):
                set_flag(layout, percent)
                for service in (*backends(layout), gateway_service(layout, observing=True)):
                    processes.start(service)
                processes.wait_ready()
            is_up = True
            yield layout, processes
    except ServiceFailed as failure:
        console.print(f"[red]{failure}", highlight=False)
        raise typer.Exit(1) from failure
    except KeyboardInterrupt:
        console.print("stopped" if is_up else "stopped before everything was up")
        raise typer.Exit(interrupted if is_up else 130) from None


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except StateUnusable as problem:
        raise typer.BadParameter(str(problem), param_hint="--state") from None


def set_flag(layout: Layout, percent: int) -> None:
    """A flag file of the stack's own, no local kill left from an earlier run, and the wanted percentage."""
    if not layout.flags.exists():
        shutil.copyfile(REPOSITORY / "flags" / "features.json", layout.flags)
    rollout(layout, "revive")
    rollout(layout, "set", FLAG, str(percent), "--why", "local stack")


def import_all(layout: Layout, exports: Path, users: int) -> list[Import]:
    """Seed the users, import everybody with live progress, print the table."""
    environment = sandbox_environment(layout)
    addresses = Addresses(
        layout.gateway_url, layout.ops_url, environment["SUPABASE_URL"], environment["SUPABASE_SERVICE_KEY"]
    )
    seeds: list[Seed] = list(make_seeds(exports, users))

    async def run() -> list[Import]:
        await seed_users(addresses, seeds)
        with LiveProgress(console, len(seeds)) as progress:
            return await run_imports(addresses, seeds, IMPORT_TIMEOUT_SECONDS, progress.changed)

    imports = asyncio.run(run())
    console.print(table(imports))
    console.print(summary(imports))
    return imports


def say_where(layout: Layout, processes: Processes) -> None:
    """The URLs, and the next three commands to try."""
    sample = next(make_seeds(DEFAULT_EXPORTS, 1)).user_id
    console.print(f"\npublic   {layout.gateway_url}   the one URL a frontend knows")
    console.print(f"ops      {layout.ops_url}   /metrics, /evidence, the ops page")
    console.print(f"behind   legacy {layout.legacy_url}   v2 {layout.v2_url}   sandbox {layout.sandbox_url}")
    console.print(f"logs     {', '.join(str(path) for _, path in processes.logs())}\n", soft_wrap=True)
    console.print("Try next:")
    for command in (
        f"{_shown('rollout')} --flags {layout.flags} explain {sample}",
        f"{_shown('rollout')} --flags {layout.flags} set {FLAG} 0 --why 'trying a rollback'",
        f"curl -si {layout.gateway_url}/embedding-status/{sample}",
    ):
        console.print(f"  {command}", soft_wrap=True, highlight=False)
    console.print("\nCtrl-C stops all of it.")


def _shown(script: str) -> str:
    return f".venv/bin/{script}"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Console script `stack`."""
    app()


if __name__ == "__main__":
    main()
