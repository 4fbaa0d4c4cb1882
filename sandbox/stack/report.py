"""What a person sees of the imports: bars while they run, one table when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox.stack.imports import Import

STYLES = {"complete": "green", "degraded": "yellow", "failed": "red"}


class LiveProgress:
    """One bar over all imports, with what each backend is doing beside it."""

    def __init__(self, console: Console, total: int) -> None:
        self._progress = Progress(
            TextColumn("importing"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[doing]}"),
            console=console,
        )
        self._task: TaskID = self._progress.add_task("imports", total=total, doing="")

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def changed(self, imports: Sequence[Import]) -> None:
        """Show the latest look at all imports."""
        running = [item for item in imports if item.job_id and not item.ended]
        doing = "  ".join(f"{item.backend}:{item.step or item.status} {item.progress}%" for item in running[:4])
        more = f"  +{len(running) - 4} more" if len(running) > 4 else ""
        self._progress.update(self._task, completed=sum(item.ended for item in imports), doing=doing + more)


def table(imports: Sequence[Import]) -> Table:
    """One row per user: who, which bucket, which backend, what came of it."""
    sheet = Table(title="Imports through the gateway", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("user", "export", "bucket", "backend"):
        sheet.add_column(heading)
    for heading in ("chunks", "facts", "seconds"):
        sheet.add_column(heading, justify="right")
    sheet.add_column("status")
    for item in imports:
        style = STYLES.get(item.status, "")
        sheet.add_row(
            item.seed.user_id[:8],
            Path(item.seed.export).stem,
            "-" if item.bucket is None else str(item.bucket),
            item.backend,
            str(item.chunks),
            "-" if item.facts is None else str(item.facts),
            "-" if item.seconds is None else f"{item.seconds:.1f}",
            f"[{style}]{item.status}[/] {item.reason}" if style else item.status,
        )
    return sheet


def summary(imports: Sequence[Import]) -> str:
    """One sentence: how many completed, and on which backends."""
    complete = [item for item in imports if item.status == "complete"]
    sides = {backend: sum(item.backend == backend for item in complete) for backend in ("legacy", "v2")}
    return f"{len(complete)} of {len(imports)} imports complete: {sides['legacy']} on legacy, {sides['v2']} on v2"
