"""`rollout drill`: how long a rollback takes; `rollout drill guard`: whether the guard sees a broken v2."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.ops.reports import DrillReport
from gateway.ops.session import AsJson, Exit, Session, session, show, told
from gateway.ops.tables import drill_table

if TYPE_CHECKING:
    from gateway.ops.remote import RemoteControls

commands = typer.Typer()
drills = typer.Typer(invoke_without_command=True)
commands.add_typer(drills, name="drill")

Flag = Annotated[str | None, typer.Option("--flag", help="The flag to drill. [env: ROLLOUT_FLAG]")]


@drills.callback()
def rollback(
    context: typer.Context,
    flag: Flag = None,
    replicas: Annotated[
        list[str] | None,
        typer.Option("--replica", help="Ops API of another gateway with the same flags and token; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time a rollback without making one: how long until every worker has a change in force. Needs --ops.

    Other gateways that follow the same flags are waited for too, if they are named. `drill guard` breaks v2 in a
    sandbox and times how long the guard takes to see it.
    """
    if context.invoked_subcommand is not None:
        return
    opened = session(context)
    controls = _gateway(opened)
    name, who = flag or opened.settings.flag, opened.settings.who
    with told(as_json=as_json):
        if replicas:
            report = _drill_all(context, opened, controls, replicas, name)
        else:
            report = controls.drill(name, who=who, why="drill")
    show(report, [drill_table(report)], as_json=as_json)
    if not report.complete:
        raise typer.Exit(Exit.REFUSED)


def _drill_all(
    context: typer.Context, opened: Session, first: "RemoteControls", others: list[str], flag: str
) -> DrillReport:
    from gateway.ops.drill import drill
    from gateway.ops.remote import RemoteControls
    from gateway.ops.replicas import Replicas

    token = opened.settings.token.get_secret_value() if opened.settings.token else None
    gateways = [first, *(context.with_resource(RemoteControls(url, token)) for url in others)]
    return asyncio.run(drill(Replicas(gateways), first, flag, who=opened.settings.who, why="drill", same_clock=False))


@drills.command()
def guard(
    context: typer.Context,
    trouble: Annotated[
        list[str] | None,
        typer.Option("--trouble", help="errors, jobs or delay; may be given again. All of them if none."),
    ] = None,
    sandbox: Annotated[
        str, typer.Option("--sandbox", help="The sandbox behind the gateway.")
    ] = "http://127.0.0.1:54321",
    public: Annotated[str, typer.Option("--public", help="The gateway's public port.")] = "http://127.0.0.1:8080",
    folder: Annotated[Path, typer.Option("--into", help="Folder for the guard's reports.")] = Path(".state/drill"),
    pace: Annotated[float, typer.Option("--pace", min=0.5, max=20, help="Imports a second.")] = 1.0,
    flag: Flag = None,
    as_json: AsJson = False,
) -> None:
    """Break v2 in a sandbox three ways, and time how long the guard takes to roll back. Needs --ops, and `make run`.

    The flag goes to 1 %, so one bucket is v2's, and people of the drill's own import. Flag, faults and accounts are put
    back afterwards, also after Ctrl-C. Whatever is not wholly on a sandbox of this machine is refused.
    """
    from gateway.rollout import drill_actions

    opened = session(context)
    _gateway(opened)
    wish = drill_actions.Wish(flag or opened.settings.flag, tuple(trouble or ()), sandbox, public, folder, pace)
    drill_actions.guard_drill(opened, wish, as_json=as_json)


def _gateway(opened: Session) -> "RemoteControls":
    from gateway.ops.remote import RemoteControls  # the HTTP client, for who has a use for it

    if not isinstance(opened.controls, RemoteControls):
        typer.echo("Error: only a running gateway knows its workers: give its ops API with --ops", err=True)
        raise typer.Exit(Exit.USAGE)
    return opened.controls
