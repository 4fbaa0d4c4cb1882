"""Unleash is told what the workers decided: everything once, forced decisions never, also after trouble."""

import asyncio
import threading
from collections.abc import Mapping
from datetime import datetime

from flags.errors import SourceUnavailableError
from flags.unleash_source import UnleashOptions
from flags.unleash_usage import UnleashUsage, Uses
from gateway.ops.usage import UsageReporter
from tests.gateway.ops.fleet import StandInFleet

FLAG = "process-full-v2"


class Fleet(StandInFleet):
    """Workers whose decisions the test counts."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[dict[str, object]] = []

    def decide(self, worker: int, pid: int, *rows: tuple[str, str, int]) -> None:
        decisions = [[FLAG, backend, reason, count] for backend, reason, count in rows]
        self.workers = [one for one in self.workers if one["worker"] != worker]
        self.workers.append({"worker": worker, "pid": pid, "counters": {"decisions": decisions}})

    async def snapshots(self) -> list[dict[str, object]]:
        return self.workers


class Recorder(UnleashUsage):
    """Keeps what would be sent; fails while told to."""

    def __init__(self) -> None:
        super().__init__(UnleashOptions("http://127.0.0.1:9", "token"), interval=60)
        self.registered = 0
        self.sent: list[Mapping[str, Uses]] = []
        self.fails = False
        self.began = threading.Event()
        self.holds: threading.Event | None = None

    def register(self, started: datetime) -> None:
        self.registered += 1

    def send(self, uses: Mapping[str, Uses], since: datetime, until: datetime) -> None:
        self.began.set()
        if self.holds is not None:
            assert self.holds.wait(10)
        if self.fails:
            raise SourceUnavailableError("Unleash cannot be reached")
        assert since <= until
        self.sent.append(uses)


async def test_decisions_of_all_workers_are_reported_once() -> None:
    fleet, usage = Fleet(), Recorder()
    reporter = UsageReporter(fleet, usage)
    fleet.decide(0, 10, ("v2", "percentage-in", 3), ("legacy", "percentage-out", 20), ("v2", "forced", 9))
    fleet.decide(1, 11, ("legacy", "local-kill", 2))
    await reporter.report()
    await reporter.report()
    assert usage.sent == [{FLAG: Uses(3, 22)}]
    fleet.decide(0, 10, ("v2", "percentage-in", 4), ("legacy", "percentage-out", 20), ("v2", "forced", 99))
    await reporter.report()
    assert usage.sent[1:] == [{FLAG: Uses(1, 0)}]
    assert usage.registered == 3


async def test_a_replaced_worker_counts_from_nothing() -> None:
    fleet, usage = Fleet(), Recorder()
    reporter = UsageReporter(fleet, usage)
    fleet.decide(0, 10, ("v2", "percentage-in", 30))
    await reporter.report()
    fleet.decide(0, 12, ("v2", "percentage-in", 2))
    await reporter.report()
    assert usage.sent == [{FLAG: Uses(30, 0)}, {FLAG: Uses(2, 0)}]


async def test_what_could_not_be_sent_is_sent_later() -> None:
    fleet, usage = Fleet(), Recorder()
    reporter = UsageReporter(fleet, usage)
    usage.fails = True
    fleet.decide(0, 10, ("v2", "percentage-in", 30))
    await reporter.report()
    assert reporter.error == "Unleash cannot be reached"
    usage.fails = False
    fleet.decide(0, 10, ("v2", "percentage-in", 31))
    await reporter.report()
    assert usage.sent == [{FLAG: Uses(31, 0)}]
    assert not reporter.error


async def test_a_silent_worker_does_not_count_twice_when_it_speaks_again() -> None:
    fleet, usage = Fleet(), Recorder()
    reporter = UsageReporter(fleet, usage)
    fleet.decide(0, 10, ("v2", "percentage-in", 5))
    await reporter.report()
    spoken, fleet.workers = fleet.workers, [{"worker": 0, "restarts": 0}]
    await reporter.report()
    fleet.workers = spoken
    await reporter.report()
    assert usage.sent == [{FLAG: Uses(5, 0)}]


async def test_what_was_decided_since_the_last_report_is_sent_at_the_end() -> None:
    fleet, usage = Fleet(), Recorder()
    reporter = UsageReporter(fleet, usage)
    await reporter.report()
    fleet.decide(0, 10, ("v2", "percentage-in", 3), ("v2", "pinned", 4))
    await reporter.flush()
    assert usage.sent == [{FLAG: Uses(3, 0)}]


async def test_the_end_waits_for_a_report_under_way_and_sends_nothing_twice() -> None:
    fleet, usage = Fleet(), Recorder()
    reporter = UsageReporter(fleet, usage)
    usage.holds = threading.Event()
    fleet.decide(0, 10, ("v2", "percentage-in", 3))
    reporting = asyncio.create_task(reporter.report())
    await asyncio.to_thread(usage.began.wait, 10)
    reporting.cancel()
    await asyncio.gather(reporting, return_exceptions=True)
    fleet.decide(0, 10, ("v2", "percentage-in", 5))
    flushing = asyncio.create_task(reporter.flush())
    await asyncio.sleep(0)
    usage.holds.set()
    await flushing
    assert usage.sent == [{FLAG: Uses(3, 0)}, {FLAG: Uses(2, 0)}]


async def test_the_end_does_not_wait_for_a_server_that_is_away() -> None:
    fleet, usage = Fleet(), Recorder()
    reporter = UsageReporter(fleet, usage)
    usage.fails = True
    fleet.decide(0, 10, ("v2", "percentage-in", 3))
    await reporter.report()
    registered = usage.registered
    await reporter.flush()
    assert usage.registered == registered
