"""The metrics keep to Prometheus' conventions, as its own tool sees them."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.observe.evidence import Evidence
from gateway.observe.exposition import Exposition
from gateway.observe.observation import Observation, ObservationConfig
from gateway.observe.pipelines import Pipelines
from tests.gateway.observe.test_exposition import busy, snapshot
from tests.gateway.observe.test_pipelines import Nobody, Tables


async def page(folder: Path) -> bytes:
    observation = Observation(Nobody(), ObservationConfig(folder))
    await observation.open()
    evidence: Evidence = observation.evidence
    observation.pipelines = Pipelines(Tables(), evidence)
    found = Exposition().render([snapshot(busy(2))]) + observation.exposition()
    await observation.close()
    return found


def test_promtool_finds_nothing(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=asyncio.run(page(tmp_path)), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
