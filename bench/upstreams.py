"""The two upstreams behind every proxy: nginx for requests and downloads, our own process for streams and uploads."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.children import free_ports, running
from bench.places import CONFIGURATIONS, RUN, fill, find_program

BODY_BYTES = 653
LARGE_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where an upstream listens: as the old backend, and as the new one (the same port if there is only one)."""

    port: int
    v2_port: int


def json_body(backend: str) -> str:
    """A JSON object of 653 bytes that names the backend."""
    empty = json.dumps({"backend": backend, "status": "ok", "padding": ""})
    return json.dumps({"backend": backend, "status": "ok", "padding": "x" * (BODY_BYTES - len(empty))})


def nginx_user() -> str:
    """nginx's line about its user: started by root its worker stays root, so that it may read the run's files."""
    return "user root;" if os.geteuid() == 0 else ""


@contextmanager
def request_upstream() -> Iterator[Upstream]:
    """One nginx worker with a 653-byte JSON answer on two ports, and a 10 MiB file at /large. Raises PeerFailed."""
    run = RUN / "upstream"
    run.mkdir(parents=True, exist_ok=True)
    (run / "large.bin").write_bytes(os.urandom(LARGE_BYTES))
    port, v2_port = free_ports(2)
    values = {"run": run, "port": port, "v2_port": v2_port, "user": nginx_user()}
    values |= {"legacy_body": json_body("legacy"), "v2_body": json_body("v2")}
    (run / "nginx.conf").write_text(fill((CONFIGURATIONS / "upstream.conf").read_text(), values))
    with running([find_program("nginx"), "-e", "stderr", "-c", str(run / "nginx.conf")], port, run / "output.log"):
        yield Upstream(port, v2_port)


@contextmanager
def streaming_upstream() -> Iterator[Upstream]:
    """bench.streaming_upstream on one port. Raises PeerFailed."""
    RUN.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "bench.streaming_upstream", str(port)]
    with running(command, port, RUN / "streaming-upstream.log"):
        yield Upstream(port, port)
