"""One proxy process: `python -m gateway.proxy.worker LISTENER_FD CONTROL_FD LOG_FD`, WorkerConfig as JSON on stdin.

Started and restarted by gateway.fleet. Imports neither FastAPI nor pydantic nor the metrics library: the data plane
stays small, and works on when the control plane does not.
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys

import uvloop

from flags.errors import StoreFailedError
from flags.follow import follow
from gateway.core.routes import RouteTableError
from gateway.observe.access_log import AccessLog
from gateway.proxy import gossip
from gateway.proxy.config import WorkerConfig
from gateway.proxy.control import ControlChannel
from gateway.proxy.drain import drain
from gateway.proxy.server import ClientConnection
from gateway.proxy.service import Service
from gateway.proxy.sweeper import Sweeper

PAGE = os.sysconf("SC_PAGE_SIZE")


class Worker:
    """Wires one Service to its listener, its flags and its control channel."""

    def __init__(self, config: WorkerConfig, listener: socket.socket, control: socket.socket, log: int) -> None:
        loop = asyncio.get_running_loop()
        self._listener = listener
        self._control_socket = control
        self.service = Service(config, loop, AccessLog(log, enabled=config.access_log))
        self._sweeper = Sweeper(self.service)
        self._stop = asyncio.Event()
        own = {
            "snapshot": lambda _: self.snapshot(),
            "decided": lambda _: self.service.decided.fetch(),
            "drain": self._drain_asked,
            "reload": self._reload,
        }
        others = self.service.pins.operations() | gossip.operations(self.service)
        self._channel = ControlChannel(own | others, self._stop.set)
        self.service.pins.tell = lambda user: self._channel.offer({"event": "pinned", "user": user})

    async def run(self) -> bool:
        """Serve until told to drain; True if nothing was cut off."""
        service = self.service
        loop = service.loop
        service.flags.poll()
        service.kill.poll()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the supervisor too, which then drains us
        loop.add_signal_handler(signal.SIGUSR2, self._kill)
        server = await loop.create_server(lambda: ClientConnection(service), sock=self._listener, backlog=4096)
        await self._channel.open(self._control_socket)
        tasks = [
            loop.create_task(follow((service.flags, service.kill, service.pins))),
            loop.create_task(self._channel.serve()),
        ]
        self._sweeper.start()
        gc.freeze()  # what exists by now lives as long as the process: the collector need not look at it
        self._channel.tell({"event": "ready", "pid": os.getpid()})
        await self._stop.wait()
        clean = await drain(service, server, self._listener)
        self._sweeper.stop()
        self._channel.tell({"event": "end", "snapshot": self.snapshot()} | service.decided.fetch())
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await self._channel.close()
        service.flags.close()
        service.access_log.close()
        return clean

    def snapshot(self) -> dict[str, object]:
        """Counters and state, for the supervisor."""
        service = self.service
        service.endings.settle()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        flags = service.flags
        max_lag, self._sweeper.max_lag = self._sweeper.max_lag, 0.0
        return {
            "pid": os.getpid(),
            "started_at": service.started_at,
            "draining": service.draining,
            "killed": service.kill.engaged,
            "breaker": {"state": service.breaker.state, "opened": service.breaker.opened},
            "pins": service.pins.snapshot(),
            "shadows": service.shadows.snapshot(),
            "flags": {
                "generation": None if flags.snapshot is None else flags.snapshot.generation,
                "digest": None if flags.snapshot is None else flags.snapshot.digest,
                "error": flags.error,
                "loaded_at": flags.loaded_at,
                "changed_at": flags.changed_at,
                "apply_seconds": flags.applied.last,
                "age": flags.age(),
                "rollouts": [
                    (one.name, one.enabled, one.stage, one.lead.percentage)
                    for one in (flags.snapshot.features.values() if flags.snapshot else ())
                    if one.lead is not None
                ],
            },
            "counters": service.meters.snapshot()
            | {
                "running": service.running(),
                "log_dropped": service.access_log.dropped,
                "flag_applies": [flags.applied.counts, flags.applied.seconds],
            },
            "pools": {
                str(backend): {"open": pool.open, "idle": len(pool.idle), "waiting": pool.waiting}
                for backend, pool in service.pools.items()
            },
            "process": {
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "rss_bytes": _resident_bytes(),
                "loop_lag_seconds": max_lag,
                "loop_lags": [self._sweeper.lags, self._sweeper.lag_seconds],
            },
        }

    def _kill(self) -> None:
        """SIGUSR2, to one worker or to all processes of the group. A folder that cannot be written must not end us."""
        with contextlib.suppress(StoreFailedError):
            self.service.kill.engage(who="SIGUSR2", why="signal to a worker")

    def _drain_asked(self, _: dict[str, object]) -> dict[str, object]:
        self._stop.set()
        return {"draining": True}

    def _reload(self, request: dict[str, object]) -> dict[str, object]:
        """New values of what may change, the route table among them, for requests from now on."""
        try:
            self.service.reconfigure(WorkerConfig.from_json(str(request.get("config", "{}"))))
        except (RouteTableError, TypeError, ValueError) as error:
            return {"error": str(error)}
        return {"reloaded": True}


def _resident_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 -- read often; a Path costs more than the read
        return int(file.read().split()[1]) * PAGE


async def _serve(config: WorkerConfig, listener: socket.socket, control: socket.socket, log: int) -> bool:
    return await Worker(config, listener, control, log).run()


def main() -> None:
    """Entry point of the process."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    control = socket.socket(fileno=int(sys.argv[2]))
    config = WorkerConfig.from_json(sys.stdin.read())
    clean = uvloop.run(_serve(config, listener, control, int(sys.argv[3])))
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
