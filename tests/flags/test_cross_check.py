"""Compiled flags are held against Unleash's engine, and a difference is told."""

from flags.compile import compile_document
from flags.cross_check import MAX_DIFFERENCES, SAMPLE, cross_check
from flags.document import read_document
from flags.engine import YggdrasilEngine
from tests.flags.documents import GROUP, at, compiled, constraint, document, feature, rollout, strategy


def test_what_was_compiled_agrees() -> None:
    data = document(
        feature(rollout("37")),
        feature(rollout("10.5"), strategy("userWithId", {"userIds": "ann, bob"}), name="listed"),
        feature(rollout("80", constraints=[constraint("NOT_IN", "user-1")]), name="denied"),
        feature(rollout("80", stickiness="tenant"), name="asked of the engine anyway"),
    )
    snapshot = compile_document(data, source="test", engine=YggdrasilEngine)
    compared, differences = cross_check(snapshot, YggdrasilEngine(read_document(data)))
    assert differences == []
    assert compared == 3 * len(SAMPLE) + 2 + 1


def test_a_difference_is_told() -> None:
    stale = YggdrasilEngine(read_document(at(0)))
    compared, differences = cross_check(compiled(feature(rollout("100"))), stale)
    assert compared == len(SAMPLE)
    assert differences[0] == f"{GROUP}: 'user-1' is on here and off there"
    assert len(differences) == MAX_DIFFERENCES


def test_the_sample_reaches_most_buckets() -> None:
    from flags.bucketing import bucket

    assert len({bucket(GROUP, user_id) for user_id in SAMPLE}) > 75
