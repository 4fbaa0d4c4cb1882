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

from bench.v2.results import PAGE, keep, recall

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


@app.command()
def memory(
    sizes: Annotated[str, typer.Option(help="Megabytes of the exports, one import of each.")] = "10,100,1000",
    at_once: Annotated[str, typer.Option(help="Imports x megabytes that run at once; empty for none.")] = "5x100",
    folder: Annotated[Path | None, typer.Option(help="Where exports are made and kept for the next time.")] = None,
) -> None:
    """Import large exports whole: memory, processor time, and how fast /health answers meanwhile."""
    from bench.v2.whole_imports import measure

    pairs = [pair.split("x") for pair in at_once.split(",") if pair]
    with tempfile.TemporaryDirectory(prefix="whole-imports-") as temporary:
        place = folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        wanted = [int(size) for size in sizes.split(",") if size]
        rows = measure(wanted, [(int(size), int(imports)) for imports, size in pairs], place, err)
    keep("memory", {"rows": rows})


@app.command()
def parsing(
    sizes: Annotated[str, typer.Option(help="Megabytes of the exports.")] = "10,100,1000",
) -> None:
    """Parse and chunk exports that are nearly all talk: milliseconds a megabyte, and peak memory."""
    from bench.v2.parsing import measure

    with tempfile.TemporaryDirectory(prefix="parsing-") as folder:
        rows = measure([int(size) for size in sizes.split(",")], Path(folder))
    keep("parsing", {"rows": rows})
    for row in rows:
        show(f"{row['megabytes']} MB", row)


@app.command()
def rate() -> None:
    """Import under a rate limit of the model: how much of the limit is used."""
    from bench.v2.rate import measure

    with tempfile.TemporaryDirectory(prefix="rate-") as folder:
        found = measure(Path(folder))
    keep("rate", found)
    show("rate", found)


@app.command()
def samples() -> None:
    """Import every real export that ships with the tests."""
    from bench.v2.samples import measure

    with tempfile.TemporaryDirectory(prefix="samples-") as folder:
        rows = measure(Path(folder))
    keep("samples", {"rows": rows})
    for row in rows:
        show(str(row["file"]), row)


@app.command()
def page() -> None:
    """Write bench/v2/RESULTS.md from what the benches found last; the sections of the others stay as they are."""
    from bench.v2.page import SECTIONS, render

    found = {name: what for name in SECTIONS if (what := recall(name)) is not None}
    PAGE.write_text(render(found, PAGE.read_text() if PAGE.exists() else ""))
    err.print(f"{PAGE.name}: {', '.join(found) or 'nothing has run'}")


if __name__ == "__main__":
    app()
