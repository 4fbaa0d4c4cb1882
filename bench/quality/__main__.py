"""`python -m bench.quality`: import exports with planted facts, and measure what came of them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.quality.export import Plan, write_export
from bench.quality.judge import Quality, judge, line_of
from bench.quality.trial import Bench, Imported, with_bench
from bench.v2.results import keep

SANDBOX = "the sandbox's extractor: fixed rules, no language model. Coverage, evidence, leaks, days and duplicates are \
the pipeline's own; recall and precision only say what those rules find"
app = typer.Typer(help="Quality of imports by planted facts.", add_completion=False)
err = Console(stderr=True)


def stability(runs: list[Imported]) -> float:
    """Facts that every run found, of all that any found (0 to 1)."""
    found = [{(str(fact["category"]), line_of(fact)) for fact in one.stored.facts} for one in runs]
    return len(set.intersection(*found)) / max(len(set.union(*found)), 1)


def report(quality: Quality, runs: list[Imported], model: str) -> dict[str, object]:
    """Everything found, as the page shows it."""
    first = runs[0].run
    return {
        "model": model,
        **asdict(quality),
        "run_to_run_stability": stability(runs),
        "runs": len(runs),
        "status": [str(one.run["status"]) for one in runs],
        "coverage_by_the_run": first["coverage"],
        "counts": first["counts"],
        "dropped": first["drops"],
        "cost": first["cost"],
        "seconds": [round(one.seconds, 1) for one in runs],
    }


@app.command()
def quality(
    conversations: Annotated[int, typer.Option(min=1, help="How many conversations.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed is another person.")] = 1,
    runs: Annotated[
        int, typer.Option(min=1, help="How often the same export is imported, each time for a new user.")
    ] = 2,
    concurrency: Annotated[int, typer.Option(min=1, max=50, help="Model calls at once.")] = 3,
    real: Annotated[
        bool, typer.Option("--real", help="Ask the real model with ANTHROPIC_API_KEY. This costs money: see --budget.")
    ] = False,
    budget: Annotated[float, typer.Option(min=0.01, help="With --real: dollars for each import at most.")] = 5.0,
) -> None:
    """Plant facts, import, and measure coverage, recall, precision, leaks, days, duplicates, stability and cost."""
    key = os.environ.get("ANTHROPIC_API_KEY") if real else None
    if real and not key:
        err.print("--real needs ANTHROPIC_API_KEY")
        raise typer.Exit(2)
    done: list[Imported] = []
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        export = Path(folder) / "conversations.json"
        truth = write_export(Plan(conversations, seed), export)

        def work(bench: Bench) -> None:
            for number in range(runs):
                err.print(f"import {number + 1} of {runs}: {export.stat().st_size / 1e6:.1f} MB")
                done.append(bench.trial(export))

        with_bench(Path(folder), key, budget, concurrency, work)
    first = done[0]
    found = report(
        judge(truth, first.sent.extracted, first.sent.everything, first.stored), done, "real" if real else SANDBOX
    )
    keep("quality-real" if real else "quality", {"conversations": conversations, "seed": seed, **found})
    table = Table("measure", "found", title=f"{conversations} conversations, seed {seed}")
    for name, value in found.items():
        table.add_row(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else str(value))
    Console().print(table)


if __name__ == "__main__":
    app()
