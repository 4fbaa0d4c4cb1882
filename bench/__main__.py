"""The command line of the benchmarks: `python -m bench`."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table as RichTable

from bench.errors import BenchError
from bench.install import install_all
from bench.load.connections import allow_many_files
from bench.machine import find_setting
from bench.page import render
from bench.places import BUILD, NOTES, RESULTS_JSON, RESULTS_PAGE
from bench.results import Results
from bench.session import Plan, Session, make_plan
from bench.tables import Table, failure_table, peer_tables, target_table

app = typer.Typer(add_completion=False)
words = Console(stderr=True, highlight=False)

Only = Annotated[list[str] | None, typer.Option(metavar="NAME", help="A proxy or a scenario; may be repeated.")]
Rounds = Annotated[int, typer.Option(min=1, max=50, help="Rounds; the published page needs five.")]
Seconds = Annotated[float, typer.Option(min=1, max=60, help="Seconds of load for each measurement.")]
Quick = Annotated[bool, typer.Option("--quick", help="Two rounds of one second.")]
Long = Annotated[bool, typer.Option("--long", help="Also a million requests and ten thousand lost clients.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the results as JSON instead of tables.")]
Add = Annotated[bool, typer.Option("--add", help="Keep what build/bench/results.json has of everything else.")]
From = Annotated[Path | None, typer.Option("--from", help="Measure nothing: show, and publish, a saved results.json.")]


@app.command()
def main(
    only: Only = None,
    rounds: Rounds = 5,
    seconds: Seconds = 2.0,
    quick: Quick = False,
    long: Long = False,
    as_json: AsJson = False,
    add: Add = False,
    saved: From = None,
) -> None:
    """Measure the gateway beside other proxies, all on loopback.

    Results go to build/bench/results.json; a run of everything with five rounds or more also writes bench/RESULTS.md.
    """
    try:
        if saved is not None:
            document = load(saved)
        else:
            plan = make_plan(only or (), 2 if quick else rounds, 1.0 if quick else seconds, long)
            older = load(RESULTS_JSON) if add else None
            document = measure(plan)
            if older is not None:
                results = results_of(older).replaced_by(results_of(document))
                document = older | {"results": results.to_json()}
            BUILD.mkdir(parents=True, exist_ok=True)
            RESULTS_JSON.write_text(json.dumps(document, indent=1))
        show(document, as_json)
    except BenchError as error:
        words.print(f"[red]{error}[/red]", soft_wrap=True)
        raise typer.Exit(2) from None


def measure(plan: Plan) -> dict[str, object]:
    """Run the plan. Returns everything that is worth keeping, as plain data. Raises BenchError."""
    signal.signal(signal.SIGTERM, _leave)
    allow_many_files()
    install_all(lambda text: words.print(f"[yellow]{text}[/yellow]", soft_wrap=True))
    setting = find_setting(plan.peers)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    # Refreshed by hand: a thread that draws would take processor time from what is measured.
    with Progress(*columns, console=words, auto_refresh=False) as bar:
        task = bar.add_task("starting", total=plan.steps())

        def report(text: str) -> None:
            bar.update(task, advance=1, description=text, refresh=words.is_terminal)
            if not words.is_terminal:
                words.print(text)

        session = Session(plan, report)
        results = session.run()
    for name, reason in session.absent.items():
        words.print(f"[bold red]LEFT OUT: {name}[/bold red]: {reason}", soft_wrap=True)
    setting = replace(setting, load_after=os.getloadavg()[0])
    details = setting.to_json() | {"seconds": plan.seconds}
    return {"setting": details, "complete": plan.complete, "absent": session.absent, "results": results.to_json()}


def _leave(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the run as an exception, so that every child is stopped."""
    raise SystemExit(128 + number)


def load(path: Path) -> dict[str, object]:
    """A saved run. Raises BenchError if there is none."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: {error}") from None
    if not isinstance(document, dict):
        raise BenchError(f"{path} is not a saved result")
    return document


def results_of(document: dict[str, object]) -> Results:
    """The results of a saved run. Raises BenchError if the document is none."""
    try:
        return Results.from_json(document["results"])  # type: ignore[arg-type]  # checked by from_json itself
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(f"not a saved result: {error}") from None


def show(document: dict[str, object], as_json: bool) -> None:
    """Print a run; publish it if it is complete. Raises BenchError if the document is none of ours."""
    results, setting, absent = results_of(document), document.get("setting"), document.get("absent")
    if not (isinstance(setting, dict) and isinstance(absent, dict)):
        raise BenchError("not a saved result")
    if as_json:
        json.dump(document, sys.stdout, indent=1)
    else:
        screen = Console() if sys.stdout.isatty() else Console(width=150)
        for table in [*peer_tables(results), failure_table(results), target_table(results)]:
            if table.rows:
                screen.print(_rich(table))
    if document.get("complete"):
        RESULTS_PAGE.write_text(render(results, setting, absent, NOTES.read_text()))
        words.print(f"wrote bench/{RESULTS_PAGE.name}")


def _rich(table: Table) -> RichTable:
    drawn = RichTable(title=table.title, title_justify="left")
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


if __name__ == "__main__":
    app()
