"""`rollout compare`: finished imports of both pipelines side by side. Counterparts: observe.results, compare_report."""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markdown import Markdown

from gateway.core.differences import check_ignored
from gateway.core.noise import comparisons
from gateway.observe.errors import ObserveError
from gateway.observe.results import MAX_PAIRS, compare_pairs
from gateway.observe.side_by_side import Report
from gateway.ops.compare_report import markdown, plain
from gateway.ops.session import AsJson, Exit, session
from gateway.ops.settings import RolloutSettings

DAYS = 7.0
DAY = 86_400.0

commands = typer.Typer()


@commands.command()
def compare(
    context: typer.Context,
    user: Annotated[str | None, typer.Option("--user", help="One user's pairs alone.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help=f"Dry runs that ended since then, ISO 8601; {DAYS:.0f} days if unset.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MAX_PAIRS, help="At most so many, the newest.")] = 50,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", help="A path whose differences do not count; repeatable.")
    ] = None,
    noise: Annotated[
        Path | None,
        typer.Option("--noise", help="A JSON report whose repeats say what noise is.", exists=True, dir_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put legacy's finished imports and v2's dry runs of the same exports side by side.

    Reads figures and shapes, no text of a person. Exit codes: 0 v2 is behind in nothing; 1 it is behind, or there is
    nothing to compare; 2 wrong usage; 3 the database cannot be asked.
    """
    report, ignored = _opened(noise), ignore or []
    moment = _moment(since)
    for path in ignored:
        try:
            check_ignored(path)
        except ValueError as error:
            _refuse(f"--ignore: {error}")
    try:
        asyncio.run(_compared(session(context).settings, report, moment, user, limit, ignored))
    except ObserveError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(Exit.UNREACHABLE) from None
    if as_json:
        sys.stdout.write(json.dumps(plain(report), indent=2) + "\n")
    else:
        console, text = Console(), markdown(report)
        if console.is_terminal:
            console.print(Markdown(text))
        else:
            sys.stdout.write(text)
    if report.behind or not report.observations:
        raise typer.Exit(Exit.REFUSED)


async def _compared(
    settings: RolloutSettings, report: Report, since: float, user: str | None, limit: int, ignored: list[str]
) -> None:
    # httpx is most of the start-up time, and the other commands have no use for it.
    from gateway.observe.supabase import SupabaseReader

    if settings.supabase_url is None or settings.supabase_service_key is None:
        _refuse("set GATEWAY_SUPABASE_URL and GATEWAY_SUPABASE_SERVICE_KEY to the database of both pipelines")
    key, anon = settings.supabase_service_key, settings.supabase_anon_key
    reader = SupabaseReader(
        str(settings.supabase_url), key.get_secret_value(), anon_key=anon.get_secret_value() if anon else ""
    )
    try:
        await compare_pairs(reader, report, since, user=user, limit=limit, ignored=ignored)
    finally:
        await reader.close()


def _opened(noise: Path | None) -> Report:
    """A report that knows the noise which an earlier one learned."""
    report = Report()
    if noise is None:
        return report
    try:
        earlier = json.loads(noise.read_text(encoding="utf-8"))
        learned = comparisons(earlier["comparisons"])
        report.distances = {str(name): [float(one) for one in found] for name, found in earlier["distances"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        _refuse(f"--noise: {noise} is no report of this command")
    report.comparisons.repeated, report.comparisons.noise = learned.repeated, learned.noise
    report.comparisons.kinds = {path: type(kinds)() for path, kinds in learned.kinds.items()}
    return report


def _moment(since: str | None) -> float:
    if since is None:
        return time.time() - DAYS * DAY
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        _refuse("--since: a moment like 2026-11-30T12:00:00Z")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _refuse(problem: str) -> NoReturn:
    typer.echo(f"Error: {problem}", err=True)
    raise typer.Exit(Exit.USAGE)
