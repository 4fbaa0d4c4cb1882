"""uvicorn around the application: one ready line with the real port, and an orderly end on SIGTERM."""

from __future__ import annotations

import signal
import socket
import sys

import uvicorn

from v2_service.access import exposed
from v2_service.app import create_app
from v2_service.errors import V2Error
from v2_service.observe import set_up_logging
from v2_service.settings import Settings

BACKLOG = 2048
EXIT_NOT_STARTED = 3


class Server(uvicorn.Server):
    """Prints the ready line once connections are accepted."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"v2 ready at http://{shown}:{port}\n")
            sys.stdout.flush()


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
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(settings.shutdown_seconds)),
        loop="uvloop",
        http="httptools",
    )
    server = Server(config)

    def stop(*_: object) -> None:
        """uvicorn raises the signal again once all is closed; the process then ends as any other, with code 0."""
        server.should_exit = True
        # Streams of events end now: the server waits for open connections before anything else.
        app.state.leaving.set()

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, stop)
    with listener:
        try:
            server.run(sockets=[listener])
        except V2Error as error:
            sys.stderr.write(f"{error.sentence}\n")
    return 0 if server.started else EXIT_NOT_STARTED


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    # Small answers must not wait for an acknowledgement; asyncio sets it only on sockets that it makes itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
