"""A real Prometheus with the configuration of deploy/, watching services on this machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any  # Prometheus' answers

import httpx
import pytest
import yaml

from tests.deploy.machine import free_ports
from tests.house.installed import installed
from tests.house.sources import REPOSITORY

CONFIG = REPOSITORY / "deploy/prometheus"
SECONDS_TO_START = 30


def configured(folder: Path, targets: Mapping[str, str], token: str) -> Path:
    """The committed configuration with other targets, the token in a file, and every second instead of every 15."""
    config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    secret = folder / "ops_token"
    secret.write_text(token)
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(_often(rules, folder)) for rules in sorted(CONFIG.glob("rules/*.yml"))]
    del config["alerting"]
    scraped = [one for one in config["scrape_configs"] if one["job_name"] in targets]
    for one in scraped:
        del one["dns_sd_configs"]
        one["static_configs"] = [{"targets": [targets[one["job_name"]]]}]
        if "authorization" in one:
            one["authorization"]["credentials_file"] = str(secret)
    config["scrape_configs"] = scraped
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    return file


def _often(rules: Path, folder: Path) -> Path:
    content = yaml.safe_load(rules.read_text())
    for group in content["groups"]:
        group["interval"] = "1s"
    copy = folder / rules.name
    copy.write_text(yaml.safe_dump(content))
    return copy


class Prometheus:
    """`with Prometheus(folder, targets, token) as prometheus:`; targets are addresses by job name."""

    def __init__(self, folder: Path, targets: Mapping[str, str], token: str) -> None:
        self._address = f"127.0.0.1:{free_ports(('prometheus',))['prometheus']}"
        self._command = [
            installed("prometheus"),
            f"--config.file={configured(folder, targets, token)}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self._address}",
            "--log.level=warn",
        ]
        self._log = folder / "prometheus.log"

    def __enter__(self) -> Prometheus:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        self._http = httpx.Client(base_url=f"http://{self._address}", trust_env=False, timeout=20)
        self.until(self._ready, SECONDS_TO_START, "Prometheus is not ready")
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(20)

    def _ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def until(self, holds: Callable[[], bool], seconds: float, problem: str) -> None:
        """Ask again and again; fails the test when it takes too long."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end or self._process.poll() is not None:
                pytest.fail(f"{problem}\n{self._log.read_text()[-2000:]}")
            time.sleep(0.3)  # between two looks at another process

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query. An expression that Prometheus refuses fails the test."""
        answer = self._http.post("/api/v1/query", data={"query": expression})
        content = answer.json()
        assert content["status"] == "success", f"{expression}: {content.get('error')}"
        found: list[dict[str, Any]] = content["data"]["result"]
        return found

    def names(self) -> set[str]:
        """Names of all metrics that have a series."""
        return set(self._http.get("/api/v1/label/__name__/values").json()["data"])

    def healthy_rules(self) -> Mapping[str, str]:
        """The error of each rule, by its name; empty for those that could be evaluated."""
        groups = self._http.get("/api/v1/rules").json()["data"]["groups"]
        return {rule["name"]: rule.get("lastError", "") for group in groups for rule in group["rules"]}
