"""The long measurements: does memory stay flat over a million requests and over ten thousand lost clients?"""

from __future__ import annotations

from bench.errors import Unmeasured
from bench.lineup import Subject
from bench.load.connections import upstream_connections, vanish
from bench.measures import Figures, load, settled_mb
from bench.request import BROWSER_FIELDS, Request

MILLION = 1_000_000
FIRST_REQUESTS = 100_000
LOST_CLIENTS = 10_000
FIRST_CLIENTS = 1_000
SLICE = 5.0
MOST_SLICES = 200
_REQUEST = Request("GET", "/small", BROWSER_FIELDS)


def million_requests(subject: Subject, seconds: float) -> Figures:
    """Memory after the first 100,000 requests, and what the rest of a million adds to it."""
    done, slices = 0, 0
    early: float | None = None
    while done < MILLION:
        if (slices := slices + 1) > MOST_SLICES:
            raise Unmeasured(f"only {done:,} requests in {MOST_SLICES * SLICE:.0f} s")
        done += load(subject, _REQUEST, 32, SLICE)[0].requests
        if early is None and done >= FIRST_REQUESTS:
            early = settled_mb(subject)
    late = settled_mb(subject)
    return {"requests": float(done), "end_mb": late, "grown_mb": late - (early or late)}


def disconnects(subject: Subject, seconds: float) -> Figures:
    """Memory after 1,000 lost clients, what 9,000 more add to it, and the upstream connections that are left over."""
    others = upstream_connections(subject.upstream, wanted=0, seconds=0)  # of the proxies that run beside this one
    vanish(subject.port, FIRST_CLIENTS)
    early = settled_mb(subject)
    vanish(subject.port, LOST_CLIENTS - FIRST_CLIENTS)
    left = upstream_connections(subject.upstream, wanted=others, seconds=10) - others
    late = settled_mb(subject)
    return {"end_mb": late, "grown_mb": late - early, "left": float(max(0, left))}
