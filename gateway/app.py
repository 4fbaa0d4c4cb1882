"""The running gateway: supervisor process, ops listener, fleet of proxy workers, wired from GatewaySettings."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from socket import gethostname

import uvicorn

from flags.errors import StoreFailedError
from flags.opening import unleash_copy
from flags.unleash_source import UnleashOptions
from flags.unleash_store import UnleashAdmin
from flags.unleash_usage import UnleashUsage
from gateway.fleet import Fleet, default_workers, listen_on
from gateway.ops.access import OpsAccess
from gateway.ops.api import create_ops_app
from gateway.ops.controls import FileControls
from gateway.ops.origin import UnleashOrigin
from gateway.ops.usage import INTERVAL as USAGE_INTERVAL
from gateway.ops.usage import UsageReporter
from gateway.ops.watch import FleetWatch
from gateway.proxy.address import Address, parse_listen
from gateway.reload import reload
from gateway.settings import GatewaySettings, revealed


class _OpsServer(uvicorn.Server):
    """uvicorn without its signal handlers: the supervisor decides in which order things stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _url(address: Address, port: int) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{port}"


async def serve(
    settings: GatewaySettings, announce: Callable[[str], None], reread: Callable[[], GatewaySettings]
) -> int:
    """Run until SIGTERM or SIGINT; the exit code is 1 if a request had to be cut off. SIGHUP asks `reread`.

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
    fleet = Fleet(settings.worker_config(), listeners, settings.hang_seconds)
    controls = _controls(settings)
    watch = FleetWatch(fleet, settings.flags.absolute(), controls.compare)
    access = OpsAccess(host=ops.host, token=revealed(settings.ops_token) or None)
    app = create_ops_app(fleet, controls, access, watch=watch)
    server = _OpsServer(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_keep_alive=30)
    )
    watching: list[Coroutine[None, None, None]] = [watch.run()]
    if settings.unleash_url is not None:
        usage = UnleashUsage(_unleash(settings), interval=USAGE_INTERVAL)
        watching.append(UsageReporter(fleet, usage).run())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reloads: set[asyncio.Task[None]] = set()

    def on_hangup() -> None:
        task = asyncio.create_task(reload(settings, reread, fleet))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    loop.add_signal_handler(signal.SIGUSR2, lambda: _kill(controls))
    public_port, ops_port = listeners[0].getsockname()[1], ops_socket.getsockname()[1]
    await fleet.start()
    serving = asyncio.create_task(server.serve(sockets=[ops_socket]))
    announce(f"gateway ready: public {_url(public, public_port)} ops {_url(ops, ops_port)}")
    beside = [asyncio.create_task(work) for work in watching]
    await stop.wait()
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    clean = await fleet.stop()
    app.state.streams.close()
    server.should_exit = True
    await serving
    return 0 if clean else 1


def _unleash(settings: GatewaySettings) -> UnleashOptions:
    token = revealed(settings.unleash_token)
    return UnleashOptions(str(settings.unleash_url), token, instance_id=gethostname())


def _controls(settings: GatewaySettings) -> FileControls:
    flags = settings.flags.absolute()
    if settings.unleash_url is None:
        return FileControls(flags)
    secret, place = revealed(settings.unleash_admin_token), (settings.unleash_project, settings.unleash_environment)
    admin = UnleashAdmin(secret, *place) if secret else None
    return FileControls(flags, UnleashOrigin(_unleash(settings), unleash_copy(flags), admin))


def _kill(controls: FileControls) -> None:
    """SIGUSR2: everything to legacy, at once, whatever else works."""
    try:
        report = controls.kill(who="SIGUSR2", why="signal to the gateway")
    except StoreFailedError as error:
        sys.stderr.write(f"the kill could not be engaged: {error}\n")
        return
    sys.stderr.write(f"kill engaged by SIGUSR2{'' if report.changed else ' (it was already)'}\n")
