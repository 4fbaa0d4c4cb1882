"""`rollout` commands that change something. Counterpart: `gateway.ops.controls`."""

from typing import Annotated

import typer

from gateway.core.stages import Stage
from gateway.ops.reports import ChangeReport
from gateway.ops.rollback import Mode
from gateway.ops.session import AsJson, Exit, flag_names, session, show, told
from gateway.ops.tables import change_text, rollback_table

commands = typer.Typer()

Why = Annotated[str, typer.Option("--why", help="Why; goes into the journal.")]


@commands.command("set")
def set_percentage(
    context: typer.Context,
    flag: Annotated[str, typer.Argument(help="The flag's name.", autocompletion=flag_names)],
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
def stage(
    context: typer.Context,
    to: Annotated[Stage, typer.Argument(help="The new stage.", metavar="STAGE")],
    why: Why = "",
    flag: Annotated[str | None, typer.Option("--flag", help="The flag to move. [env: ROLLOUT_FLAG]")] = None,
    as_json: AsJson = False,
) -> None:
    """Move a flag to another stage: off, shadow, ramp, reverse-shadow, complete.

    One step forward or back, or off from everywhere; reverse-shadow and complete begin at 100 %. In off and shadow
    nobody is served by v2; in the others the percentage decides. A flag without a stage is as in ramp.
    """
    opened = session(context)
    with told(as_json=as_json):
        report = opened.controls.set_stage(flag or opened.settings.flag, to, who=opened.settings.who, why=why)
    _finish(report, as_json=as_json)


@commands.command()
def rollback(
    context: typer.Context,
    why: Why = "",
    hard: Annotated[
        bool,
        typer.Option("--hard/--drain", help="Cancel running v2 jobs, or let them end with their users kept on v2."),
    ] = False,
    hand_back: Annotated[
        bool, typer.Option("--hand-back", help="Have v2 give each running job to legacy instead, once.")
    ] = False,
    flag: Annotated[str | None, typer.Option("--flag", help="The flag to roll back. [env: ROLLOUT_FLAG]")] = None,
    as_json: AsJson = False,
) -> None:
    """Set the flag to 0; if that cannot be done (broken file, no Unleash), engage the kill instead.

    New imports go to legacy at once. Then the jobs that run on v2: they drain (the default), are cancelled (--hard) or
    handed back to legacy (--hand-back); --hard keeps no user on v2 meanwhile. On a flag file v2's address is needed for
    this: GATEWAY_V2, and GATEWAY_V2_KEY if v2 asks for one.
    """
    opened = session(context)
    name, who = flag or opened.settings.flag, opened.settings.who
    with told(as_json=as_json):
        mode = Mode.HARD if hard else Mode.DRAIN
        report = opened.controls.rollback(name, mode, hand_back=hand_back, who=who, why=why)
    show(report, [change_text(report), rollback_table(report)], as_json=as_json)
    if not report.complete:
        raise typer.Exit(Exit.INCOMPLETE)
    if report.journal_error:
        raise typer.Exit(Exit.NOT_JOURNALLED)


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
