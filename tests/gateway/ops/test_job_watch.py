"""Once a second v2 is asked which jobs run; the workers hear of it, also when v2 falls silent, but not for ever."""

import pytest

from gateway.ops.job_watch import JobWatch
from gateway.proxy.pinning import Listed
from tests.gateway.ops.fleet import StandInFleet
from tests.gateway.ops.job_list import JobList, job_list


class Clock:
    """Seconds, as the test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def watching(v2: JobList, clock: Clock) -> tuple[JobWatch, StandInFleet]:
    fleet = StandInFleet()
    return JobWatch(fleet, v2.client, max_age=60, clock=clock), fleet


async def test_users_of_running_jobs_are_pinned_and_freed() -> None:
    clock = Clock()
    async with job_list("bob", "ann", "bob") as v2:
        watch, fleet = watching(v2, clock)
        await watch.look()
        clock.now += 1
        await watch.look()
        del v2.jobs["job-2"]
        clock.now += 1
        await watch.look()
    assert fleet.told == [
        Listed(1, 100.0, ("ann", "bob")),
        Listed(1, 101.0, ("ann", "bob")),
        Listed(2, 102.0, ("bob",)),
    ]
    assert (watch.seen().running, watch.seen().listed, watch.seen().error) == (2, 1, None)


async def test_a_v2_that_lists_no_jobs_pins_nobody() -> None:
    async with job_list("ann") as v2:
        v2.trouble = 404, {}
        watch, fleet = watching(v2, Clock())
        await watch.look()
    assert fleet.told == []
    assert (watch.seen().running, watch.seen().error) == (None, "v2 answered 404 when asked for its jobs")


async def test_what_a_silent_v2_said_last_stands_until_it_is_too_old() -> None:
    clock = Clock()
    async with job_list("ann") as v2:
        watch, fleet = watching(v2, clock)
        await watch.look()
        v2.trouble = 503, {}
        clock.now = 160.0
        await watch.look()
        assert fleet.told[-1] == Listed(1, 100.0, ("ann",))
        assert (watch.seen().running, watch.seen().age) == (1, 60.0)
        clock.now = 160.1
        await watch.look()
        assert len(fleet.told) == 2
        assert (watch.seen().running, watch.seen().listed) == (None, 0)
        v2.trouble = None
        clock.now = 300.0
        await watch.look()
    assert fleet.told[-1] == Listed(1, 300.0, ("ann",))


async def test_a_v2_in_trouble_is_asked_less_and_less_often() -> None:
    clock = Clock()
    async with job_list() as v2:
        v2.trouble = 503, {}
        watch, _ = watching(v2, clock)
        for second in range(40):
            clock.now = 100.0 + second
            await watch.look()
        assert len(v2.asked) == 7  # after 0, 1, 3, 7, 15, 25 and 35 s
        v2.trouble = None
        for second in range(40, 60):
            clock.now = 100.0 + second
            await watch.look()
    assert watch.seen().running == 0
    assert len(v2.asked) > 20


@pytest.mark.parametrize(("users", "shown"), [((), "0.0"), (("ann", "bob"), "2.0")])
async def test_running_jobs_are_a_metric(users: tuple[str, ...], shown: str) -> None:
    async with job_list(*users) as v2:
        watch, _ = watching(v2, Clock())
        assert "gateway_v2_jobs_running NaN" in watch.exposition().decode()
        await watch.look()
        assert f"gateway_v2_jobs_running {shown}" in watch.exposition().decode()
        assert "gateway_v2_jobs_error 0.0" in watch.exposition().decode()
