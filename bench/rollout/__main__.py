"""`python -m bench.rollout`: a plan in fast time on the running stack, up by itself and back from a broken v2."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from bench.places import BENCH, BUILD
from bench.rollout.run import Told, tell
from bench.rollout.stories import STORIES, Story
from bench.v2.results import keep, recall

PAGE = BENCH / "rollout" / "RESULTS.md"
REPORTS = BENCH / "rollout" / "reports"
FOUND = BUILD / "rollout"

app = typer.Typer(help=__doc__, add_completion=False)
err = Console(stderr=True)


@app.callback(invoke_without_command=True)
def rollout(
    context: typer.Context,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this story: {', '.join(one.name for one in STORIES)}. May be given again."),
    ] = None,
    state: Annotated[Path, typer.Option(help="Folder for databases, flags and logs.")] = FOUND / "state",
) -> None:
    """Run the stories (about 45 minutes, two processors) and write bench/rollout/RESULTS.md.

    Exit code 1 if a story did not end as it must, or if a single request or import was lost.
    """
    if context.invoked_subcommand is not None:
        return
    names = [one.name for one in STORIES]
    unknown = [name for name in only or [] if name not in names]
    if unknown:
        raise typer.BadParameter(f"there is no story {', '.join(unknown)}; there are {', '.join(names)}")
    signal.signal(signal.SIGTERM, _stop)
    told = [_run(story, state / story.name) for story in STORIES if story.name in (only or names)]
    page()
    for one in told:
        Console().print_json(json.dumps(asdict(one)))
    sys.exit(0 if all(one.holds for one in told) else 1)


def _stop(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C: the stack of the running story is stopped in order."""
    raise KeyboardInterrupt


def _run(story: Story, state: Path) -> Told:
    told = tell(story, state, REPORTS / story.name, lambda line: err.print(line, highlight=False, soft_wrap=True))
    keep(story.name, asdict(told), FOUND)
    err.print(f"{story.name}: {'holds' if told.holds else 'BROKEN'} after {told.minutes} min")
    return told


@app.command()
def page() -> None:
    """Write the page from what the stories found last."""
    from bench.rollout.page import render

    found = {story.name: what for story in STORIES if (what := recall(story.name, FOUND)) is not None}
    PAGE.write_text(render(found))
    err.print(f"{PAGE.name}: {', '.join(found) or 'nothing has run'}")


if __name__ == "__main__":
    app()
