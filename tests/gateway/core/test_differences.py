"""Differences of two JSON values: where and of what kind, never what."""

import json

import pytest

from gateway.core.differences import MAX_DEPTH, MAX_DIFFERENCES, MAX_KEYS, Difference, Kind, check_ignored, differences

UUID = "8c1f6a2e-8d2b-4c55-9f0e-2d9f3a7b1c44"
CASES = [
    ("equal objects in another order of keys", '{"a":1,"b":2}', '{"b":2,"a":1}', []),
    ("a member that is gone", '{"a":1,"b":2}', '{"a":1}', [("/b", Kind.MISSING)]),
    ("a member more", '{"a":1}', '{"a":1,"b":2}', [("/b", Kind.EXTRA)]),
    ("another type", '{"a":1}', '{"a":"1"}', [("/a", Kind.TYPE)]),
    ("null is a type", '{"a":null}', '{"a":0}', [("/a", Kind.TYPE)]),
    ("true is not 1", "[true]", "[1]", [("/*", Kind.TYPE)]),
    ("1 and 1.0 are the same number", "[1]", "[1.0]", []),
    ("NaN is itself", "[NaN]", "[NaN]", []),
    ("another value", '{"a":{"b":"x"}}', '{"a":{"b":"y"}}', [("/a/b", Kind.VALUE)]),
    ("scalars alone", "1", "2", [("/", Kind.VALUE)]),
    ("another type at the root", "[]", "{}", [("/", Kind.TYPE)]),
    ("a longer list", '{"a":[1,2]}', '{"a":[1,2,3]}', [("/a", Kind.LENGTH)]),
    ("a list in another order", '{"a":[1,2,2]}', '{"a":[2,1,2]}', [("/a", Kind.ORDER)]),
    ("elements that are not the same", '{"a":[1,2,2]}', '{"a":[1,1,2]}', [("/a/*", Kind.VALUE)]),
    ("objects in another order", '[{"a":1},{"a":2}]', '[{"a":2},{"a":1}]', [("/", Kind.ORDER)]),
    ("true and 1 are not each other's order", "[true,1]", "[1,true]", [("/", Kind.ORDER)]),
    ("lists in lists", "[[1,2],[3]]", "[[2,1],[3]]", [("/*", Kind.ORDER)]),
    ("a list's elements are one path", "[1,2,3]", "[4,5,6]", [("/*", Kind.VALUE)]),
    ("several places", '{"a":1,"b":[{"c":1}]}', '{"a":2,"b":[{"c":"1","d":0}]}',
     [("/a", Kind.VALUE), ("/b/*/c", Kind.TYPE), ("/b/*/d", Kind.EXTRA)]),
]  # fmt: skip


def found(control: str, candidate: str, ignored: tuple[str, ...] = ()) -> list[tuple[str, Kind]]:
    return [tuple(one) for one in differences(json.loads(control), json.loads(candidate), ignored)]


@pytest.mark.parametrize(("control", "candidate", "wanted"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_a_difference_has_a_path_and_a_kind(control: str, candidate: str, wanted: list[tuple[str, Kind]]) -> None:
    assert found(control, candidate) == wanted


@pytest.mark.parametrize(
    ("ignored", "wanted"),
    [
        ("/items/*/id", ["/at", "/items/*/tags/*"]),
        ("/items", ["/at"]),
        ("/at", ["/items/*/id", "/items/*/tags/*"]),
        ("/items/0/id", ["/at", "/items/*/tags/*"]),
        ("/items/1/id", ["/at", "/items/*/id", "/items/*/tags/*"]),
        ("/items/*/*", ["/at"]),
        ("/items/*/ID", ["/at", "/items/*/id", "/items/*/tags/*"]),
        ("/", []),
    ],
)
def test_an_ignored_path_covers_what_lies_below(ignored: str, wanted: list[str]) -> None:
    control = '{"at":1,"items":[{"id":1,"tags":["a"]}]}'
    candidate = '{"at":2,"items":[{"id":2,"tags":["b"]}]}'
    assert [path for path, _ in found(control, candidate, (ignored,))] == wanted


def test_an_ignored_member_may_be_missing_or_extra() -> None:
    assert found('{"a":1}', '{"b":1}', ("/a", "/b")) == []


def test_order_does_not_depend_on_what_is_ignored() -> None:
    control, candidate = '[{"a":1,"t":1},{"a":2,"t":2}]', '[{"a":2,"t":3},{"a":1,"t":4}]'
    assert found(control, candidate, ("/*/t",)) == [("/", Kind.ORDER)]
    assert found(control, candidate) == [("/*/a", Kind.VALUE), ("/*/t", Kind.VALUE)]


def test_a_slash_in_a_key_is_escaped_in_ignored_paths() -> None:
    assert found('{"a/b":1}', '{"a/b":2}', ("/a~1b",)) == []
    assert found('{"a~b":1}', '{"a~b":2}', ("/a~0b",)) == []


@pytest.mark.parametrize("key", [UUID, UUID.replace("-", ""), "someone@example.org", "4711", "a b", "", "x" * 41, "ü"])
def test_a_key_that_looks_like_data_is_not_shown(key: str) -> None:
    assert differences({"users": {key: 1}}, {"users": {key: 2}}) == [Difference("/users/*", Kind.VALUE)]


@pytest.mark.parametrize("key", ["user_id", "createdAt", "chunks_v2", "_id", "$schema", "last-seen"])
def test_a_key_that_looks_like_a_name_is_shown(key: str) -> None:
    assert differences({key: 1}, {key: 2}) == [Difference(f"/{key}", Kind.VALUE)]


def test_the_keys_of_a_large_map_are_data() -> None:
    control = {f"k{chr(97 + n % 26)}{chr(97 + n // 26)}": n for n in range(MAX_KEYS + 1)}
    assert differences(control, control | {"kaa": -1}) == [Difference("/*", Kind.VALUE)]


def test_no_value_is_carried() -> None:
    assert "secret" not in str(differences({"a": "secret one"}, {"a": "secret two"}))


def test_there_is_a_limit_to_depth() -> None:
    control, candidate = "[" * 200 + "1" + "]" * 200, "[" * 200 + "2" + "]" * 200
    assert found(control, candidate) == [("/*" * MAX_DEPTH, Kind.VALUE)]


def test_the_deepest_value_that_json_reads_does_no_harm() -> None:
    depth = 100_000
    while True:
        try:
            control = json.loads("[" * depth + "1" + "]" * depth)
            break
        except RecursionError:
            depth = depth * 9 // 10
    candidate = json.loads("[" * depth + "2" + "]" * depth)
    assert differences(control, candidate) == [Difference("/*" * MAX_DEPTH, Kind.VALUE)]


def test_there_is_a_limit_to_the_number() -> None:
    control = {f"k{chr(97 + n % 26)}": {f"m{chr(97 + m)}": 0 for m in range(26)} for n in range(26)}
    candidate = {key: dict.fromkeys(members, 1) for key, members in control.items()}
    assert len(differences(control, candidate)) == MAX_DIFFERENCES


@pytest.mark.parametrize("path", ["", "a", "a/b", "//", "/a/", "/a//b", "/" + "x" * 101, "/a" * 33])
def test_what_is_no_path_cannot_be_ignored(path: str) -> None:
    with pytest.raises(ValueError, match="a path like"):
        check_ignored(path)
    with pytest.raises(ValueError, match="a path like"):
        differences(1, 1, [path])


@pytest.mark.parametrize("path", ["/", "/a", "/a/*/b", "/*", "/a b", "/a~1b"])
def test_what_is_a_path_can(path: str) -> None:
    check_ignored(path)
