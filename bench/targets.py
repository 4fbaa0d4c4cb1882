"""The targets the gateway is held to, and the judge that compares them with results. Ratios are of the same round."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bench.lineup import GATEWAY
from bench.results import Figure, Results


class How(Enum):
    """What is compared with the limit."""

    RATIO = "x"
    DIFFERENCE = "more"
    VALUE = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One line: a figure of the gateway, what it is set against, and the limit it must keep."""

    text: str
    scenario: str
    metric: str
    limit: float
    how: How = How.VALUE
    peer: str = "nginx"
    peer_scenario: str = ""
    at_least: bool = False
    unit: str = ""

    @property
    def figure(self) -> Figure:
        return Figure(GATEWAY, self.scenario, self.metric)

    @property
    def against(self) -> Figure:
        return Figure(self.peer, self.peer_scenario or self.scenario, self.metric)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target with what was found; `met` is None if it was not measured."""

    target: Target
    value: float | None

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.target.limit if self.target.at_least else self.value <= self.target.limit


_X = How.RATIO
TARGETS: tuple[Target, ...] = (
    Target("CPU per small GET, against nginx", "get", "cpu_us", 1.8, _X),
    Target("CPU per small GET, against Envoy", "get", "cpu_us", 0.5, _X, "envoy"),
    Target("CPU per small GET, against aiohttp", "get", "cpu_us", 0.2, _X, "aiohttp"),
    Target("CPU per GET with 12 browser headers, against nginx", "get-headers", "cpu_us", 2.2, _X),
    Target("the same with heads that vary (our own line)", "get-varied", "cpu_us", 2.2, _X),
    Target("CPU per request at 1,600 a second, against nginx", "rate", "cpu_us", 1.5, _X),
    Target(
        "CPU per POST /process-full, against our own untouched POST",
        "process-full",
        "cpu_us",
        1.25,
        _X,
        GATEWAY,
        "post",
    ),
    Target("CPU per POST /process-full, against Envoy's Lua router", "process-full", "cpu_us", 1.0, _X, "envoy-lua"),
    Target("throughput, against nginx", "get", "rps", 0.6, _X, at_least=True),
    Target("throughput, against aiohttp", "get", "rps", 5.0, _X, "aiohttp", at_least=True),
    Target("p50 on one connection, against nginx", "get-one", "p50_us", 2.0, _X),
    Target("CPU per 10 MiB download, against nginx", "download", "cpu_ms", 1.0, _X),
    Target("first event of a stream, over direct", "events", "first_ms", 1.0, How.DIFFERENCE, "direct", unit="ms"),
    Target("memory that a 50 MB upload adds", "upload", "peak_mb", 1.0, unit="MB"),
    Target("memory that a stalled 10 MiB download adds", "stalled", "reader_mb", 0.4, unit="MB"),
    Target("idle memory (resident, all processes)", "idle", "rss_mb", 40.0, unit="MB"),
    Target("the same, shared pages counted once (our own line)", "idle", "pss_mb", 40.0, unit="MB"),
    Target("memory that 1,000,000 requests add", "million", "grown_mb", 1.0, unit="MB"),
    Target("memory that 10,000 lost clients add", "disconnects", "grown_mb", 1.0, unit="MB"),
    Target("upstream connections left by 10,000 lost clients", "disconnects", "left", 0.0),
)
"""Flat means: less than 1 MB more after the last request than after the first tenth."""


def judge(results: Results, target: Target) -> Verdict:
    """The target against the results."""
    if target.how is How.RATIO:
        return Verdict(target, results.ratio(target.figure, target.against))
    if target.how is How.DIFFERENCE:
        return Verdict(target, results.difference(target.figure, target.against))
    return Verdict(target, results.median(target.figure))
