"""Users stay pinned while their job runs: from the moment v2 takes it until a later listing knows it no more."""

from gateway.core.pins import MAX_PINS, Pins


def listed(*users: str, version: int = 1, began: float = 10.0) -> Pins:
    pins = Pins(max_age=60)
    pins.take(version, began, users, last=True)
    return pins


def test_without_a_listing_nobody_is_pinned() -> None:
    pins = Pins(max_age=60)
    assert not pins.accept("ann", 1.0)
    assert "ann" not in pins
    assert len(pins) == 0


def test_listed_users_are_pinned() -> None:
    pins = listed("ann", "bob")
    assert "ann" in pins
    assert "bob" in pins
    assert "cid" not in pins
    assert len(pins) == 2


def test_a_user_whose_job_was_just_taken_is_pinned_at_once() -> None:
    pins = listed("ann")
    assert pins.accept("cid", 11.0)
    assert "cid" in pins
    assert len(pins) == 2
    assert not pins.accept("cid", 12.0)
    assert not pins.accept("ann", 12.0)


def test_a_listing_that_began_before_the_job_was_taken_says_nothing_about_it() -> None:
    pins = listed("ann")
    pins.accept("cid", 11.0)
    pins.take(2, 10.9, ["ann"], last=True)
    assert "cid" in pins
    assert pins.confirm(2, 11.5)
    assert "cid" not in pins


def test_a_job_that_ended_frees_its_user() -> None:
    pins = listed("ann", "bob")
    pins.take(2, 11.0, ["bob"], last=True)
    assert "ann" not in pins
    assert "bob" in pins


def test_a_listing_in_parts_is_in_force_with_its_last_part() -> None:
    pins = listed("ann")
    pins.take(2, 11.0, ["bob"], last=False)
    assert "bob" not in pins
    assert "ann" in pins
    pins.take(2, 11.0, ["cid"], last=True)
    assert [user in pins for user in ("ann", "bob", "cid")] == [False, True, True]


def test_a_part_that_is_sent_again_changes_nothing() -> None:
    pins = listed()
    pins.take(2, 11.0, ["bob"], last=False)
    pins.take(2, 11.0, ["bob"], last=False)
    pins.take(2, 11.0, ["cid"], last=True)
    assert len(pins) == 2


def test_a_listing_that_was_broken_off_leaves_nothing_behind() -> None:
    pins = listed()
    pins.take(2, 11.0, ["bob"], last=False)
    pins.take(3, 12.0, ["cid"], last=True)
    assert "bob" not in pins
    assert "cid" in pins


def test_another_version_is_not_confirmed() -> None:
    pins = listed("ann")
    assert not pins.confirm(2, 11.0)
    assert pins.heard == 10.0


def test_a_listing_grows_old() -> None:
    pins = listed("ann")
    pins.accept("cid", 69.0)
    assert not pins.expire(70.0)
    assert "ann" in pins
    assert pins.expire(70.1)
    assert "ann" not in pins
    assert "cid" not in pins
    assert (pins.version, pins.heard) == (0, None)
    assert not pins.expire(200.0)


def test_confirming_keeps_it_young() -> None:
    pins = listed("ann")
    pins.confirm(1, 60.0)
    assert not pins.expire(100.0)
    assert "ann" in pins


def test_there_is_no_room_beyond_the_bound() -> None:
    pins = listed(*(f"user-{number}" for number in range(MAX_PINS + 3)))
    assert (len(pins), pins.dropped) == (MAX_PINS, 3)
    for number in range(MAX_PINS + 2):
        pins.accept(f"more-{number}", 11.0)
    assert (len(pins), pins.dropped) == (2 * MAX_PINS, 5)
