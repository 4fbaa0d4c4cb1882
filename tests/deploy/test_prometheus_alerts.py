"""Every alert fires when it should and is silent beside it (promtool), and says what to do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any  # parsed YAML

import pytest
import yaml

from tests.deploy.alert_cases import DAYS, MINUTES, Case, Series
from tests.deploy.compose import raw
from tests.house.installed import installed
from tests.house.sources import REPOSITORY

RULES = sorted((REPOSITORY / "deploy/prometheus/rules").glob("*.yml"))


GROUPS = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
RECORDED = [group for group in GROUPS if group["name"].startswith("recorded-")]
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule
}


def example(case: Case, series: Series, fires: bool, unit: str) -> dict[str, Any]:
    """One test of promtool: whether an alert of that name is firing."""
    return {
        "interval": f"1{unit}",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{case.alert}",alertstate="firing"}}) > bool 0',
                "eval_time": f"{case.steps}{unit}",
                "exp_samples": [{"value": 1}] if fires else [],
            }
        ],
    }


def written(folder: Path, case: Case, unit: str) -> Path:
    """A file of tests for one alert. Rules that it does not need are left out: evaluating all of them takes minutes."""
    rule = ALERTS[case.alert]
    needed = RECORDED if ":" in rule["expr"] else []
    rules, file = folder / f"{case.alert}.rules.yml", folder / f"{case.alert}.yml"
    rules.write_text(yaml.safe_dump({"groups": [*needed, {"name": "alert", "rules": [rule]}]}))
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"1{unit}",
        "group_eval_order": [*(group["name"] for group in needed), "alert"],
        "tests": [example(case, case.firing, True, unit), example(case, case.silent, False, unit)],
    }
    file.write_text(yaml.safe_dump(document))
    return file


def test_each_alert_fires_when_it_should_and_is_silent_beside_it(tmp_path: Path) -> None:
    files = [written(tmp_path, case, unit) for cases, unit in ((MINUTES, "m"), (DAYS, "h")) for case in cases]

    ended = subprocess.run(
        [installed("promtool", "prometheus"), "test", "rules", *files], capture_output=True, text=True, check=False
    )

    said = ended.stdout + ended.stderr
    assert (ended.returncode, said.count("SUCCESS")) == (0, len(files)), said


def test_every_alert_has_its_cases() -> None:
    assert sorted(case.alert for case in (*MINUTES, *DAYS)) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS)
def test_every_alert_says_what_is_wrong_what_to_do_and_where_to_read_on(alert: dict[str, Any]) -> None:
    told = alert["annotations"]

    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert told["summary"]
    assert len(told["description"]) > 40
    page, _, anchor = told["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (REPOSITORY / page).read_text(), re.M)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "command",
    [
        ["promtool", "check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"],
        ["promtool", "check", "rules", *map(str, RULES)],
        ["amtool", "check-config", "deploy/alertmanager/alertmanager.yml"],
    ],
    ids=["prometheus", "rules", "alertmanager"],
)
def test_the_files_are_valid(command: list[str]) -> None:
    tool = installed(command[0], "prometheus prometheus-alertmanager")
    ended = subprocess.run([tool, *command[1:]], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_inhibited_alerts_exist() -> None:
    config = yaml.safe_load((REPOSITORY / "deploy/alertmanager/alertmanager.yml").read_text())
    matchers = [one for rule in config["inhibit_rules"] for one in (*rule["source_matchers"], *rule["target_matchers"])]

    for matcher in matchers:
        pattern = re.sub(r'^alertname=~?"(.*)"$', r"\1", matcher)
        assert all(any(re.fullmatch(name, one) for one in ALERTS) for name in pattern.split("|")), matcher


def test_what_is_scraped_is_what_the_compose_file_starts() -> None:
    config = yaml.safe_load((REPOSITORY / "deploy/prometheus/prometheus.yml").read_text())
    services = raw()["services"]
    scraped = {job["job_name"]: job for job in config["scrape_configs"]}

    found = {name: job["dns_sd_configs"][0] for name, job in scraped.items() if "dns_sd_configs" in job}
    assert {name: (one["names"], one["port"]) for name, one in found.items()} == {
        "gateway": (["gateway"], int(services["gateway"]["environment"]["GATEWAY_OPS"].rpartition(":")[2])),
        "v2": (["v2"], int(services["v2"]["environment"]["PORT"])),
    }
    secret = scraped["gateway"]["authorization"]["credentials_file"]
    assert secret.removeprefix("/run/secrets/") in services["prometheus"]["secrets"]
    assert "./deploy/prometheus:/etc/prometheus:ro" in services["prometheus"]["volumes"]
    assert "./deploy/alertmanager:/etc/alertmanager:ro" in services["alertmanager"]["volumes"]
