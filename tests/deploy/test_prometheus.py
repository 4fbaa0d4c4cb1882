"""A real Prometheus scrapes the real services under a little load: panels and rules find what they ask for."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # Prometheus' answers

import httpx
import pytest

from flags.bucketing import bucket
from gateway.rollout.bulletin import Bulletin, BulletinBoard
from gateway.rollout.steps import Phase, Progress
from gateway.rollout.verdict import Finding, Severity, Verdict
from tests.deploy.expressions import metrics_of, panels, rules
from tests.deploy.machine import SECRETS, Machine
from tests.deploy.observing import Prometheus
from tests.v2_service.dry_runs import dry_run_key
from tests.v2_service.exports import export

pytestmark = pytest.mark.timeout(300)  # six imports and the services' start, on a machine that may be busy
FLAG = "process-full-v2"
CONVERSATIONS = 55  # enough for a full pass, which finds facts
SECONDS_FOR_A_WAVE = 60
DRY_RUNS_ENDED = "sum(v2_shadow_runs_finished_total)"
# Metrics whose panels stay empty while all goes well.
QUIET = {
    "gateway_upstream_errors_total": "no exchange fails",
    "gateway_fallbacks_total": "v2 takes what it is given",
    "gateway_events_total": "nothing is retried, forced or turned away",
    "gateway_exchanges_in_flight": "no request happens to be on its way",
    "gateway_jobs_findings_total": "nothing is wrong with the imports",
    "v2_model_throttled_total": "the model turns nobody away",
}
# Conditions that hold only now and then.
MARKS = ("mark flags applied", "mark kill")


def user_for(machine: Machine, backend: str) -> str:
    """A new user with an uploaded export whose bucket is on that side of 50 %."""
    while True:
        user = machine.sandbox.create_user()
        if (bucket(FLAG, user) <= 50) == (backend == "v2"):
            machine.sandbox.upload(f"user-imports/{user}/export.json", export(CONVERSATIONS))
            return user


def import_on_both_sides(machine: Machine) -> None:
    """One import per pipeline, and some other traffic."""
    for backend in ("legacy", "v2"):
        user = user_for(machine, backend)
        body = {
            "user_id": user,
            "storage_path": f"user-imports/{user}/export.json",
            "conversation_count": CONVERSATIONS,
        }
        answer = httpx.post(machine.url("gateway") + "/process-full", json=body, trust_env=False, timeout=30)
        assert (answer.status_code, answer.headers["x-gateway-backend"]) == (200, backend)
    for _ in range(20):
        httpx.get(machine.url("gateway") + "/health", trust_env=False)
        httpx.get(machine.url("gateway") + "/status", trust_env=False)


def dry_run(machine: Machine) -> None:
    """One dry run that v2 lets in, and one that it does not."""
    user = user_for(machine, "legacy")
    let_in = {"user_id": user, "storage_path": f"user-imports/{user}/export.json"}
    for body, status in ((let_in, 200), ({"user_id": user}, 503)):
        headers = {
            "authorization": f"Bearer {SECRETS['GATEWAY_V2_KEY']}",
            "x-shadow": "1",
            "idempotency-key": dry_run_key(user),
        }
        answer = httpx.post(
            machine.url("v2") + "/process-full", json=body, headers=headers, trust_env=False, timeout=30
        )
        assert answer.status_code == status, answer.text


@pytest.fixture(scope="module")
def prometheus(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """After two waves of imports, so that counters have grown while somebody looked."""
    targets = {"gateway": f"127.0.0.1:{machine.ports['ops']}", "v2": f"127.0.0.1:{machine.ports['v2']}"}
    finding = Finding("user-mix", Severity.SIGNAL, Verdict.RUNNING, 0.1, "as many users as expected")
    flags = Path(machine.environment("gateway")["GATEWAY_FLAGS"])
    BulletinBoard(flags).post(
        Bulletin(time.time(), Progress(Phase.WATCHING, step=0, expected=50, watched=60.0), (finding,))
    )
    with Prometheus(tmp_path_factory.mktemp("prometheus"), targets, SECRETS["GATEWAY_OPS_TOKEN"]) as running:
        running.until(lambda: _value(running, "count(up == 1)") == len(targets), 20, "not all is scraped")
        machine.rollout("set", FLAG, "50")
        try:
            running.until(lambda: _value(running, "min(gateway_flag_percentage)") == 50, 20, "50 % is not in force")
            before = {pipeline: _ended(running, pipeline) for pipeline in ("legacy", "v2")}
            for wave in (1, 2):
                import_on_both_sides(machine)
                for pipeline, known in before.items():
                    running.until(
                        lambda pipeline=pipeline, wanted=known + wave: _ended(running, pipeline) >= wanted,  # type: ignore[misc]  # bound now
                        SECONDS_FOR_A_WAVE,
                        f"wave {wave} of {pipeline} does not end",
                    )
                known_dry = _value(running, DRY_RUNS_ENDED)
                dry_run(machine)
                running.until(
                    lambda wanted=known_dry + 1: _value(running, DRY_RUNS_ENDED) >= wanted,  # type: ignore[misc]  # bound now
                    SECONDS_FOR_A_WAVE,
                    f"the dry run of wave {wave} does not end",
                )
            yield running
        finally:
            machine.rollout("set", FLAG, "0")


def _value(prometheus: Prometheus, expression: str) -> float:
    found = prometheus.ask(expression)
    return float(found[0]["value"][1]) if found else math.nan


def _ended(prometheus: Prometheus, pipeline: str) -> float:
    value = _value(prometheus, f'sum(gateway_jobs_ended_total{{pipeline="{pipeline}"}})')
    return 0.0 if math.isnan(value) else value


def test_both_services_are_scraped_with_the_committed_configuration(prometheus: Prometheus) -> None:
    found = {series["metric"]["job"]: series["value"][1] for series in prometheus.ask("up")}

    assert found == {"gateway": "1", "v2": "1"}


def _has_figures(found: list[dict[str, Any]]) -> bool:
    return any(not math.isnan(float(series["value"][1])) for series in found)


def test_every_panel_shows_something(prometheus: Prometheus) -> None:
    asked = [(place, expression) for place, expression in panels() if not place.endswith(MARKS)]
    wanted = [one for one in asked if not metrics_of(one[1]) & QUIET.keys()]

    def empty() -> list[tuple[str, str]]:
        return [one for one in wanted if not _has_figures(prometheus.ask(one[1]))]

    # A rate needs two looks after the last wave, a recorded one a look more.
    prometheus.until(lambda: not empty(), 15, f"panels without figures: {empty()}")
    assert len(wanted) > 60


def test_every_panel_and_mark_is_understood(prometheus: Prometheus) -> None:
    for _, expression in panels():
        prometheus.ask(expression)


def test_every_rule_can_be_evaluated(prometheus: Prometheus) -> None:
    assert {name: error for name, error in prometheus.healthy_rules().items() if error} == {}


def test_every_metric_that_is_named_exists(prometheus: Prometheus, machine: Machine) -> None:
    token = {"authorization": f"Bearer {SECRETS['GATEWAY_OPS_TOKEN']}"}
    pages = [
        httpx.get(machine.url(name) + "/metrics", headers=headers, trust_env=False).text
        for name, headers in (("ops", token), ("v2", {}))
    ]
    declared = {line.split()[2] for page in pages for line in page.splitlines() if line.startswith("# TYPE")}
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    named = {metric for _, expression in panels() for metric in metrics_of(expression)}
    named |= {metric for rule in rules() for metric in metrics_of(rule["expr"])}

    assert named - prometheus.names() - declared - recorded == set()
    assert QUIET.keys() <= named
