"""`v2 costs` and `v2 audit`: what the database tells operators, as tables (`migrations/0008_reports.sql`)."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from v2_service.adapters.costs import dollars
from v2_service.contract import JsonObject, JsonValue
from v2_service.errors import StoreRefused
from v2_service.jobs.services import open_services
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
    "tiers_missing": ("users whose chunks are not in all three tiers", False),
    "many_chunks_per_conversation": ("conversations of more than ten medium chunks", False),
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
    runs = Table("started", "user", "status", "calls", "tokens in", "tokens out", "US$", title="Newest runs")
    for run in _rows(report["runs"]):
        numbers = (str(run[name]) for name in ("calls", "input_tokens", "output_tokens"))
        runs.add_row(
            str(run["created_at"])[:16], str(run["user"]), str(run["status"]), *numbers, _money(run["dollars"])
        )
    days = Table("day (UTC)", "runs", "calls", "US$", title="Last 31 days")
    for day in _rows(report["days"]):
        days.add_row(str(day["day"]), str(day["runs"]), str(day["calls"]), _money(day["dollars"]))
    console.print(runs, days)
    summary = report["summary"]
    if isinstance(summary, dict):
        names = ("total_usd", "average_usd", "largest_usd")
        console.print(
            f"{summary['runs']} runs: " + ", ".join(f"{name[:-4]} ${_money(summary[name])}" for name in names)
        )


def _rows(value: JsonValue) -> list[JsonObject]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _money(value: JsonValue) -> str:
    return f"{dollars(value):.4f}"
