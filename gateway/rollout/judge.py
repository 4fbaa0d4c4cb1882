"""Hears the evidence of one step and says what it means. Pure: time is given, memory is `dump`. Counterpart: `guard`.

Each record is heard once: numbers up to the last one heard are passed over, within one epoch of the stream. What a
record meant to a rule is part of the dump, so a guard that is restarted goes on exactly where the dump was made.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.rollout.bets import BLOCKS
from gateway.rollout.cohorts import Cohorts
from gateway.rollout.evidence import CohortTally, JobOutcome, JobStart, Record, RequestOutcome
from gateway.rollout.job_queue import JobQueue
from gateway.rollout.rule import Rule, RuleSpec, Setting, section
from gateway.rollout.rule_table import new_rule, tallied_rule
from gateway.rollout.verdict import Finding, Severity

SETTLING = 10.0
"""Seconds after a change of the percentage in which decisions are not judged: workers may still have the old one."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a step is judged by: its cohorts, its share of each error budget, its planned time, its rules.

    `tallied`: so many gateways count users themselves, and records are CohortTally alone; 0: records are single ones.
    """

    cohorts: Cohorts
    rules: tuple[RuleSpec, ...]
    guardrail_alpha: float
    signal_alpha: float
    doubt: float
    planned: float
    tallied: int = 0

    def setting(self, spec: RuleSpec) -> Setting:
        """The rule's share of the step's error budget, by weight among the rules of its severity."""
        budget = self.guardrail_alpha if spec.severity is Severity.GUARDRAIL else self.signal_alpha
        total = sum(one.weight for one in self.rules if one.severity is spec.severity)
        return Setting(self.cohorts, budget * spec.weight / total, self.doubt)


class Judge:
    """One step's rules and all they have heard."""

    def __init__(self, bench: Bench, began_at: float) -> None:
        self.bench = bench
        self.began_at = began_at
        self._rules = _rules(bench)
        self._queue = JobQueue([line for rule in self._rules for line in rule.lines()])
        self._blocks = 0
        self._now = began_at
        self.heard_at: float | None = None

    def hear(self, records: Iterable[Record]) -> None:
        """Take records in the order of their numbers."""
        for record in records:
            if isinstance(record, CohortTally):
                self._tally(record)
            elif isinstance(record, JobOutcome) and record.void:
                self._queue.ended(record)
            elif isinstance(record, RequestOutcome):
                if record.at >= self.began_at + SETTLING:
                    self._request(record)
            elif record.accepted_at >= self.began_at + SETTLING:
                self._job(record)

    def _tally(self, record: CohortTally) -> None:
        # Counts that began before the step hold users of another attempt.
        if record.percentage != self.bench.cohorts.percentage or record.began_at < self.began_at - SETTLING:
            return
        for rule in self._rules:
            rule.tally(record)
        self.heard_at = max(self.heard_at or 0.0, record.at)

    def _request(self, record: RequestOutcome) -> None:
        self._advance(record.at)
        cohort = self.bench.cohorts.of(record)
        for rule in self._rules:
            rule.request(record, cohort)
        if cohort is not None:
            self.heard_at = record.at

    def _job(self, record: JobStart | JobOutcome) -> None:
        cohort = self.bench.cohorts.of(record)
        if cohort is None:
            return
        self._queue.started(record, cohort)
        if isinstance(record, JobOutcome):
            self._queue.ended(record)
        self.heard_at = max(self.heard_at or 0.0, record.at)

    def tick(self, now: float, settled_at: float | None = None) -> None:
        """Let rules look at the jobs that are due by now, or by `settled_at` if ends after it may not be told yet.

        A side whose ends are told late would look as if it failed less.
        """
        self._advance(now)
        for rule in self._rules:
            rule.jobs(self._queue, now if settled_at is None else min(now, settled_at))

    def _advance(self, now: float) -> None:
        self._now = max(self._now, now)
        while self._now >= self.began_at + (self._blocks + 1) * self.bench.planned / BLOCKS:
            self._blocks += 1
            for rule in self._rules:
                rule.next_block()

    def fired(self, severity: Severity) -> tuple[RuleSpec, ...]:
        """Rules that have found harm. Cheap: for each second, where `findings` is for each report."""
        return tuple(rule.spec for rule in self._rules if rule.spec.severity is severity and rule.fires)

    def findings(self, *, over: bool) -> tuple[Finding, ...]:
        """What every rule says now; `over`: the planned time has passed."""
        return tuple(rule.finding(over=over) for rule in self._rules)

    def forgive_signals(self) -> None:
        """Somebody looked at the signals: they begin again. Guardrails forget nothing."""
        fresh = {rule.spec.kind: rule for rule in _rules(self.bench)}
        self._rules = [fresh[rule.spec.kind] if rule.spec.severity is Severity.SIGNAL else rule for rule in self._rules]

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "began_at": self.began_at,
            "now": self._now,
            "heard_at": self.heard_at,
            "blocks": self._blocks,
            "queue": self._queue.dump(),
            "rules": {rule.spec.kind.value: rule.dump() for rule in self._rules},
        }

    @classmethod
    def load(cls, bench: Bench, state: Mapping[str, object]) -> "Judge":
        """Take up what `dump` gave. Raises KeyError, TypeError or ValueError for anything else."""
        judge = cls(bench, float(str(state["began_at"])))
        judge._now, judge._blocks = float(str(state["now"])), int(str(state["blocks"]))
        heard_at = state["heard_at"]
        judge.heard_at = None if heard_at is None else float(str(heard_at))
        judge._queue.load(section(state, "queue"))
        rules = section(state, "rules")
        for rule in judge._rules:
            rule.load(section(rules, rule.spec.kind.value))
        return judge


def _rules(bench: Bench) -> list[Rule]:
    if bench.tallied:
        return [tallied_rule(spec, bench.setting(spec), bench.tallied) for spec in bench.rules]
    found: Sequence[Rule | None] = [new_rule(spec, bench.setting(spec)) for spec in bench.rules]
    return [rule for rule in found if rule is not None]
