"""`python -m bench.v2`: campaigns and measurements of the import service, and the page that shows them."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench.v2.results import keep

app = typer.Typer(help="Benches of the import service.", no_args_is_help=True, add_completion=False)
err = Console(stderr=True)


@app.callback()
def benches() -> None:
    """Each command keeps what it found; `page` writes the page from it."""


def show(title: str, found: dict[str, object]) -> None:
    """A report on the terminal."""
    table = Table("what", "seen", title=title)
    for name, value in found.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


@app.command()
def kills(
    kills: Annotated[int, typer.Option(min=1, help="How often the service is killed.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the moments.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.1, help="No more kills after so long.")] = 60.0,
) -> None:
    """Kill the service again and again in imports, and compare each with an import that nobody disturbed."""
    from bench.v2.kill_campaign import campaign

    with tempfile.TemporaryDirectory(prefix="kill-campaign-") as folder:
        report = campaign(kills, seed, minutes, Path(folder), err)
    keep("kills", {"seed": seed, "holds": report.holds, **asdict(report)})
    show(f"{report.kills} kills, seed {seed}: {'all holds' if report.holds else 'BROKEN'}", asdict(report))
    sys.exit(0 if report.holds else 1)


if __name__ == "__main__":
    app()
