"""`v2 costs`, `v2 audit` and `v2 rechunk` as tables. Counterparts: `migrations/0008` and `0018`, `rechunk.py`."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from v2_service.adapters.costs import Costs, dollars
from v2_service.contract import JsonObject, JsonValue
from v2_service.errors import StoreRefused
from v2_service.jobs.services import open_services
from v2_service.rechunk import Options, rechunk
from v2_service.settings import Settings

EXAMPLES = 5
# Finding -> what it means, and whether it is a fault (S-96, S-131). The others may be as they should.
FINDINGS: Mapping[str, tuple[str, bool]] = {
    "complete_without_chunks": ("imports that are complete and have no chunks", True),
    "complete_without_embeddings": ("complete embeddings with chunks that have none", True),
    "chunk_count_differs": ("profiles that count other chunks than there are", True),
    "chunks_twice": ("chunks that are there more than once", True),
    "unknown_tier": ("users with a chunk tier that search does not know", True),
    "run_silent_for_two_hours": ("runs that nobody has worked on for two hours", True),
    "mixed_versions": ("users with chunks of several chunking versions", True),
    "twice_the_chunks_made": ("users with twice the chunks that their last import made", True),
    "batch_unsettled_for_two_days": ("batches of model calls that were never charged", True),
    "tiers_missing": ("users whose chunks are not in all three tiers", False),
    "many_chunks_per_conversation": ("conversations of more than ten medium chunks", False),
    "chunks_per_user_doubled": ("imports of this week, which make twice the chunks per user of those before", False),
}


async def show_audit(settings: Settings, console: Console) -> bool:
    """Print what the consistency queries find; True when nothing is a fault. Raises StoreUnavailable, StoreRefused."""
    async with open_services(settings) as services:
        found = await services.rest.call("v2_audit", {"p_examples": EXAMPLES})
    if not isinstance(found, dict):
        raise StoreRefused("The database told no findings.")
    table = Table("finding", "found", "users, for example", title="Consistency")
    for name, (meaning, fault) in FINDINGS.items():
        one = found.get(name)
        number = one["found"] if isinstance(one, dict) else 0
        users = one["users"] if isinstance(one, dict) else []
        colour = "red" if fault and number else "green" if not number else "yellow"
        shown = ", ".join(map(str, users)) if isinstance(users, list) else ""
        table.add_row(meaning, f"[{colour}]{number}[/{colour}]", shown)
    console.print(table)
    return not any(fault and name in found for name, (_, fault) in FINDINGS.items())


async def show_costs(settings: Settings, console: Console, newest: int) -> None:
    """Print the newest runs with their bills, and the days. Raises StoreUnavailable, StoreRefused."""
    async with open_services(settings) as services:
        report = await services.costs.report(newest)
        dry = await Costs(services.shadow_rest).report(newest)
    _show_bills(console, report, "runs")
    _show_bills(console, dry, "dry runs")


def _show_bills(console: Console, report: JsonObject, what: str) -> None:
    runs = Table("started", "user", "status", "calls", "tokens in", "tokens out", "US$", title=f"Newest {what}")
    for run in _rows(report["runs"]):
        numbers = (str(run[name]) for name in ("calls", "input_tokens", "output_tokens"))
        runs.add_row(
            str(run["created_at"])[:16], str(run["user"]), str(run["status"]), *numbers, _money(run["dollars"])
        )
    days = Table("day (UTC)", what, "calls", "US$", title="Last 31 days")
    for day in _rows(report["days"]):
        days.add_row(str(day["day"]), str(day["runs"]), str(day["calls"]), _money(day["dollars"]))
    console.print(runs, days)
    summary = report["summary"]
    if isinstance(summary, dict):
        names = ("total_usd", "average_usd", "largest_usd")
        console.print(
            f"{summary['runs']} {what}: " + ", ".join(f"{name[:-4]} ${_money(summary[name])}" for name in names)
        )


async def show_rechunk(settings: Settings, console: Console, options: Options) -> int:
    """Chunk users anew with a bar, print what became of them; the exit code. Raises V2Error."""
    columns = (TextColumn("users"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("users", total=None)
        async with open_services(settings) as services:
            tally = await rechunk(
                services,
                options,
                lambda users: progress.update(task, total=users),
                lambda _: progress.advance(task),
            )
    table = Table(title="Rechunk (nothing was written)" if options.dry_run else "Rechunk", show_header=False)
    table.add_row("users", str(tally.users))
    table.add_row("would be chunked anew" if options.dry_run else "chunked anew", str(tally.done))
    table.add_row("chunks before, after", f"{tally.before}, {tally.after}")
    if not options.dry_run:
        table.add_row("embedded anew", str(tally.embedded))
    for name, counted in (("skipped", tally.skipped), ("failed", tally.failed)):
        for reason, users in counted.items():
            table.add_row(f"{name}: {reason.replace('_', ' ')}", str(users))
    for one in tally.problems:
        table.add_row(one.user_id, one.sentence or one.problem.replace("_", " "))
    console.print(table)
    return tally.exit_code


def _rows(value: JsonValue) -> list[JsonObject]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _money(value: JsonValue) -> str:
    return f"{dollars(value):.4f}"
