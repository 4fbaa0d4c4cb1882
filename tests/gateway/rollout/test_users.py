"""Distinct users in bounded memory."""

import json

from gateway.rollout.users import DistinctUsers


def test_a_user_is_first_once() -> None:
    users = DistinctUsers()
    assert users.first("a")
    assert not users.first("a")
    assert users.first("b")


def test_memory_is_bounded_and_nobody_is_counted_twice() -> None:
    users = DistinctUsers(limit=100)
    first = [number for number in range(5000) if users.first(str(number))]
    assert len(users) <= 100
    assert 100 < len(first) < 1000  # a sample that gets thinner
    assert not any(users.first(str(number)) for number in first)


def test_it_goes_on_from_its_dump() -> None:
    users, other = DistinctUsers(limit=50), DistinctUsers(limit=50)
    for number in range(300):
        users.first(str(number))
    other.load(json.loads(json.dumps(users.dump())))
    assert [other.first(str(n)) for n in range(600)] == [users.first(str(n)) for n in range(600)]
