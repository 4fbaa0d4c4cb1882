"""The running gateway: supervisor process, ops listener, fleet of proxy workers, wired from GatewaySettings."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

import uvicorn

from gateway.core.routes import RouteTableError, parse_routes
from gateway.fleet import Fleet, default_workers, listen_on
from gateway.ops.access import OpsAccess
from gateway.ops.api import create_ops_app
from gateway.ops.controls import FileControls
from gateway.proxy.address import Address, parse_listen
from gateway.settings import GatewaySettings, read_routes


class _OpsServer(uvicorn.Server):
    """uvicorn without its signal handlers: the supervisor decides in which order things stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _url(address: Address, port: int) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{port}"


async def serve(settings: GatewaySettings, announce: Callable[[str], None]) -> int:
    """Run until SIGTERM or SIGINT; the exit code is 1 if a request had to be cut off.

    Raises OSError if an address cannot be had, TimeoutError if the workers do not start.
    """
    public, ops = parse_listen(settings.listen), parse_listen(settings.ops)
    listeners = listen_on(public, settings.workers or default_workers())
    try:
        ops_socket = listen_on(ops, 1)[0]
    except OSError:
        for one in listeners:
            one.close()
        raise
    fleet = Fleet(settings.worker_config(), listeners)
    token = settings.ops_token.get_secret_value() if settings.ops_token else None
    app = create_ops_app(fleet, FileControls(settings.flags.absolute()), OpsAccess(host=ops.host, token=token))
    server = _OpsServer(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=30)
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reloads: set[asyncio.Task[None]] = set()

    def on_hangup() -> None:
        task = asyncio.create_task(_reload(settings, fleet))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    public_port, ops_port = listeners[0].getsockname()[1], ops_socket.getsockname()[1]
    await fleet.start()
    serving = asyncio.create_task(server.serve(sockets=[ops_socket]))
    announce(f"gateway ready: public {_url(public, public_port)} ops {_url(ops, ops_port)}")
    await stop.wait()
    clean = await fleet.stop()
    server.should_exit = True
    await serving
    return 0 if clean else 1


async def _reload(settings: GatewaySettings, fleet: Fleet) -> None:
    """SIGHUP: read the route table again. A broken one is reported, and the old one stays."""
    try:
        text = read_routes(settings.routes)
        parse_routes(text)
        problems = await fleet.reload(text)
    except (OSError, RouteTableError) as error:
        problems = [str(error)]
    message = f"routes not reloaded: {'; '.join(problems)}" if problems else "routes reloaded"
    sys.stderr.write(message + "\n")
