"""What is left of legacy's room."""

from gateway.observe.headroom import QUIET_SECONDS, Headroom


def worker(in_use: int, failures: int) -> dict[str, object]:
    errors = [
        ["legacy", "connect", "upstream", "upstream-unreachable", failures],
        ["v2", "connect", "upstream", "x", 9],
    ]
    pool = {"open": in_use + 3, "idle": 3, "waiting": 1}
    return {"counters": {"errors": errors}, "pools": {"legacy": pool, "v2": {"open": 50, "idle": 0, "waiting": 0}}}


def test_all_workers_are_counted() -> None:
    found = Headroom(100).look([worker(4, 0), worker(6, 0), {"worker": 2}], 0.0)
    assert found == {"healthy": True, "in_flight": 12, "limit": 200}


def test_nobody_who_answers_means_that_nothing_is_known() -> None:
    assert Headroom(100).look([{"worker": 0}], 0.0) is None


def test_a_connection_that_fails_is_held_against_legacy_for_a_while() -> None:
    headroom = Headroom(100)

    def healthy(failures: int, now: float) -> object:
        found = headroom.look([worker(0, failures)], now)
        assert found is not None
        return found["healthy"]

    # What failed before anybody looked is not news, and neither is a new worker that counts from zero.
    assert [healthy(5, 0.0), healthy(6, 1.0), healthy(6, QUIET_SECONDS), healthy(6, QUIET_SECONDS + 1.5)] == [
        True,
        False,
        False,
        True,
    ]
    assert healthy(0, 100.0) is True
