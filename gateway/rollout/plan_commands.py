"""`rollout plan ...` and `rollout guard`: options and help alone. Counterpart: `plan_actions`, which does the work.

The work is imported when a command runs: a rollback by hand must not wait for the guard's modules to load.
"""

from pathlib import Path
from typing import Annotated

import typer

from gateway.ops.change_commands import Why
from gateway.ops.session import AsJson, session

commands = typer.Typer()
plan = typer.Typer(no_args_is_help=True, help="A rollout as a file: check it, look at it, approve, hold, resume.")
commands.add_typer(plan, name="plan")

PlanPath = Annotated[Path | None, typer.Option("--plan", help="The plan's file. [env: ROLLOUT_PLAN] [rollout.toml]")]


@plan.command()
def check(
    path: Annotated[Path | None, typer.Argument(help="The plan's file.")] = None, as_json: AsJson = False
) -> None:
    """Check a plan; all problems are told at once."""
    from gateway.rollout import plan_actions

    plan_actions.check(path, as_json=as_json)


@plan.command()
def show(path: PlanPath = None) -> None:
    """Show steps and rules, with the error budget that each has."""
    from gateway.rollout import plan_actions

    plan_actions.show(path)


@plan.command()
def status(context: typer.Context, path: PlanPath = None, as_json: AsJson = False) -> None:
    """Show where the rollout stands, what the rules say, and what the guard did last."""
    from gateway.rollout import plan_actions

    plan_actions.status(session(context), path, as_json=as_json)


@plan.command()
def approve(context: typer.Context, path: PlanPath = None, why: Why = "", as_json: AsJson = False) -> None:
    """Agree to the next step, if it needs an approval."""
    from gateway.rollout import plan_actions

    plan_actions.approve(session(context), path, why, as_json=as_json)


@plan.command()
def hold(context: typer.Context, why: Why = "", as_json: AsJson = False) -> None:
    """Go no further up until `resume`; a bad guardrail still rolls back."""
    from gateway.rollout import plan_actions

    plan_actions.hold(session(context), why, as_json=as_json)


@plan.command()
def resume(context: typer.Context, why: Why = "", as_json: AsJson = False) -> None:
    """Go on: after a hold, a signal, an edit by hand, a new plan, or a rollback (then from the first step)."""
    from gateway.rollout import plan_actions

    plan_actions.resume(session(context), why, as_json=as_json)


@commands.command()
def guard(
    context: typer.Context,
    path: PlanPath = None,
    evidence: Annotated[
        str | None, typer.Option("--evidence", help="Ops API to read evidence from. [env: ROLLOUT_EVIDENCE]")
    ] = None,
    until_rest: Annotated[
        bool, typer.Option("--until-rest", help="End when only a person can go on: done, rolled back, aside.")
    ] = False,
    rehearse: Annotated[
        bool, typer.Option("--aa", help="Compare legacy with itself: the guard must stay quiet. Moves nothing.")
    ] = False,
) -> None:
    """Carry the plan out: watch both pipelines, go up on good evidence, go back on bad. Runs until stopped.

    Several may run; one acts, the others wait for it to end.

    With --aa nothing is moved: at 0 %, legacy's users whom the first step would take are compared with the others, by
    the same rules. It ends after the step's time (exit code 0), or when a rule fires (1): a false alarm.
    """
    from gateway.rollout import plan_actions

    if rehearse:
        plan_actions.rehearse(session(context), path, evidence)
    else:
        plan_actions.guard(session(context), path, evidence, until_rest=until_rest)
