"""`rollout` commands that change nothing: status, explain, preview, journal and others. Counterpart: `controls`."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from flags.errors import SourceUnavailableError
from gateway.core.decide import Backend, Identity
from gateway.core.force import HEADER, MAX_SECONDS, force_value
from gateway.ops.controls import Controls
from gateway.ops.errors import JobsUnavailableError
from gateway.ops.jobs import V2Jobs
from gateway.ops.preview import preview_move
from gateway.ops.reports import EntryReport, JobsReport
from gateway.ops.session import AsJson, Exit, end_unless_read, session, show, told
from gateway.ops.tables import (
    explain_table,
    journal_table,
    preview_table,
    shadow_tables,
    status_tables,
    validation_text,
    what,
)

FOLLOW_INTERVAL = 0.5
FOLLOW_LOOKS_BACK = 1000

commands = typer.Typer()

Flag = Annotated[str | None, typer.Option("--flag", help="The flag to ask about. [env: ROLLOUT_FLAG]")]


@commands.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the flags and the kill, as the next decision would see them, and which jobs run."""
    opened = session(context)
    with told(as_json=as_json):
        report = opened.controls.status()
    if report.jobs is None and opened.jobs is not None:
        report = report.model_copy(update={"jobs": asyncio.run(_ask_jobs(opened.jobs))})
    show(report, status_tables(report), as_json=as_json)
    end_unless_read(report.error)


@commands.command()
def explain(
    context: typer.Context,
    user_id: Annotated[str, typer.Argument(help="The user's id, exactly as the frontend sends it.")],
    flag: Flag = None,
    as_json: AsJson = False,
) -> None:
    """Explain where a user goes, step by step: key, hash, bucket, percentage, reason, backend."""
    opened = session(context)
    with told(as_json=as_json):
        report = opened.controls.explain(user_id, flag or opened.settings.flag)
    show(report, [explain_table(report)], as_json=as_json)
    end_unless_read(report.error)


@commands.command()
def preview(
    context: typer.Context,
    before: Annotated[int, typer.Argument(metavar="FROM", help="Percentage now.")],
    after: Annotated[int, typer.Argument(metavar="TO", help="Percentage then.")],
    flag: Flag = None,
    ids: Annotated[
        Path | None,
        typer.Option(
            "--ids", help="File with one user id a line: says exactly who moves.", exists=True, dir_okay=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who would move between two percentages, before anybody does."""
    opened = session(context)
    listed = ids.read_text(encoding="utf-8").splitlines() if ids is not None else []
    with told(as_json=as_json):
        now = opened.controls.status()
        if now.error is not None:
            raise SourceUnavailableError(now.error)
        report = preview_move(now.flags, flag or opened.settings.flag, before, after, listed)
    show(report, [preview_table(report)], as_json=as_json)


@commands.command()
def journal(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many entries.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new entries until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, when and why."""
    controls = session(context).controls
    with told(as_json=as_json):
        entries = controls.journal(limit)
        if not follow:
            show(entries, [journal_table(entries)], as_json=as_json)
            return
        for entry in _following(controls, entries):
            line = (
                json.dumps(entry.model_dump()) if as_json else f"{entry.when}  {entry.who}  {what(entry)}  {entry.why}"
            )
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


@commands.command()
def shadow(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what became of copies for the other backend, and where the answers of both differ. Needs --ops."""
    from gateway.ops.remote import RemoteControls

    controls = session(context).controls
    if not isinstance(controls, RemoteControls):
        typer.echo("Error: only a running gateway knows its copies: give its ops API with --ops", err=True)
        raise typer.Exit(Exit.USAGE)
    with told(as_json=as_json):
        report = controls.shadow()
    show(report, shadow_tables(report), as_json=as_json)


@commands.command("force-header")
def force_header(
    context: typer.Context,
    user_id: Annotated[str, typer.Argument(help="The user's id, exactly as the frontend sends it.")],
    backend: Annotated[Backend, typer.Option(help="Who shall answer.")] = Backend.V2,
    minutes: Annotated[int, typer.Option(min=1, max=MAX_SECONDS // 60, help="How long it works.")] = 15,
    as_json: AsJson = False,
) -> None:
    """Print a header that sends this user's requests to a backend, for a test, whatever list or percentage says.

    It works for this one user and this time only, and not against a kill or a disabled flag. Such requests are left
    out of the figures per backend. Needs the gateway's key: GATEWAY_FORCE_KEY.
    """
    secret = session(context).settings.force_key
    if secret is None:
        typer.echo("Error: set GATEWAY_FORCE_KEY to the gateway's key", err=True)
        raise typer.Exit(Exit.USAGE)
    if Identity.of(user_id).problem is not None:
        typer.echo(f"Error: this is not an id that the gateway uses: {Identity.of(user_id).problem}", err=True)
        raise typer.Exit(Exit.USAGE)
    expires = int(time.time()) + minutes * 60
    value = force_value(secret.get_secret_value().encode(), user_id, backend, expires)
    line = json.dumps({"header": HEADER, "value": value, "expires": expires}) if as_json else f"{HEADER}: {value}"
    sys.stdout.write(line + "\n")


@commands.command()
def validate(context: typer.Context, as_json: AsJson = False) -> None:
    """Check the newest flag document: all problems and warnings at once. Exit code 1 if it cannot be used."""
    with told(as_json=as_json):
        report = session(context).controls.validate()
    show(report, [validation_text(report)], as_json=as_json)
    if not report.valid:
        raise typer.Exit(Exit.REFUSED)


async def _ask_jobs(jobs: V2Jobs) -> JobsReport:
    """What v2 itself says; whom the workers pin only they know."""
    try:
        return JobsReport(v2=await jobs.running(), legacy=None, pinned=None)
    except JobsUnavailableError as error:
        return JobsReport(v2=None, legacy=None, pinned=None, error=str(error))


def _following(controls: Controls, entries: list[EntryReport]) -> Iterator[EntryReport]:
    """The given entries, then new ones as they come, until interrupted."""
    while True:
        yield from entries
        last = entries[-1] if entries else None
        entries = []
        while not entries:
            time.sleep(FOLLOW_INTERVAL)
            recent = controls.journal(FOLLOW_LOOKS_BACK)
            entries = recent[recent.index(last) + 1 :] if last in recent else recent
