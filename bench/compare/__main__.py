"""`python -m bench.compare`: both pipelines over every example export, and the page that shows what differs."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.compare.imports import House, Imported, import_export, running
from bench.compare.page import PAGE, page
from bench.machine import find_setting
from gateway.observe.results import MAX_PAIRS, Import, compare_pairs, compare_two
from gateway.observe.side_by_side import Report
from gateway.observe.supabase import SupabaseReader
from gateway.ops.compare_report import plain

EXPORTS = Path(__file__).parents[2] / "tests" / "data" / "exports"
PER_SECOND = 200.0
err = Console(stderr=True)


def main(
    exports: Annotated[Path, typer.Option(help="Folder of exports.")] = EXPORTS,
    users: Annotated[int, typer.Option(min=2, max=5, help="Imports of each by legacy.")] = 3,
    out: Annotated[Path, typer.Option(help="The page.")] = PAGE,
    report_json: Annotated[Path | None, typer.Option("--report", help="The same as JSON, for `--noise`.")] = None,
) -> None:
    """Import, try, compare, and write the page."""
    with tempfile.TemporaryDirectory(prefix="compare-") as folder, running(Path(folder)) as house:
        found = []
        for path in sorted(exports.glob("*.*")):
            err.print(path.name)
            found.append(import_export(house, path, users))
        report = asyncio.run(compared(house, found))
    out.write_text(page(report, users, find_setting([])), encoding="utf-8")
    if report_json is not None:
        report_json.write_text(json.dumps(plain(report), indent=2), encoding="utf-8")
    err.print(f"{len(report.observations)} pairs, {report.comparisons.repeated} repeats; wrote {out}")


async def compared(house: House, found: list[Imported]) -> Report:
    """All pairs as `rollout compare` finds them, and all pairs of legacy's own imports."""
    report = Report()
    reader = SupabaseReader(house.url, house.key, per_second=PER_SECOND)
    try:
        await compare_pairs(reader, report, 0.0, user=None, limit=MAX_PAIRS)
        for one in found:
            for (first, job), (second, again) in combinations(one.controls, 2):
                report.repeat(await compare_two(reader, one.name, Import(first, job), Import(second, again)))
    finally:
        await reader.close()
    names = {one.run_id: one.name for one in found}
    report.observations = [replace(one, name=names[one.name]) for one in report.observations]
    return report


if __name__ == "__main__":
    typer.run(main)
