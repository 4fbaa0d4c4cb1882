"""Errors survive being stored with a failed step, and know their HTTP status."""

from __future__ import annotations

import pickle

import pytest

from v2_service import errors
from v2_service.errors import (
    BudgetSpent,
    HandBackRefused,
    ImportFailed,
    ModelUnavailable,
    RequestRefused,
    ServiceFailed,
    ShadowRefused,
    V2Error,
)

CODED = (BudgetSpent, HandBackRefused, ImportFailed, ShadowRefused)


def every(kind: type[V2Error]) -> list[type[V2Error]]:
    return [kind, *(found for below in kind.__subclasses__() for found in every(below))]


@pytest.mark.parametrize("kind", every(V2Error))
def test_errors_are_drawn_in_the_tree_and_survive_pickling(kind: type[V2Error]) -> None:
    assert kind.__name__ in (errors.__doc__ or "")
    made = kind("code", "sentence") if kind in CODED else kind("sentence")  # type: ignore[call-arg]  # two shapes
    copy = pickle.loads(pickle.dumps(made))
    assert (type(copy), copy.sentence, copy.code) == (kind, "sentence", made.code)


def test_whether_trying_again_may_help_survives_too() -> None:
    assert not pickle.loads(pickle.dumps(ModelUnavailable("no", transient=False))).transient
    assert pickle.loads(pickle.dumps(ModelUnavailable("busy"))).transient


def test_refusals_are_4xx_and_never_422() -> None:
    statuses = {kind.__name__: kind.status for kind in every(RequestRefused) if issubclass(kind, RequestRefused)}
    assert all(400 <= status < 500 and status != 422 for status in statuses.values())
    assert not issubclass(ServiceFailed, RequestRefused)
