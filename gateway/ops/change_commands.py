"""`rollout` commands that change something: set, kill, revive. Counterpart: `gateway.ops.controls`, which does it."""

from typing import Annotated

import typer

from gateway.ops.reports import ChangeReport
from gateway.ops.session import AsJson, Exit, session, show, told
from gateway.ops.tables import change_text

commands = typer.Typer()

Why = Annotated[str, typer.Option("--why", help="Why; goes into the journal.")]


@commands.command("set")
def set_percentage(
    context: typer.Context,
    flag: Annotated[str, typer.Argument(help="The flag's name.")],
    percent: Annotated[int, typer.Argument(help="Share of users on v2, 0 to 100.")],
    why: Why = "",
    expect: Annotated[
        int | None, typer.Option("--expect", help="Only if the flags are still at this generation (see status).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set a flag's percentage. 0 is the rollback, 100 is everybody."""
    opened = session(context)
    with told(as_json=as_json):
        report = opened.controls.set_percentage(
            flag, percent, who=opened.settings.who, why=why, expected_generation=expect
        )
    _finish(report, as_json=as_json)


@commands.command()
def kill(context: typer.Context, why: Why = "", as_json: AsJson = False) -> None:
    """Send everybody to legacy at once, whatever the flags say, until `revive`."""
    opened = session(context)
    with told(as_json=as_json):
        report = opened.controls.kill(who=opened.settings.who, why=why)
    _finish(report, as_json=as_json)


@commands.command()
def revive(context: typer.Context, why: Why = "", as_json: AsJson = False) -> None:
    """End the kill: the flags decide again."""
    opened = session(context)
    with told(as_json=as_json):
        report = opened.controls.revive(who=opened.settings.who, why=why)
    _finish(report, as_json=as_json)


def _finish(report: ChangeReport, *, as_json: bool) -> None:
    show(report, [change_text(report)], as_json=as_json)
    if report.journal_error:
        raise typer.Exit(Exit.NOT_JOURNALLED)
