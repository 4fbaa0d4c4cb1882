"""Evaluation agrees with Unleash's own specification wherever the question can be put with a user id alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flags.compile import compile_document
from flags.engine import YggdrasilEngine
from flags.evaluate import evaluate
from flags.model import CompiledFeature

SPECIFICATIONS = sorted((Path(__file__).parent / "specification").glob("[0-9]*.json"))


def cases() -> Iterator[tuple[str, CompiledFeature, str, bool]]:
    """Description, feature, user id and expectation of each test that names a user and needs nothing else."""
    for path in SPECIFICATIONS:
        specification = json.loads(path.read_text())
        if "features" not in specification["state"]:  # the delta API, which open-source servers do not offer
            continue
        data = json.dumps(specification["state"]).encode()
        snapshot = compile_document(data, source=path.name, engine=YggdrasilEngine)
        for test in specification.get("tests", ()):
            feature, context = snapshot.features.get(test["toggleName"]), test["context"]
            if feature is None or "userId" not in context:
                continue
            if not feature.uncompiled or set(context) == {"userId"}:
                yield f"{path.stem}: {test['description']}", feature, context["userId"], test["expectedResult"]


CASES = list(cases())


@pytest.mark.parametrize(("description", "feature", "user_id", "expected"), CASES, ids=[case[0] for case in CASES])
def test_agrees(description: str, feature: CompiledFeature, user_id: str, expected: bool) -> None:
    assert evaluate(feature, user_id).enabled is expected


def test_a_good_part_of_the_specification_is_about_user_ids() -> None:
    assert len(CASES) >= 50
    assert sum(not feature.uncompiled for _, feature, _, _ in CASES) >= 10
