"""The engine that answers what does not compile passes all of Unleash's client specification, variants included."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from yggdrasil_engine.engine import UnleashEngine

Json = dict[str, Any]  # the specification's own shapes

SPECIFICATION = Path(__file__).parent / "specification"
FILES: list[str] = json.loads((SPECIFICATION / "index.json").read_text())
PUBLISHED = 279
"""Questions in version 6.1.0: 227 about flags, 52 about variants."""


def questions(kind: str) -> Iterator[tuple[str, Json, Json]]:
    """Description, state and question of each test of a kind (`tests` or `variantTests`)."""
    for name in FILES:
        specification = json.loads((SPECIFICATION / name).read_text())
        for question in specification.get(kind, ()):
            yield f"{name[:2]}: {question['description']}", specification["state"], question


TOGGLES, VARIANTS = list(questions("tests")), list(questions("variantTests"))


def engine(state: Json) -> UnleashEngine:
    found = UnleashEngine()
    found.take_state(json.dumps(state))
    return found


def context(given: Json) -> Json:
    return {"currentTime": datetime.now(UTC).isoformat(), "properties": {}, **given}


@pytest.mark.parametrize(("state", "question"), [case[1:] for case in TOGGLES], ids=[case[0] for case in TOGGLES])
def test_a_flag_is_on_or_off_as_specified(state: Json, question: Json) -> None:
    found = engine(state).check_enabled(question["toggleName"], context(question["context"]))
    assert bool(found.is_enabled) is question["expectedResult"]


@pytest.mark.parametrize(("state", "question"), [case[1:] for case in VARIANTS], ids=[case[0] for case in VARIANTS])
def test_a_variant_is_picked_as_specified(state: Json, question: Json) -> None:
    found = engine(state).check_variant(question["toggleName"], context(question["context"])).variant
    expected = question["expectedResult"]
    assert (found.name, found.enabled, found.feature_enabled) == (
        expected["name"],
        expected["enabled"],
        expected["feature_enabled"],
    )
    assert found.payload == expected.get("payload")


def test_no_question_of_the_specification_is_left_out() -> None:
    assert len(TOGGLES) + len(VARIANTS) == PUBLISHED
