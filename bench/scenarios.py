"""The scenarios: what is asked of every proxy, and which figures come of it. The order is the order of measuring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.lineup import Peer, Subject
from bench.long_runs import disconnects, million_requests
from bench.measures import (
    closed_loop,
    download,
    event_stream,
    fixed_rate,
    idle_memory,
    routing,
    stalled_reader,
    upload_body,
)
from bench.request import BROWSER_FIELDS, Request
from bench.traffic import process_full_bodies

REQUESTS = "requests"
STREAMS = "streams"
RATE = 1600.0
LONG_PEERS = frozenset({"nginx", "gateway"})
"""Long runs take hours on the slow peers and would say nothing new about them."""

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that is measured. `measure` gets a running proxy and the seconds it may take."""

    name: str
    title: str
    measure: Callable[[Subject, float], Figures]
    upstream: str = REQUESTS
    fresh: bool = False
    """Needs a proxy that has done nothing yet: memory."""
    direct: bool = False
    """Also measured without any proxy."""
    long: bool = False
    """Only with --long."""
    bodies_decide: bool = False
    """Variants that route by the body take part; with `only_routers` nobody else does."""
    only_routers: bool = False

    def includes(self, peer: Peer) -> bool:
        """Whether the peer takes part."""
        if self.long and peer.name not in LONG_PEERS:
            return False
        if self.only_routers:
            return peer.routes_by_body
        return self.bodies_decide or not peer.only_routing


_JSON = (("Content-Type", "application/json"),)
_SMALL = Request("GET", "/small")
_HEADERS = Request("GET", "/small", BROWSER_FIELDS)
_VARIED = Request("GET", "/varied", BROWSER_FIELDS, unique_field="X-Trace-Id")
# The same bodies on both paths: what differs is the routing alone.
_POST = Request("POST", "/query", _JSON, process_full_bodies(256))
_PROCESS_FULL = Request("POST", "/process-full", _JSON, process_full_bodies(256))

SCENARIOS: tuple[Scenario, ...] = (
    Scenario("routing", "ids sent to the right backend", routing, bodies_decide=True, only_routers=True),
    Scenario("get", "small GET, 32 connections", closed_loop(_SMALL, 32), direct=True),
    Scenario("get-headers", "small GET with 12 browser headers, 32 connections", closed_loop(_HEADERS, 32)),
    Scenario("get-varied", "the same, each request and answer with a field of its own", closed_loop(_VARIED, 32)),
    Scenario("get-one", "small GET, one connection", closed_loop(_SMALL, 1), direct=True),
    Scenario("post", "POST of a small JSON body, forwarded untouched", closed_loop(_POST, 32)),
    Scenario(
        "process-full", "POST /process-full, routed by its body", closed_loop(_PROCESS_FULL, 32), bodies_decide=True
    ),
    Scenario("rate", f"small GET at {RATE:,.0f} requests a second", fixed_rate(_SMALL, RATE), direct=True),
    Scenario("download", "10 MiB download", download),
    Scenario("upload", "50 MB upload", upload_body, STREAMS),
    Scenario("events", "first event of a stream", event_stream, STREAMS, direct=True),
    Scenario("idle", "memory after 200 requests, then with 1,000 idle connections", idle_memory, fresh=True),
    Scenario("stalled", "memory per 10 MiB download whose reader stalls", stalled_reader, fresh=True),
    Scenario("million", "memory over 1,000,000 requests", million_requests, fresh=True, long=True),
    Scenario("disconnects", "memory over 10,000 lost clients", disconnects, STREAMS, fresh=True, long=True),
)
