"""The guard's bulletin in the metrics of the gateway."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gateway.ops.guard_gauges import GuardGauges
from gateway.rollout.bulletin import Bulletin, BulletinBoard
from gateway.rollout.steps import Phase, Progress
from gateway.rollout.verdict import Finding, Severity, Verdict


def samples(gauges: GuardGauges) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(gauges.exposition().decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_phase_step_and_each_rules_verdict_are_shown(tmp_path: Path) -> None:
    flags = tmp_path / "flags.json"
    finding = Finding("user-mix", Severity.SIGNAL, Verdict.BAD, 1.5, "too few users")
    progress = Progress(Phase.HELD, step=0, expected=10, watched=30.0)
    BulletinBoard(flags).post(Bulletin(1000.0, progress, (finding,)))

    found = samples(GuardGauges(flags))

    assert (found["gateway_guard_phase", "held"], found["gateway_guard_phase", "watching"]) == (1, 0)
    assert (found["gateway_guard_step",], found["gateway_guard_percentage",]) == (0, 10)
    assert found["gateway_guard_evidence", "user-mix", "signal"] == 1.5
    assert found["gateway_guard_verdict", "user-mix", "bad"] == 1
    assert found["gateway_guard_verdict", "user-mix", "good"] == 0


def test_without_a_guard_there_is_nothing_to_show(tmp_path: Path) -> None:
    assert samples(GuardGauges(tmp_path / "flags.json")) == {}
