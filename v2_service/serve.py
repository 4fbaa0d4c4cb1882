"""uvicorn around the application: one ready line with the real port, and an orderly end on SIGTERM."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from types import FrameType

import uvicorn

from v2_service.access import exposed
from v2_service.app import create_app
from v2_service.errors import V2Error
from v2_service.leaving import GRACE_SECONDS, Leaving, end_without
from v2_service.observe import set_up_logging
from v2_service.settings import Settings

BACKLOG = 2048
EXIT_NOT_STARTED = 3


class Server(uvicorn.Server):
    """Prints the ready line once connections are accepted, and tells everybody of the end when it begins."""

    def __init__(self, config: uvicorn.Config, leaving: Leaving) -> None:
        super().__init__(config)
        self._leaving = leaving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal: running steps and streams of events end now, and not only when all connections have."""
        if not self._leaving.begun:
            self._leaving.begin()
            self._leaving.bound()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        settle_objects()
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"v2 ready at http://{shown}:{port}\n")
            sys.stdout.flush()


def settle_objects() -> None:
    """Let the collector of garbage look no more at what lives as long as the process: some 280,000 objects.

    Everybody waits while it looks, and an import that makes many objects lets it look at all of them again and again.
    """
    gc.collect()
    gc.freeze()


def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code: 0, or 3 when the start failed."""
    problem = exposed(settings)
    if problem:
        sys.stderr.write(f"{problem}\n")
        return EXIT_NOT_STARTED
    set_up_logging()
    try:
        listener = _listen(settings.host, settings.port)
    except OSError as error:
        sys.stderr.write(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}\n")
        return EXIT_NOT_STARTED
    leaving = Leaving(settings.shutdown_seconds)
    config = uvicorn.Config(
        create_app(settings, leaving),
        log_config=None,
        access_log=False,
        server_header=False,
        # Connections have half of the time, so that steps which wait for nobody are parked within the rest.
        timeout_graceful_shutdown=max(1, int(settings.shutdown_seconds / 2)),
        loop="uvloop",
        http="httptools",
    )
    server = Server(config, leaving)
    for sign in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once all is closed; the process then ends as any other, with code 0.
        signal.signal(sign, server.handle_exit)
    with listener:
        try:
            server.run(sockets=[listener])
        except V2Error as error:
            sys.stderr.write(f"{error.sentence}\n")
    if not server.started:
        return EXIT_NOT_STARTED
    end_without(leaving.left() + GRACE_SECONDS / 2)
    return 0


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    # Small answers must not wait for an acknowledgement; asyncio sets it only on sockets that it makes itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
