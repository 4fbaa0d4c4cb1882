"""The ops API on a real loopback port, for tests that need a server and not just an application."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import uvicorn

from gateway.ops.access import OpsAccess
from gateway.ops.api import create_ops_app
from gateway.ops.controls import FileControls
from gateway.ops.front import Behind, OpsFront
from gateway.ops.reports import JobsReport
from gateway.rollout.desk import FileDesk
from tests.gateway.ops.fleet import StandInFleet
from tests.gateway.ops.job_list import JobList

PERIOD = 0.1
"""Seconds between two events: a test of the page waits for the next one again and again."""


@contextmanager
def served_ops(flags: Path, token: str | None = None, v2: JobList | None = None) -> Iterator[str]:
    """The URL of a running ops API over this flag file, in front of this v2."""
    fleet, access = StandInFleet(), OpsAccess("127.0.0.1", token)

    def load() -> Behind:
        controls = FileControls(flags, jobs=v2.client if v2 else None)
        app = create_ops_app(fleet, controls, FileDesk(flags), access, lambda: _jobs(v2) if v2 else None, period=PERIOD)
        return Behind(app, app.state.streams.close)

    door = OpsFront(fleet, access, load)
    server = uvicorn.Server(uvicorn.Config(door, port=0, log_level="critical", lifespan="off"))
    socket = server.config.bind_socket()
    socket.listen()  # whoever connects before the server runs waits in the queue
    thread = Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        door.close()
        server.should_exit = True
        thread.join(10)
        socket.close()


def _jobs(v2: JobList) -> JobsReport:
    running = len(v2.jobs)
    return JobsReport(v2=running, legacy=None, pinned=len(set(v2.jobs.values())), age=0.2)
