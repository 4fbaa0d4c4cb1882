"""The running gateway: supervisor process, ops listener, fleet of proxy workers, wired from a GatewayConfig.

Run as `python -m gateway.app CONFIG_FD OPS_FD LISTENER_FD...`: `gateway serve` checks the settings, opens the sockets
and then becomes this process, which leaves the libraries of the command line and of the settings behind.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING

import uvicorn
import uvloop

from flags.errors import StoreFailedError
from flags.journal import Journal
from flags.kill import KillSwitch
from flags.opening import unleash_copy
from flags.unleash_source import UnleashOptions
from flags.unleash_store import UnleashAdmin
from flags.unleash_usage import UnleashUsage
from gateway.config import GatewayConfig
from gateway.fleet import Fleet
from gateway.key_source import KeySource, follow_keys
from gateway.observe.headroom import Headroom
from gateway.observe.log_relay import LogRelay
from gateway.ops.access import OpsAccess
from gateway.ops.comparison import compare
from gateway.ops.evidence_pages import OFF, EvidencePages
from gateway.ops.front import Behind, OpsFront, Watch
from gateway.ops.guard_gauges import GuardGauges
from gateway.ops.job_watch import JobCounts, JobWatch
from gateway.ops.jobs import V2Jobs
from gateway.ops.key_gauges import KeyGauges
from gateway.ops.origin import FileOrigin, Origin, UnleashOrigin
from gateway.ops.usage import INTERVAL as USAGE_INTERVAL
from gateway.ops.usage import UsageReporter
from gateway.ops.watch import FleetWatch
from gateway.proxy.address import Address, client_tls, parse_listen, parse_upstream
from gateway.proxy.question import Questions
from gateway.retirements import RetirementFile, follow_retirements, plain_retirements

if TYPE_CHECKING:
    from gateway.observe.observation import Observation


STDERR = 2


class _OpsServer(uvicorn.Server):
    """uvicorn without its signal handlers: the supervisor decides in which order things stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _url(address: Address, port: int) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{port}"


async def serve(
    config: GatewayConfig,
    listeners: list[socket.socket],
    ops_socket: socket.socket,
    log: LogRelay,
    announce: Callable[[str], None],
) -> int:
    """Run until SIGTERM or SIGINT; the exit code is 1 if a request had to be cut off. SIGHUP reads settings again.

    Raises TimeoutError if the workers do not start.
    """
    public, ops, flags = parse_listen(config.listen), parse_listen(config.ops), Path(config.flags)
    retirements = RetirementFile(flags)
    announced = plain_retirements(retirements)
    keys = KeySource(config.jwt_jwks, flags, config.jwt_jwks_seconds) if config.jwt_jwks else None
    known = await keys.first() if keys else ""
    workers = replace(config.worker, retirements=announced, token_keys=known)
    fleet = Fleet(workers, listeners, log, hang_seconds=config.hang_seconds, ready_seconds=config.ready_seconds)
    origin = _origin(config)
    job_watch = JobWatch(fleet, _jobs(fleet), max_age=config.worker.pins_max_age)
    watch = FleetWatch(fleet, flags, partial(compare, origin), job_watch)
    access = OpsAccess(host=ops.host, token=config.ops_token or None)
    observation = await _observe(config, fleet)
    headroom = Headroom(config.worker.upstream_connections + config.worker.upstream_waiting)
    evidence = EvidencePages(observation, fleet, headroom)
    watches: list[Watch] = [watch, GuardGauges(flags), evidence, *([KeyGauges(keys)] if keys else ())]
    counts: JobCounts = observation.running if observation else dict
    load = partial(_load_api, fleet, flags, origin, access, job_watch, counts)
    front = OpsFront(fleet, access, load, watches, evidence.pages)
    server = _OpsServer(
        uvicorn.Config(front, log_level="warning", access_log=False, lifespan="off", ws="none", timeout_keep_alive=30)
    )
    watching: list[Coroutine[None, None, None]] = [watch.run(), follow_retirements(retirements, fleet, announced)]
    if keys is not None:
        watching.append(follow_keys(keys, fleet, known))
    reporter = _reporter(config, fleet)
    if reporter is not None:
        watching.append(reporter.run())
    if observation is not None:
        watching.append(observation.run())
    stop = _on_signals(config, fleet, flags)
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
    if reporter is not None:
        await reporter.flush()
    if observation is not None:
        await observation.close()
    front.close()
    server.should_exit = True
    await serving
    return 0 if clean else 1


async def _observe(config: GatewayConfig, fleet: Fleet) -> "Observation | None":
    if not config.state_dir:
        sys.stderr.write(f"{OFF}\n")
        return None
    from gateway.observe.observation import Observation, ObservationConfig  # brings SQLite

    wanted = ObservationConfig(
        Path(config.state_dir),
        config.supabase_url,
        config.supabase_service_key,
        config.stuck_seconds,
        config.supabase_anon_key,
        config.follow_requests,
    )
    observation = Observation(fleet, wanted)
    await observation.open()
    return observation


def _on_signals(config: GatewayConfig, fleet: Fleet, flags: Path) -> asyncio.Event:
    """React to signals; the event is set by those that end the process."""
    stop, reloads = asyncio.Event(), set[asyncio.Task[None]]()
    loop = asyncio.get_running_loop()

    def on_hangup() -> None:
        task = asyncio.create_task(_reload(config, fleet))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup)
    loop.add_signal_handler(signal.SIGUSR2, _kill, flags)
    return stop


async def _reload(config: GatewayConfig, fleet: Fleet) -> None:
    from gateway.reload import reload  # brings the settings library, which only this needs

    await reload(config, fleet)


def _load_api(
    fleet: Fleet, flags: Path, origin: Origin, access: OpsAccess, job_watch: JobWatch, counts: JobCounts
) -> Behind:
    from gateway.ops.api import create_ops_app, jobs_report  # FastAPI: 17 MB, for who asks for more than metrics
    from gateway.ops.controls import FileControls
    from gateway.rollout.desk import FileDesk

    controls = FileControls(flags, origin, job_watch.jobs)
    app = create_ops_app(fleet, controls, FileDesk(flags), access, lambda: jobs_report(job_watch.seen(), counts()))
    return Behind(app, app.state.streams.close)


def _jobs(fleet: Fleet) -> V2Jobs:
    """v2's jobs; which key the gateway shows may change while it runs."""
    address = parse_upstream(fleet.config.v2)
    tls = client_tls(fleet.config.ca_file) if address.tls else None
    return V2Jobs(lambda: Questions(address, tls, fleet.config.v2_key))


def _reporter(config: GatewayConfig, fleet: Fleet) -> UsageReporter | None:
    if not config.worker.unleash_url:
        return None
    return UsageReporter(fleet, UnleashUsage(_unleash(config), interval=USAGE_INTERVAL))


def _unleash(config: GatewayConfig) -> UnleashOptions:
    return UnleashOptions(config.worker.unleash_url, config.worker.unleash_token, instance_id=gethostname())


def _origin(config: GatewayConfig) -> Origin:
    flags = Path(config.flags)
    if not config.worker.unleash_url:
        return FileOrigin(flags)
    secret, place = config.unleash_admin_token, (config.unleash_project, config.unleash_environment)
    admin = UnleashAdmin(secret, *place) if secret else None
    return UnleashOrigin(_unleash(config), unleash_copy(flags), admin)


def _kill(flags: Path) -> None:
    """SIGUSR2: everything to legacy, at once, whatever else works."""
    who, why = "SIGUSR2", "signal to the gateway"
    try:
        changed = KillSwitch(flags).engage(who=who, why=why)
        sys.stderr.write(f"kill engaged by SIGUSR2{'' if changed else ' (it was already)'}\n")
        Journal(flags).record("kill", who=who, why=why)
    except StoreFailedError as error:
        sys.stderr.write(f"the kill could not be engaged, or not journalled: {error}\n")


def main() -> None:
    """Entry point of the process."""
    with os.fdopen(int(sys.argv[1])) as file:
        config = GatewayConfig.from_json(file.read())
    ops_socket, *listeners = (socket.socket(fileno=int(number)) for number in sys.argv[2:])
    for one in (ops_socket, *listeners):
        one.set_inheritable(False)
    log = LogRelay(STDERR)
    try:
        with contextlib.redirect_stderr(log.stream()):
            code = uvloop.run(serve(config, listeners, ops_socket, log, partial(print, flush=True)))
    except TimeoutError:
        sys.exit("the workers did not start")
    finally:
        log.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
