"""What all connections of one worker share: routes, flags, pools, counters, clock and ids."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flags.kill import KillSwitch
from flags.opening import open_source
from gateway.core.breaker import Breaker
from gateway.core.decide import Backend
from gateway.core.errors import InternalError
from gateway.core.guards import Guards
from gateway.core.retirement import Retirement, retire
from gateway.core.route_options import http_date
from gateway.core.routes import RouteTable, parse_routes
from gateway.observe.access_log import AccessLog
from gateway.observe.decided import DecidedLog
from gateway.observe.endings import Endings
from gateway.observe.meters import Meters
from gateway.proxy.address import parse_upstream
from gateway.proxy.config import LIVE, WorkerConfig
from gateway.proxy.pinning import Pinning
from gateway.proxy.pool import Pool
from gateway.proxy.question import Questions, service_key_line
from gateway.proxy.shadows import Shadows
from gateway.proxy.verifying import open_verifier

if TYPE_CHECKING:
    from gateway.proxy.server import ClientConnection


_LAST_BYTES = tuple(b"%02x" % last for last in reversed(range(256)))


class Clock:
    """Monotonic seconds as of the last sweep: good enough for timeouts, and free to read."""

    __slots__ = ("date", "now")

    def __init__(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Set to the present. Called by the sweeper."""
        self.now = time.monotonic()
        self.date = http_date(datetime.now(UTC)).encode("ascii")


class Service:
    """The shared state of one worker. Lives as long as the worker; nothing in it belongs to one request."""

    __slots__ = (
        "_counter",
        "_prefix",
        "_tasks",
        "access_log",
        "breaker",
        "clients",
        "clock",
        "config",
        "decided",
        "draining",
        "endings",
        "flags",
        "force_key",
        "guards",
        "ids",
        "kill",
        "loop",
        "meters",
        "name",
        "pins",
        "pools",
        "questions",
        "routes",
        "shadows",
        "started_at",
        "v2_lines",
    )

    def __init__(self, config: WorkerConfig, loop: asyncio.AbstractEventLoop, access_log: AccessLog) -> None:
        self.config = config
        self.loop = loop
        self.access_log = access_log
        self.clock = Clock()
        self.meters = Meters()
        self.endings = Endings(self.meters, access_log)
        self.decided = DecidedLog(enabled=config.evidence)
        self.routes = _routes(config)
        self.name = config.name.encode("ascii")
        flags_path = Path(config.flags_path)
        self.flags = open_source(
            flags_path,
            unleash_url=config.unleash_url,
            unleash_token=config.unleash_token,
            max_age=config.flags_max_age,
        )
        self.force_key = config.force_key.encode()
        self.kill = KillSwitch(flags_path)
        self.clients: set[ClientConnection] = set()
        self.draining = False
        self.breaker = Breaker()
        self.guards = Guards(config.api_key, open_verifier(config, self.routes))
        self.started_at = time.time()
        self.pools = {
            Backend.LEGACY: Pool(self, Backend.LEGACY, parse_upstream(config.legacy)),
            Backend.V2: Pool(self, Backend.V2, parse_upstream(config.v2)),
        }
        self.pins = Pinning(config.pins_max_age)
        self.shadows = Shadows(self)
        self._know(config.v2_key)
        # Ids are unguessable per worker, and cheap per request: a random half and a counter, its last byte looked up.
        self._prefix = secrets.token_hex(8).encode("ascii")
        self._counter = secrets.randbits(32)
        self.ids: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def _know(self, v2_key: str) -> None:
        """By which key v2 knows us, on requests that are passed on and on our own questions."""
        pool = self.pools[Backend.V2]
        self.v2_lines = service_key_line(v2_key) if v2_key else b""
        self.questions = Questions(pool.address, pool.tls, v2_key)

    def reconfigure(self, config: WorkerConfig) -> None:
        """Go on with the LIVE values of `config`: requests in flight keep their route, connections their trusted hops.

        Raises RouteTableError, or ValueError for a key set, and then nothing has changed.
        """
        routes = _routes(config)
        verifier = open_verifier(config, routes)
        self.routes = routes
        for client in self.clients:
            client.forget_head()
        self.config = replace(self.config, **{name: getattr(config, name) for name in LIVE})
        self.force_key = config.force_key.encode()
        self.guards.keep(config.api_key, verifier, (*self.routes.routes, self.routes.unmatched))
        self.endings.settle()
        self.access_log.switch(on=config.access_log)
        self._know(config.v2_key)
        self.shadows.trust()

    def running(self) -> list[tuple[str, str, int]]:
        """Exchanges in flight by route and backend; counted when somebody asks, so that no request pays for it."""
        exchanges = (client.exchange for client in self.clients)
        found = Counter(
            (one.route.name, str(one.backend or "none")) for one in exchanges if one is not None and not one.finished
        )
        return [(*labels, count) for labels, count in found.items()]

    def background(self, work: Coroutine[None, None, None]) -> None:
        """Run something that no connection waits for; it is kept from being collected until it is done."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def defect(self, error: Exception) -> InternalError:
        """Report a defect with its traceback, as the loop reports its own; returns what the client is told."""
        self.loop.call_exception_handler({"message": "defect in the gateway", "exception": error})
        return InternalError("defect")

    def next_id(self) -> bytes:
        """A new request id: 32 lower-case hex digits, also fit to be a trace id (W3C Trace Context section 3.2.2.3)."""
        if not self.ids:
            self._counter += 1
            self.ids = list(map((b"%b%014x" % (self._prefix, self._counter)).__add__, _LAST_BYTES))
        return self.ids.pop()


def _routes(config: WorkerConfig) -> RouteTable:
    """Raises RouteTableError."""
    retirements = {flag: Retirement.of(*dates) for flag, dates in config.retirements.items()}
    return retire(parse_routes(config.routes), retirements)
