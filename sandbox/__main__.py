"""The `sandbox` command."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from sandbox.environment import variables
from sandbox.errors import SandboxError
from sandbox.keys import Keys
from sandbox.settings import URI_FILE, SandboxSettings

app = typer.Typer(
    help="Other people's services on this machine: Supabase, Anthropic, Bedrock, and the web app's callback.",
    no_args_is_help=True,
    add_completion=False,
)

Host = Annotated[str | None, typer.Option(help="Address to listen on (SANDBOX_HOST).", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(help="Port; 0 takes any free one (SANDBOX_PORT).", show_default="54321")]
Data = Annotated[
    Path | None, typer.Option(help="Folder for rows and objects (SANDBOX_DATA).", show_default=".state/sandbox")
]
Migrations = Annotated[
    Path | None, typer.Option(help="Folder of .sql files to apply at start (SANDBOX_MIGRATIONS).", show_default=False)
]


@app.command("serve")
def serve_command(host: Host = None, port: Port = None, data: Data = None, migrations: Migrations = None) -> None:
    """Start everything; prints one line when ready. Ctrl-C stops it cleanly."""
    # Imported here because the whole server takes a second to load, which the other verbs need not wait for.
    from sandbox.serve import serve

    settings = _settings(host=host, port=port, data=data, migrations=migrations)
    try:
        serve(settings, lambda line: print(line, flush=True))
    except (SandboxError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        print("sandbox stopped", file=sys.stderr)


@app.command()
def env(
    host: Host = None,
    port: Port = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of export lines.")] = False,
) -> None:
    """Print the variables that point a service at the sandbox: eval "$(sandbox env)"."""
    settings = _settings(host=host, port=port)
    values = variables(f"http://{settings.host}:{settings.port}", Keys.of(settings.jwt_secret))
    if as_json:
        print(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


@app.command("sql")
def sql_command(data: Data = None) -> None:
    """Print the connection URI of the running sandbox's database: psql "$(sandbox sql)"."""
    note = _settings(data=data).data / URI_FILE
    if not note.exists():
        print(f"sandbox: nothing is running on {note.parent}", file=sys.stderr)
        raise typer.Exit(1)
    print(note.read_text())


def _settings(**options: object) -> SandboxSettings:
    """Options over environment over defaults; every problem is told at once."""
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return SandboxSettings.model_validate({**SandboxSettings().model_dump(), **given})
    except ValidationError as error:
        for problem in error.errors():
            print(f"sandbox: {'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)
        raise typer.Exit(2) from error


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
