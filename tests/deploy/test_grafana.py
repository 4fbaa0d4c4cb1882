"""The dashboards as files: they are what the code makes, and Grafana will find its way about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any  # parsed JSON

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.build import FOLDER, rendered
from tests.deploy.compose import raw
from tests.deploy.expressions import DASHBOARDS
from tests.house.sources import REPOSITORY

PROVISIONING = REPOSITORY / "deploy/grafana/provisioning"


def test_the_committed_dashboards_are_those_that_the_code_makes() -> None:
    assert {path.stem: path.read_text() for path in DASHBOARDS} == rendered()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: str(path.stem))
def test_a_dashboard_survives_being_read_and_written(path: Path) -> None:
    """The library drops silently what it does not know, so a wrong name shows as a difference."""
    register_default_plugins()
    content = json.loads(path.read_text())

    read = Dashboard.from_json(content)

    assert json.loads(json.dumps(read, cls=JSONEncoder)) == content


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: str(path.stem))
def test_panels_have_numbers_of_their_own_and_do_not_overlap(path: Path) -> None:
    panels: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    places = [panel["gridPos"] for panel in panels]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_the_data_source_and_the_folder_are_the_ones_that_are_provisioned() -> None:
    source = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((PROVISIONING / "dashboards/banyan.yml").read_text())["providers"][0]
    mounted = raw()["services"]["grafana"]["volumes"]

    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            if panel["type"] != "row":
                assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
    assert f"./{FOLDER.relative_to(REPOSITORY)}:{provider['options']['path']}:ro" in mounted
    assert f"./{PROVISIONING.relative_to(REPOSITORY)}:/etc/grafana/provisioning:ro" in mounted


def test_a_generation_that_is_applied_is_marked_on_every_dashboard() -> None:
    for path in DASHBOARDS:
        marks = json.loads(path.read_text())["annotations"]["list"]
        assert any("gateway_flag_generation" in mark["expr"] for mark in marks)
