"""Jobs wait until they are old enough, whoever runs them."""

import json

from gateway.core.decide import Backend
from gateway.rollout.job_queue import GRACE, MAX_WAITING, JobQueue
from tests.gateway.rollout.records import job_end, job_start


def test_a_job_is_looked_at_once_per_line_at_its_age() -> None:
    queue = JobQueue(["soon", "late"])
    queue.started(job_start(1, "a", v2=True, accepted_at=0.0), Backend.V2)
    assert queue.due("soon", 60, 60 + GRACE - 1) == []
    assert [job.id for job in queue.due("soon", 60, 60 + GRACE)] == ["a"]
    assert queue.due("soon", 60, 1000) == []
    assert [job.id for job in queue.due("late", 600, 1000)] == ["a"]
    assert len(queue) == 0


def test_oldest_first_however_they_arrive() -> None:
    queue = JobQueue(["line"])
    for number, accepted_at in enumerate((30.0, 10.0, 20.0)):
        queue.started(job_start(number, str(number), v2=True, accepted_at=accepted_at), Backend.V2)
    assert [job.accepted_at for job in queue.due("line", 0, 1000)] == [10.0, 20.0, 30.0]


def test_only_a_users_first_job_waits() -> None:
    queue = JobQueue(["line"])
    first = job_start(1, "a", v2=True, accepted_at=0.0)
    queue.started(first, Backend.V2)
    queue.started(first, Backend.V2)
    assert len(queue.due("line", 0, 1000)) == 1


def test_a_void_end_makes_it_forgotten() -> None:
    queue, start = JobQueue(["line"]), job_start(1, "a", v2=True, accepted_at=0.0)
    queue.started(start, Backend.V2)
    queue.ended(job_end(start, 5, void=True))
    assert queue.due("line", 0, 1000) == []


def test_there_is_room_for_so_many() -> None:
    queue = JobQueue(["line"])
    for number in range(MAX_WAITING + 3):
        queue.started(job_start(number, str(number), v2=True, accepted_at=0.0), Backend.V2)
    assert (len(queue), queue.dropped) == (MAX_WAITING, 3)


def test_it_goes_on_from_its_dump() -> None:
    queue, other = JobQueue(["a", "b"]), JobQueue(["a", "b"])
    for number in range(5):
        start = job_start(number, str(number), v2=True, accepted_at=float(number))
        queue.started(start, Backend.V2)
        queue.ended(job_end(start, 3.0, failed=number == 2))
    queue.due("a", 0, GRACE + 2)
    other.load(json.loads(json.dumps(queue.dump())))
    assert other.due("a", 0, 1000) == queue.due("a", 0, 1000)
    assert other.due("b", 0, 1000) == queue.due("b", 0, 1000)
    assert len(other) == len(queue) == 0
