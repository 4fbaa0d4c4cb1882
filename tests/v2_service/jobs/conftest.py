"""A sandbox with a middle to interrupt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.running import RunningSandbox

SLOW = {"latency_ms": 60}


@pytest.fixture(scope="session")
def slow() -> Iterator[RunningSandbox]:
    """A sandbox whose models take their time."""
    with RunningSandbox() as sandbox:
        sandbox.set_faults(anthropic=SLOW, bedrock={"latency_ms": 5})
        yield sandbox
