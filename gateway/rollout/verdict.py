"""What a rule says: one of five verdicts, with its figures. Pure values; counterparts: `rules`, `judge`, `report`."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from math import isfinite


class Verdict(StrEnum):
    """Never just yes or no: not having seen harm is not the same as having seen none."""

    NO_DATA = "no data"
    RUNNING = "running"
    GOOD = "good"
    BAD = "bad"
    INCONCLUSIVE = "inconclusive"


class Severity(StrEnum):
    """A guardrail that is bad rolls back; a signal that is bad holds."""

    GUARDRAIL = "guardrail"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's verdict. `evidence` is e / its threshold in logarithms: at 1 the rule fires, at 0 nothing is known.

    `sentence` names the figures for a person; `figures` holds them for a program.
    """

    rule: str
    severity: Severity
    verdict: Verdict
    evidence: float
    sentence: str
    figures: dict[str, float] = field(default_factory=dict)


def plain_finding(finding: Finding) -> dict[str, object]:
    """A finding as JSON values; an endless bound is None, for JSON has no infinity."""
    figures = {name: value if isfinite(value) else None for name, value in finding.figures.items()}
    return asdict(finding) | {"figures": figures}


def overall(findings: tuple[Finding, ...]) -> tuple[Verdict, Finding | None]:
    """The step's verdict, and the finding that settles it.

    Worst first: a bad guardrail, a bad signal (which is no "bad" of the step: it is inconclusive), no data, then
    whatever keeps it from being good. Signals need not be good, only not bad.
    """
    guardrails = [one for one in findings if one.severity is Severity.GUARDRAIL]
    for verdict in (Verdict.BAD, Verdict.NO_DATA, Verdict.INCONCLUSIVE, Verdict.RUNNING):
        for one in guardrails:
            if one.verdict is verdict:
                return verdict, one
        if verdict is Verdict.BAD:
            for one in findings:
                if one.verdict is Verdict.BAD:
                    return Verdict.INCONCLUSIVE, one
    return (Verdict.GOOD, None) if guardrails else (Verdict.NO_DATA, None)
