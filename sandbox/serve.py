"""Runs the sandbox in this process: database, migrations, server, and everything stopped again in order."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from sandbox import migrate
from sandbox.app import create_app
from sandbox.cluster import running_cluster
from sandbox.settings import URI_FILE, SandboxSettings

GRACE_SECONDS = 3


class Announcing(uvicorn.Server):
    """Says when requests are answered, not merely when the port is open."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(settings: SandboxSettings, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `say` gets one line when ready. Raises SandboxError or OSError on a bad start."""
    signal.signal(signal.SIGTERM, _leave)
    # Bound first: a taken port must not cost a database start.
    with _bound(settings.host, settings.port) as listener:
        url = f"http://{settings.host}:{listener.getsockname()[1]}"
        settings.data.mkdir(parents=True, exist_ok=True)
        with running_cluster(settings.data) as uri:
            if settings.stop_with_stdin:
                threading.Thread(target=_leave_with_stdin, daemon=True).start()
            migrate.apply(uri, [migrate.SCHEMA, settings.migrations])
            note = settings.data / URI_FILE
            note.write_text(uri)
            try:
                config = uvicorn.Config(
                    create_app(settings, uri),
                    loop="uvloop",
                    http="httptools",
                    log_level="warning",
                    access_log=False,
                    timeout_graceful_shutdown=GRACE_SECONDS,
                )
                Announcing(config, lambda: say(f"sandbox ready at {url}")).run(sockets=[listener])
            finally:
                note.unlink(missing_ok=True)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by accepted connections: without it small answers wait for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM as an exception, so that every context on the way out is left properly."""
    sys.exit(0)


def _leave_with_stdin() -> None:
    """Whoever started us holds the other end and writes nothing; its end closes when they vanish."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
