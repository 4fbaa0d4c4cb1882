"""Whether pins are suspended is read from a percentage strategy's parameters; Unleash's engine does not mind."""

import pytest

from flags.compile import compile_document
from flags.cross_check import cross_check
from flags.document import read_document
from flags.engine import YggdrasilEngine
from flags.pinning import read_suspended
from tests.flags.documents import document, feature, rollout


def test_a_strategy_says_so() -> None:
    assert not read_suspended([rollout()])
    assert read_suspended([{"name": "default"}, {"name": "flexibleRollout", "parameters": {"pins": "suspended"}}])


@pytest.mark.parametrize(
    "strategies", [None, "text", [None], [{}], [{"parameters": None}], [{"parameters": {"pins": 1}}]]
)
def test_anything_else_means_that_they_are_in_force(strategies: object) -> None:
    assert not read_suspended(strategies)


def test_unleashs_engine_does_not_mind() -> None:
    strategy = rollout("37")
    strategy["parameters"] = {**dict(strategy["parameters"]), "pins": "suspended"}  # type: ignore[call-overload]  # a dict
    data = document(feature(strategy))
    compared, differences = cross_check(compile_document(data, source="test"), YggdrasilEngine(read_document(data)))
    assert compared
    assert differences == []
