"""The command line `v2`: serve, import a file, chunk anew, check and audit, show costs, print the migrations."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from v2_service.errors import V2Error
from v2_service.settings import Settings, load_settings

app = typer.Typer(
    help="Banyan's new import service.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
out = Console()
err = Console(stderr=True)
MIGRATIONS = Path(__file__).parent / "migrations"
EXIT_BAD_SETTINGS = 2
EXIT_NOT_COMPLETE = 1


def _settings(**given: object) -> Settings:
    """Settings from the environment; options that were given win. Exits with all problems listed."""
    try:
        settings = load_settings()
    except V2Error as error:
        err.print("[red]The settings are not complete:[/red]")
        for line in error.sentence.splitlines():
            err.print(f"  {line}", markup=False)
        raise typer.Exit(EXIT_BAD_SETTINGS) from None
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any. Default: PORT, then 8002.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: V2_HOST, then 127.0.0.1.")] = None,
) -> None:
    """Serve the HTTP API and work on imports. Prints one line when ready; SIGTERM drains and stops."""
    from v2_service.serve import serve as run

    sys.exit(run(_settings(port=port, host=host)))


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="A ChatGPT export: .json, .json.gz or .zip")
    ],
    user: Annotated[str, typer.Option(help="The user's id (UUID); the account must exist.")],
    url: Annotated[str | None, typer.Option(help="A running service. Without it, this process does the work.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="V2_SERVICE_KEY", show_envvar=True, help="Service key, with --url.")
    ] = None,
) -> None:
    """Import an export for a user, with progress and a report. Exit code 1 unless the import is complete."""
    from v2_service.import_file import run_import

    settings = _settings()
    try:
        complete = asyncio.run(run_import(settings, file, user, url, out, key))
    except V2Error as error:
        err.print(f"[red]{error.sentence}[/red]")
        complete = False
    raise typer.Exit(0 if complete else EXIT_NOT_COMPLETE)


@app.command()
def check() -> None:
    """Check settings, modules, database and everybody else that imports need, and name every problem at once.

    Nothing is paid for and nothing is written. Exit code 2 when settings are wrong, 1 when something else is.
    """
    from v2_service.check import everything_wrong

    try:
        settings, wrong = load_settings(), []
    except V2Error as error:
        settings, wrong = None, error.sentence.splitlines()
    found = asyncio.run(everything_wrong(settings))
    for line in (*wrong, *found):
        err.print("[red]✗[/red]", line, markup=True, highlight=False)
    if wrong or found:
        raise typer.Exit(EXIT_BAD_SETTINGS if wrong else EXIT_NOT_COMPLETE)
    out.print("settings, modules, database, storage, models and addresses are in order")


@app.command()
def costs(
    newest: Annotated[int, typer.Option(min=1, max=500, help="How many runs to show.")] = 20,
) -> None:
    """What imports cost, in tokens and dollars: the newest runs, failures included, and the days."""
    from v2_service.reports import show_costs

    try:
        asyncio.run(show_costs(_settings(), out, newest))
    except V2Error as error:
        err.print(f"[red]{error.sentence}[/red]")
        raise typer.Exit(EXIT_NOT_COMPLETE) from None


@app.command()
def audit() -> None:
    """Check that chunks, embeddings, profiles and runs agree. Reads every chunk; exit code 1 when something is off."""
    from v2_service.reports import show_audit

    try:
        sound = asyncio.run(show_audit(_settings(), out))
    except V2Error as error:
        err.print(f"[red]{error.sentence}[/red]")
        sound = False
    raise typer.Exit(0 if sound else EXIT_NOT_COMPLETE)


@app.command()
def rechunk(
    user: Annotated[str | None, typer.Option(help="One user's id (UUID), whatever the version.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All users whose chunks are older.")] = False,
    older_than: Annotated[
        int | None,
        typer.Option(min=1, help="Only chunks of an older chunking version; the monolith's count as 0. Default: ours."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Read the exports, count the chunks, and write nothing.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many users.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=20, help="Users at once.")] = 2,
) -> None:
    """Chunk users anew from their stored exports. May be interrupted and repeated at any time.

    Chat and search go on: the new chunks replace the old ones in one moment. No language model is asked, and only texts
    that changed are embedded. Exit code 0: all that can be done is done; 1: something failed; 3: an import was in the
    way of some users, so run it again.
    """
    from v2_service.rechunk import Options
    from v2_service.reports import show_rechunk

    if (user is None) is not everyone:
        raise typer.BadParameter("give either --user or --all")
    options = Options(user, older_than, dry_run, limit, concurrency)
    try:
        code = asyncio.run(show_rechunk(_settings(), out, options))
    except V2Error as error:
        err.print(f"[red]{error.sentence}[/red]")
        code = EXIT_NOT_COMPLETE
    raise typer.Exit(code)


@app.command()
def migrate(
    show: Annotated[bool, typer.Option("--print", help="Print the SQL; pipe it into psql or the SQL editor.")] = False,
) -> None:
    """The database migrations, in order. They may be applied again at any time."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    if not show:
        out.print("\n".join(path.name for path in files))
        return
    for path in files:
        sys.stdout.write(f"-- {path.name}\n{path.read_text()}\n")


def main() -> None:
    """Console script `v2`."""
    # Checkpoints and exports on disk are people's text: nobody else on the machine may read them.
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
