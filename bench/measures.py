"""How each figure is taken: processor time and memory of the proxy's whole process tree around a piece of load."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

from bench.errors import Unmeasured
from bench.lineup import Subject
from bench.load import bodies, connections, wrk
from bench.load import fixed_rate as open_loop
from bench.load.client import ask, connect
from bench.places import RUN
from bench.procfs import forget_peak, peak_kib, proportional_kib, resident_kib, run_time, thread_times
from bench.request import Request, raw, wrk_script
from bench.traffic import backend_of, process_full_body, user_ids

Figures = dict[str, float]
Measure = Callable[[Subject, float], Figures]

MIB = 1024.0
UPLOAD_BYTES = 50 * 1024 * 1024
IDLE_CONNECTIONS = 1000
STALLED_READERS = 10
ROUTED_IDS = 200
WARM_UP = 200
_SMALL = Request("GET", "/small")


class Clock:
    """Processor time of a subject since the object was made. Without a process (direct) there is none."""

    def __init__(self, subject: Subject) -> None:
        self._process = subject.process
        self._before = thread_times(subject.process) if subject.process else {}

    def cpu(self, metric: str, scale: float, count: int) -> Figures:
        """`{metric: nanoseconds / scale / count}`, or nothing. Raises Unmeasured if the proxy is gone."""
        if self._process is None:
            return {}
        after = thread_times(self._process)
        if not after:
            raise Unmeasured("the proxy ended")
        return {metric: run_time(self._before, after) / scale / count}


def resident_mb(subject: Subject) -> float:
    """Resident memory of the tree in MiB. Raises Unmeasured if there is none."""
    found = sum(resident_kib(subject.process).values()) if subject.process else 0
    if not found:
        raise Unmeasured("the proxy has no memory to measure")
    return found / MIB


def settled_mb(subject: Subject, least: float = 0.6, most: float = 4.0) -> float:
    """The highest resident memory until it has not grown for `least` seconds (or `most` are over)."""
    highest, began = resident_mb(subject), time.monotonic()
    grown = began
    while (now := time.monotonic()) - grown < least and now - began < most:
        time.sleep(0.05)
        seen = resident_mb(subject)
        if seen > highest:
            highest, grown = seen, now
    return highest


def warm_up(subject: Subject) -> None:
    """The first requests of a proxy, which fill its pools and caches."""
    (request,) = raw(_SMALL, subject.authority)
    with closing(connect(subject.port)) as one:
        for _ in range(WARM_UP):
            ask(one, request)


def load(subject: Subject, request: Request, count: int, seconds: float) -> tuple[wrk.WrkReport, Clock]:
    """wrk's report, and the clock that was started before it."""
    folder = RUN / "wrk"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"{subject.peer}.lua"
    script.write_text(wrk_script(request))
    clock = Clock(subject)
    return wrk.run(f"http://{subject.authority}{request.path}", script, count, seconds), clock


def closed_loop(request: Request, count: int) -> Measure:
    """`count` connections, each sending its next request as soon as it has its answer."""

    def measure(subject: Subject, seconds: float) -> Figures:
        report, clock = load(subject, request, count, seconds)
        figures = {"rps": report.requests / report.seconds, "p50_us": report.p50_us, "p99_us": report.p99_us}
        return figures | clock.cpu("cpu_us", 1e3, report.requests)

    return measure


def fixed_rate(request: Request, rate: float) -> Measure:
    """Requests at a fixed rate, for at least three seconds: at low load a second holds too little processor time."""

    def measure(subject: Subject, seconds: float) -> Figures:
        clock = Clock(subject)
        report = open_loop.run(subject.port, raw(request, subject.authority), rate, max(3.0, seconds))
        figures = {"p50_us": report.p50_us, "p99_us": report.p99_us, "generator_load": report.generator_load}
        return figures | clock.cpu("cpu_us", 1e3, report.requests)

    return measure


def download(subject: Subject, seconds: float) -> Figures:
    """10 MiB bodies, two at a time."""
    report, clock = load(subject, Request("GET", "/large"), 2, seconds)
    return {"mb_per_s": 10 * report.requests / report.seconds} | clock.cpu("cpu_ms", 1e6, report.requests)


def upload_body(subject: Subject, seconds: float) -> Figures:
    """50 MB bodies, one after the other; the peak is what the first of them adds to the resident memory."""
    if subject.process is None:
        raise Unmeasured("there is no proxy")
    before = resident_kib(subject.process)
    forget_peak(subject.process)
    clock, deadline, count = Clock(subject), time.monotonic() + seconds, 0
    bodies.upload(subject.port, UPLOAD_BYTES)
    peak = peak_kib(subject.process)
    while (count := count + 1) < 2 or time.monotonic() < deadline:
        bodies.upload(subject.port, UPLOAD_BYTES)
    grown = sum(max(0, peak[process] - before.get(process, 0)) for process in peak)
    return {"peak_mb": grown / MIB} | clock.cpu("cpu_ms", 1e6, count)


def event_stream(subject: Subject, seconds: float) -> Figures:
    """Time to the first event of a stream."""
    return {"first_ms": bodies.first_event(subject.port, max(5, round(seconds * 8)))}


def idle_memory(subject: Subject, seconds: float) -> Figures:
    """Memory after the first requests, and what 1,000 connections add that do nothing after their first request.

    Memory is resident memory of all processes; `pss_mb` counts shared pages once, `serving_mb` is the process that
    worked most for the requests.
    """
    if subject.process is None:
        raise Unmeasured("there is no proxy")
    times = thread_times(subject.process)
    warm_up(subject)
    before = settled_mb(subject)
    each = resident_kib(subject.process)
    figures = {"rss_mb": before, "pss_mb": proportional_kib(subject.process) / MIB}
    with ExitStack() as stack:
        held = connections.hold(subject.port, IDLE_CONNECTIONS, stack)
        figures["held_mb"] = settled_mb(subject) - before
        connections.check_open(held)
    work: dict[int, int] = {}
    for (process, thread), value in thread_times(subject.process).items():
        work[process] = work.get(process, 0) + value - times.get((process, thread), 0)
    figures["serving_mb"] = each[max(each, key=lambda process: work.get(process, 0))] / MIB
    return figures


def stalled_reader(subject: Subject, seconds: float) -> Figures:
    """What each of ten downloads adds whose reader stops after 64 KiB."""
    warm_up(subject)
    before = settled_mb(subject)
    with ExitStack() as stack:
        bodies.stall(subject.port, STALLED_READERS, stack)
        after = settled_mb(subject)
    return {"reader_mb": (after - before) / STALLED_READERS}


def routing(subject: Subject, seconds: float) -> Figures:
    """How many of 200 users reach the backend that the flag says."""
    right = 0
    with closing(connect(subject.port)) as one:
        for user_id in user_ids(ROUTED_IDS):
            fields = (("Content-Type", "application/json"),)
            request = Request("POST", "/process-full", fields, (process_full_body(user_id),))
            body = ask(one, raw(request, subject.authority)[0]).partition(b"\r\n\r\n")[2]
            right += json.loads(body)["backend"] == backend_of(user_id)
    return {"right": float(right), "asked": float(ROUTED_IDS)}
