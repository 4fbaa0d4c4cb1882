"""The command line: `gateway serve`, `gateway check`, `gateway version`. Flags are changed with `rollout`."""

import os
import socket
import sys
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from flags.file_source import FileSource
from gateway.config import GatewayConfig
from gateway.core.routes import parse_routes
from gateway.listeners import default_workers, listen_on
from gateway.proxy.address import parse_listen
from gateway.settings import GatewaySettings, InvalidSettingsError, read_routes, read_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    help="A strangler-fig gateway: all traffic to the monolith, flagged users to its successor.",
)
errors = Console(stderr=True, highlight=False)

Listen = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Public address; port 0 takes a free one.")]
Ops = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Address of metrics and ops API.")]
Legacy = Annotated[str | None, typer.Option(metavar="URL", help="The monolith.")]
V2 = Annotated[str | None, typer.Option("--v2", metavar="URL", help="The new service.")]
Flags = Annotated[Path | None, typer.Option(metavar="PATH", help="Flag file, followed while it changes.")]
Routes = Annotated[Path | None, typer.Option(metavar="PATH", help="Route table; the shipped one if not given.")]
Workers = Annotated[int | None, typer.Option(metavar="N", help="Proxy processes; 0 means one per processor.")]
EnvFile = Annotated[Path | None, typer.Option(metavar="PATH", help="File of GATEWAY_* variables.")]
AccessLog = Annotated[bool | None, typer.Option("--access-log/--no-access-log", help="One line per request on stderr.")]


def _settings(**options: object) -> GatewaySettings:
    """Settings from options and environment; every problem is printed, then the process ends with code 2."""
    try:
        return read_settings(**options)
    except InvalidSettingsError as invalid:
        for sentence in invalid.problems:
            name, _, text = sentence.partition(": ")
            errors.print(f"[red]{name}[/red]: {text}", soft_wrap=True)
        raise typer.Exit(2) from None


@app.command()
def serve(
    listen: Listen = None,
    ops: Ops = None,
    legacy: Legacy = None,
    v2: V2 = None,
    flags: Flags = None,
    routes: Routes = None,
    workers: Workers = None,
    access_log: AccessLog = None,
    env_file: EnvFile = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C. Every option is also a variable: GATEWAY_LISTEN, GATEWAY_OPS, GATEWAY_LEGACY ...

    Prints one line when it is ready. SIGHUP reads settings and route table again. Exit codes: 0 all requests were
    finished, 1 some were cut off at the end, 2 wrong settings, 3 an address is taken or a worker does not start.
    """
    options: dict[str, object] = {
        "listen": listen,
        "ops": ops,
        "legacy": legacy,
        "v2": v2,
        "flags": flags,
        "routes": routes,
    }
    options |= {"workers": workers, "access_log": access_log, "env_file": env_file}
    settings = _settings(**options)
    try:
        listeners = listen_on(parse_listen(settings.listen), settings.workers or default_workers())
        (ops_socket,) = listen_on(parse_listen(settings.ops), 1)
    except OSError as error:
        errors.print(f"[red]cannot listen[/red] on {settings.listen} or {settings.ops}: {error.strerror}")
        raise typer.Exit(3) from None
    _become_supervisor(settings.config(options), [ops_socket, *listeners])


def _become_supervisor(config: GatewayConfig, sockets: list[socket.socket]) -> NoReturn:
    """Go on as `gateway.app` in this same process. The config holds secrets, so it goes through memory."""
    file = os.memfd_create("gateway-config", 0)
    os.write(file, config.to_json().encode())
    os.lseek(file, 0, os.SEEK_SET)
    for one in sockets:
        one.set_inheritable(True)
    numbers = [str(file), *(str(one.fileno()) for one in sockets)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gateway.app", *numbers])  # noqa: S606 -- ourselves, no shell


@app.command()
def check(
    listen: Listen = None,
    ops: Ops = None,
    legacy: Legacy = None,
    v2: V2 = None,
    flags: Flags = None,
    routes: Routes = None,
    workers: Workers = None,
    env_file: EnvFile = None,
) -> None:
    """Check settings, route table and flag file; exit code 2 if anything is wrong, and all of it is printed."""
    settings = _settings(
        listen=listen, ops=ops, legacy=legacy, v2=v2, flags=flags, routes=routes, workers=workers, env_file=env_file
    )
    table = parse_routes(read_routes(settings.routes))
    source = FileSource(settings.flags, engine=None)
    source.poll()
    problems = [source.error] if source.error else []
    known = set() if source.snapshot is None else set(source.snapshot.features)
    problems += [
        f"route '{route.name}' asks for the flag '{route.flag}', which {settings.flags} does not have"
        for route in table.routes
        if route.flag and known and route.flag not in known
    ]
    for problem in problems:
        errors.print(f"[red]flags[/red]: {problem}", soft_wrap=True)
    if problems:
        raise typer.Exit(2)
    print(f"ok: {len(table.routes)} routes, legacy {settings.legacy}, v2 {settings.v2}, flags {settings.flags}")


@app.command()
def version() -> None:
    """Print the version."""
    print(package_version("banyan-gateway"))


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
