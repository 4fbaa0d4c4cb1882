"""Dollars are tokens times dated prices."""

from __future__ import annotations

import pytest

from tests.v2_service.stubs import settings
from v2_service.contract import Usage
from v2_service.prices import prices


def test_calls_cost_what_the_settings_say() -> None:
    made = prices(settings(price_input=1, price_output=5, price_embedding=0.02))
    assert made.of(Usage(input_tokens=2_000_000, output_tokens=100_000, calls=3)) == pytest.approx(2.5)
    assert made.of_embedding(50_000_000) == pytest.approx(1)
