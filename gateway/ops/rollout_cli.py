"""The `rollout` command line: one flag up, down, and back. Counterparts: flag file, Unleash, ops API."""

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import SecretStr, ValidationError

from flags.opening import unleash_copy
from flags.unleash_source import UnleashOptions
from flags.unleash_store import UnleashAdmin
from gateway.ops import change_commands, compare_commands, drill_commands, question_commands
from gateway.ops.controls import Controls, FileControls
from gateway.ops.jobs import V2Jobs
from gateway.ops.origin import UnleashOrigin
from gateway.ops.session import Exit, Session
from gateway.ops.settings import RolloutSettings
from gateway.proxy.address import client_tls, parse_upstream
from gateway.proxy.question import Questions
from gateway.rollout import plan_commands

EPILOG = """Exit codes: 0 done; 1 refused, nothing was changed; 2 wrong usage; 3 the flags cannot be read or the ops API
cannot be reached; 4 somebody else changed the flags first; 5 done, but not in the journal; 6 rolled back, but
not all jobs could be ended as asked."""

app = typer.Typer(no_args_is_help=True, epilog=EPILOG, rich_markup_mode=None)
app.add_typer(question_commands.commands)
app.add_typer(change_commands.commands)
app.add_typer(compare_commands.commands)
app.add_typer(drill_commands.commands)
app.add_typer(plan_commands.commands)


def _described(name: str) -> str:
    return f"{RolloutSettings.model_fields[name].description}. [env: ROLLOUT_{name.upper()}]"


@app.callback()
def rollout(
    context: typer.Context,
    flags: Annotated[Path | None, typer.Option("--flags", help=_described("flags"))] = None,
    ops: Annotated[str | None, typer.Option("--ops", help=_described("ops"))] = None,
    token: Annotated[str | None, typer.Option("--token", help=_described("token"))] = None,
    who: Annotated[str | None, typer.Option("--who", help=_described("who"))] = None,
) -> None:
    """Move users to v2 and back: one flag, in a file, in Unleash (UNLEASH_URL), or behind a gateway's ops API."""
    given = {"flags": flags, "ops": ops, "token": token, "who": who}
    if flags is not None and ops is not None:
        _refuse(["give either --flags or --ops, not both"])
    try:
        settings = _settings({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        _refuse([f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()])
    jobs = _jobs(settings)
    controls = _controls(context, settings, jobs, file_asked_for=flags is not None)
    context.obj = Session(settings, controls, jobs, ops_named=ops is not None)


def _controls(
    context: typer.Context, settings: RolloutSettings, jobs: V2Jobs | None, *, file_asked_for: bool
) -> Controls:
    if file_asked_for:
        return FileControls(settings.flags, jobs=jobs)
    if settings.ops is not None:
        # httpx is most of the start-up time, and a rollback on the file has no use for it.
        from gateway.ops.remote import RemoteControls

        return context.with_resource(RemoteControls(str(settings.ops), _open(settings.token)))
    if settings.unleash_url is not None:
        options = UnleashOptions(str(settings.unleash_url), _open(settings.unleash_token) or "")
        secret, place = _open(settings.unleash_admin_token), (settings.unleash_project, settings.unleash_environment)
        admin = UnleashAdmin(secret, *place) if secret else None
        origin = UnleashOrigin(options, unleash_copy(settings.flags), admin)
        return FileControls(settings.flags, origin, jobs)
    return FileControls(settings.flags, jobs=jobs)


def _jobs(settings: RolloutSettings) -> V2Jobs | None:
    if settings.v2 is None:
        return None
    address = parse_upstream(settings.v2)
    tls = client_tls(settings.ca_file) if address.tls else None
    questions = Questions(address, tls, _open(settings.v2_key) or "")
    return V2Jobs(lambda: questions)


def _open(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _settings(given: dict[str, Any]) -> RolloutSettings:  # Any: option values of several types, checked by the class
    return RolloutSettings(**given)


def _refuse(problems: list[str]) -> NoReturn:
    for problem in problems:
        typer.echo(f"Error: {problem}", err=True)
    raise typer.Exit(Exit.USAGE)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
