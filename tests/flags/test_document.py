"""A document with a wrong shape is refused whole, with every problem named; odd but legal ones are read."""

import json

import pytest

from flags.document import MAX_DOCUMENT_BYTES, read_document
from flags.errors import InvalidDocumentError
from tests.flags.documents import document, feature, rollout


def problems(data: bytes) -> tuple[str, ...]:
    with pytest.raises(InvalidDocumentError) as caught:
        read_document(data)
    return caught.value.problems


def test_all_problems_are_reported_at_once() -> None:
    broken = {
        "generation": -1,
        "segments": {},
        "features": [
            {"name": "", "enabled": "yes", "strategies": None},
            7,
            {"name": "a", "enabled": True, "strategies": [{"name": 1, "parameters": {"rollout": 10}}, "x"]},
            {"name": "a", "enabled": True, "strategies": [{"name": "b", "parameters": [], "constraints": 3}]},
        ],
    }
    assert problems(json.dumps(broken).encode()) == (
        "generation must be a whole number, 0 or more",
        "segments must be a list",
        "features[0].name must be a string that is not empty",
        "features[0].enabled must be true or false",
        "features[0].strategies must be a list",
        "features[1] must be an object",
        "features[2] (a).strategies[0].name must be a string",
        'features[2] (a).strategies[0].parameters.rollout must be a string; write "10"',
        "features[2] (a).strategies[1] must be an object",
        "features[3]: there is already a feature 'a'",
        "features[3].strategies[0].constraints must be a list",
        "features[3].strategies[0].parameters must be an object",
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not JSON: Expecting value, line 1, column 1"),
        (b'{"features": [', "not JSON: Expecting value, line 1, column 15"),
        (b"\xff\xfe{}", "not UTF-8: byte 0 cannot be read"),
        (b"[]", "the document must be an object with a list of features"),
        (b"null", "the document must be an object with a list of features"),
        (b"{}", "features must be a list"),
        (b"[" * 200_000, "not a flag document: nested too deeply"),
        (b'{"features": [], "x": NaN}', "not JSON: NaN is not a number"),
        (b'{"features": [{"name": "\\ud800"}]}', "features[0].name holds half of a surrogate pair"),
    ],
    ids=["empty", "torn", "not UTF-8", "list", "null", "no features", "deep", "NaN", "surrogate"],
)
def test_what_is_not_a_document_says_so(data: bytes, problem: str) -> None:
    assert problems(data)[0] == problem


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    assert problems(b'{"features": [], "generation": ' + b"9" * 5000 + b"}")[0].startswith(
        "not JSON: Exceeds the limit"
    )


def test_a_parameter_that_cannot_be_hashed_is_refused() -> None:
    item = feature(rollout(group="x"))
    data = document(item).replace(b'"groupId": "x"', b'"groupId": "\\udfff"')
    assert problems(data) == (
        "features[0] (process-full-v2).strategies[0].parameters.groupId holds half of a surrogate pair",
    )


def test_a_document_has_a_size_limit() -> None:
    size = MAX_DOCUMENT_BYTES + 1
    assert problems(b" " * size) == (f"the document has {size} bytes; at most {MAX_DOCUMENT_BYTES} are read",)


def test_the_generation_is_ours_else_the_servers_revision_else_0() -> None:
    assert read_document(document(generation=7)).generation == 7
    assert read_document(b'{"features": [], "meta": {"revisionId": 41, "etag": "x"}}').generation == 41
    assert read_document(b'{"features": []}').generation == 0


def test_a_byte_order_mark_is_ignored() -> None:
    assert len(read_document(b"\xef\xbb\xbf" + document(feature(rollout()))).features) == 1


def test_null_in_place_of_an_optional_list_is_fine() -> None:
    item = {**rollout(), "constraints": None, "segments": None, "variants": None}
    assert len(read_document(document(feature(item, variants=None, dependencies=None))).features) == 1
