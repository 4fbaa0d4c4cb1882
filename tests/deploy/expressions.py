"""Every expression of the dashboards and the rules, and the metrics that they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any  # parsed JSON and YAML

import yaml

from tests.house.sources import REPOSITORY

DASHBOARDS = sorted((REPOSITORY / "deploy/grafana/dashboards").glob("*.json"))
RULES = sorted((REPOSITORY / "deploy/prometheus/rules").glob("*.yml"))
_METRIC = re.compile(r"\b(?:(?:gateway|v2|process)_[a-z0-9_]+|[a-z_]+:[a-z0-9_]+:[a-z0-9_]+)\b")
_STRING = re.compile(r'"[^"]*"')


def panels() -> Iterator[tuple[str, str]]:
    """Where an expression stands (dashboard, panel), and the expression with Grafana's variables filled in."""
    for path in DASHBOARDS:
        dashboard: dict[str, Any] = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.stem}: {panel['title']}", filled(target["expr"])
        for mark in dashboard["annotations"]["list"]:
            yield f"{path.stem}: mark {mark['name']}", filled(mark["expr"])


def filled(expression: str) -> str:
    """As Grafana sends it."""
    return expression.replace("$__rate_interval", "1m").replace("$route", ".*")


def rules() -> Iterator[dict[str, Any]]:
    """All recording and alerting rules."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def metrics_of(expression: str) -> set[str]:
    """Names of the metrics in an expression."""
    return set(_METRIC.findall(_STRING.sub("", re.sub(r"\b(by|on) \([^)]*\)", "", expression))))
