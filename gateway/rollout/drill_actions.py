"""What `rollout drill guard` does: opens what a drill stands on and prints how it ended. Counterpart: `guard_drill`."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from gateway.ops.errors import OpsError
from gateway.ops.session import Exit, Session
from gateway.rollout.drill_sandbox import SandboxDesk
from gateway.rollout.drill_troubles import TROUBLES, Trouble
from gateway.rollout.errors import DrillRefusedError
from gateway.rollout.gateway_evidence import GatewayEvidence
from gateway.rollout.guard_drill import DrillOutcome, DrillPost, GuardDrill

STOPPED: Final = 130
"""The exit code after Ctrl-C or SIGTERM."""

AT_WORK: Final = 30.0
"""A guard that said something so many seconds ago is at work."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for; no troubles mean all of them."""

    flag: str
    troubles: tuple[str, ...]
    sandbox: str
    public: str
    folder: Path
    pace: float


def guard_drill(session: Session, wish: Wish, *, as_json: bool) -> None:
    """Drill; exit code 1 if there was none, or if the guard did not fire in each trouble, and only then."""
    known = {one.name: one for one in TROUBLES}
    if strange := [name for name in wish.troubles if name not in known]:
        typer.echo(f"Error: there is no trouble {', '.join(strange)}; there are {', '.join(known)}", err=True)
        raise typer.Exit(Exit.USAGE)
    troubles = [known[name] for name in wish.troubles] or list(TROUBLES)
    try:
        outcomes = asyncio.run(_drill(session, wish, troubles))
    except DrillRefusedError as error:
        typer.echo(f"Error: no drill: {error}", err=True)
        raise typer.Exit(Exit.REFUSED) from error
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(STOPPED) from None
    except (httpx.HTTPError, OpsError) as error:
        typer.echo(f"Error: the drill ended early: {error or type(error).__name__}", err=True)
        raise typer.Exit(Exit.UNREACHABLE) from error
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in outcomes], indent=2) + "\n")
    else:
        Console().print(_table(outcomes))
    if any(one.seconds is None for one in outcomes):
        raise typer.Exit(Exit.REFUSED)


async def _drill(session: Session, wish: Wish, troubles: Sequence[Trouble]) -> list[DrillOutcome]:
    url = str(session.settings.ops)
    token = session.settings.token.get_secret_value() if session.settings.token else None
    headers = {"authorization": f"Bearer {token}"} if token else {}
    running = asyncio.current_task()
    assert running is not None
    # As Ctrl-C, so that whatever is broken is mended.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=10) as ops:
        desk = SandboxDesk(wish.sandbox, wish.public, ops)
        await _nobody_guards(ops)
        with GatewayEvidence(url, token) as source:
            post = DrillPost(wish.flag, session.controls, source, desk, wish.folder, wish.pace, _tell)
            return await GuardDrill(post).run(troubles)


async def _nobody_guards(ops: httpx.AsyncClient) -> None:
    """Raises DrillRefusedError while a guard works on these flags: it would take the drill for an edit."""
    try:
        text = (await ops.get("/metrics")).raise_for_status().text
    except httpx.HTTPError as error:
        raise DrillRefusedError(f"the gateway cannot be asked: {error or type(error).__name__}") from error
    for family in text_string_to_metric_families(text):
        if family.name == "gateway_guard_seen_seconds" and time.time() - family.samples[0].value < AT_WORK:
            raise DrillRefusedError("a guard works on these flags: stop it first")


def _table(outcomes: Sequence[DrillOutcome]) -> Table:
    table = Table("trouble", "rolled back after", "rule", "report", title="guard drill", title_justify="left")
    for one in outcomes:
        table.add_row(one.trouble, "no" if one.seconds is None else f"{one.seconds:.1f} s", one.rule, one.report)
    return table


def _tell(line: str) -> None:
    typer.echo(line, err=True)
