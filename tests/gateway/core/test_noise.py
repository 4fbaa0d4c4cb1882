"""The noise filter: a path counts if the candidate differs there more than the control differs from itself."""

import json
from collections.abc import Iterable

import pytest

from gateway.core.differences import Difference, Kind
from gateway.core.noise import MAX_PATHS, MIN_REPEATED, OTHER, Comparisons, Finding, Standing, comparisons, judge


def at(*paths: str, kind: Kind = Kind.VALUE) -> list[Difference]:
    return [Difference(path, kind) for path in paths]


def many(compared: Iterable[list[Difference]], repeated: Iterable[list[Difference]]) -> Comparisons:
    counts = Comparisons()
    for found in compared:
        counts.compare(found)
    for found in repeated:
        counts.repeat(found)
    return counts


@pytest.mark.parametrize(
    ("raw", "compared", "noise", "repeated", "standing"),
    [
        (10, 100, 0, 100, Standing.DIFFERENT),
        (10, 100, 10, 100, Standing.NOISE),
        (10, 100, 12, 100, Standing.NOISE),
        (15, 100, 10, 100, Standing.NOISE),  # relative 20 %, and it must be more
        (16, 100, 10, 100, Standing.DIFFERENT),
        (3, 10_000, 0, 10_000, Standing.NOISE),  # absolute 0.03 %, and it must be more
        (4, 10_000, 0, 10_000, Standing.DIFFERENT),
        (100, 1000, 10, 100, Standing.NOISE),  # equal shares
        (100, 1000, 1, 100, Standing.DIFFERENT),
        (0, 100, 0, 100, Standing.NOISE),
        (0, 0, 5, 100, Standing.NOISE),
        (100, 100, 0, MIN_REPEATED - 1, Standing.UNKNOWN),
        (100, 100, 0, MIN_REPEATED, Standing.DIFFERENT),
    ],
)
def test_a_path_counts_by_diffys_rule(raw: int, compared: int, noise: int, repeated: int, standing: Standing) -> None:
    assert judge(raw, compared, noise, repeated) is standing


def test_a_request_counts_once_for_a_path_whatever_kinds_it_has() -> None:
    counts = many([at("/a") + at("/a", kind=Kind.TYPE)], [[]] * MIN_REPEATED)
    assert counts.findings() == [Finding("/a", 1, 0, {"value": 1, "type": 1}, Standing.DIFFERENT)]


def test_what_matters_stands_first_then_what_is_frequent() -> None:
    counts = many([at("/time", "/rare", "/often"), at("/time", "/often"), []], [at("/time")] * MIN_REPEATED)
    assert [(one.path, one.standing) for one in counts.findings()] == [
        ("/often", Standing.DIFFERENT),
        ("/rare", Standing.DIFFERENT),
        ("/time", Standing.NOISE),
    ]


def test_paths_are_bounded_and_the_rest_is_counted_together() -> None:
    counts = many([at(f"/p{n}") for n in range(MAX_PATHS + 50)], [at("/new", "/p1")])
    assert len(counts.raw) == MAX_PATHS + 1
    assert counts.raw[OTHER] == 50
    assert counts.noise == {OTHER: 1, "/p1": 1}


def test_paths_of_one_request_are_bounded_too() -> None:
    counts = many([at(*(f"/p{n}" for n in range(MAX_PATHS + 50)))], [])
    assert len(counts.raw) == MAX_PATHS + 1
    assert counts.raw[OTHER] == 1


def test_workers_add_up() -> None:
    one = many([at("/a"), at("/b")], [at("/a")] * 15)
    other = many([at("/a", kind=Kind.TYPE)], [at("/c")] * 15)
    one.add(other)
    assert (one.compared, one.repeated) == (3, 30)
    assert {found.path: (found.raw, found.noise, found.kinds) for found in one.findings()} == {
        "/a": (2, 15, {"value": 1, "type": 1}),
        "/b": (1, 0, {"value": 1}),
        "/c": (0, 15, {}),
    }


def test_adding_up_is_bounded_too() -> None:
    one = many([at(f"/p{n}") for n in range(MAX_PATHS)], [])
    one.add(many([at(f"/q{n}") for n in range(MAX_PATHS)], []))
    assert len(one.raw) == MAX_PATHS + 1
    assert one.raw[OTHER] == MAX_PATHS


def test_it_travels_as_json() -> None:
    counts = many([at("/a", "/b"), at("/a")], [at("/a")])
    assert comparisons(json.loads(json.dumps(counts.plain()))) == counts


@pytest.mark.parametrize("plain", [None, {}, {"compared": 1}, {**Comparisons().plain(), "kinds": {"/a": {"odd": 1}}}])
def test_anything_else_is_refused(plain: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        comparisons(plain)
