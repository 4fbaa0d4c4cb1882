"""Reads a plan from TOML and checks it; all problems are told at once. Counterpart: `plan`."""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from gateway.rollout.cohorts import Control
from gateway.rollout.durations import seconds
from gateway.rollout.errors import InvalidPlanError
from gateway.rollout.plan import DEFAULT_RULES, Headroom, Hours, Plan, RampDown, Step
from gateway.rollout.rule import Kind, RuleSpec
from gateway.rollout.verdict import Severity

MAX_BYTES = 64 * 1024

_DAY_HOURS = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")
_RULES = {spec.kind: spec for spec in DEFAULT_RULES}
_AGED = frozenset({Kind.JOBS_FAILED, Kind.JOBS_DEGRADED, Kind.JOBS_SLOW})
_SEVERITIES = {"guardrails": Severity.GUARDRAIL, "signals": Severity.SIGNAL}

Value = TypeVar("Value")
Table = Mapping[str, object]


def read_plan(path: Path) -> Plan:
    """The plan in a file. Raises InvalidPlanError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidPlanError([f"{path} cannot be read: {error.strerror}"]) from error
    return parse_plan(data)


def parse_plan(data: bytes) -> Plan:
    """The plan in some bytes of TOML. Raises InvalidPlanError with every problem found."""
    if len(data) > MAX_BYTES:
        raise InvalidPlanError([f"a plan has at most {MAX_BYTES // 1024} KiB"])
    try:
        content = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidPlanError([f"not TOML: {error}"]) from error
    reader = _Reader("", content)
    plan = Plan(
        flag=reader.take("flag", _text, ""),
        steps=_steps(reader),
        rules=_rules(reader),
        alpha=reader.take("alpha", _chance, 0.05),
        signal_alpha=reader.take("signal_alpha", _chance, 0.05),
        doubt=reader.take("doubt", _chance, 0.05),
        control=reader.take("control", _control, Control.REST),
        hours=reader.take("hours", _hours, None),
        ramp_down=RampDown(reader.take("ramp_down", seconds, 0.0)),
        headroom=_headroom(reader),
        stale_after=reader.take("stale_after", seconds, 900.0),
        retire_approval=reader.take("retire_approval", _truth, True),
        digest=hashlib.sha256(data).hexdigest(),
    )
    reader.finish()
    problems = [*reader.problems, *_contradictions(plan)]
    if problems:
        raise InvalidPlanError(problems)
    return plan


class _Reader:
    """One table: takes values out of it, notes what is wrong, and notes what nobody took."""

    def __init__(self, place: str, content: Table, problems: list[str] | None = None) -> None:
        self.place, self._left = place, dict(content)
        self.problems: list[str] = [] if problems is None else problems

    def take(self, name: str, read: Callable[[object], Value], otherwise: Value) -> Value:
        """A value, or `otherwise` if it is absent or wrong."""
        if name not in self._left:
            return otherwise
        try:
            return read(self._left.pop(name))
        except ValueError as error:
            self.problems.append(f"{self.place}{name}: {error}")
            return otherwise

    def table(self, name: str) -> "_Reader":
        """A table inside."""
        found = self._left.pop(name, {})
        if not isinstance(found, dict):
            self.problems.append(f"{self.place}{name}: must be a table")
            found = {}
        return _Reader(f"{self.place}{name}.", found, self.problems)

    def tables(self, name: str) -> list["_Reader"]:
        """An array of tables inside."""
        found = self._left.pop(name, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            self.problems.append(f"{self.place}{name}: must be written as [[{name}]]")
            return []
        return [_Reader(f"{name}[{number}].", item, self.problems) for number, item in enumerate(found, 1)]

    def names(self) -> list[str]:
        """What is left."""
        return list(self._left)

    def finish(self) -> None:
        """Nothing may be left."""
        self.problems.extend(f"{self.place}{name}: there is no such setting" for name in self._left)


def _steps(reader: _Reader) -> tuple[Step, ...]:
    steps = []
    for one in reader.tables("steps"):
        steps.append(
            Step(
                one.take("percentage", _percentage, 0),
                one.take("watch", seconds, 0.0),
                one.take("weight", _positive, 1.0),
                one.take("approval", _truth, False),
                one.take("not_before", _moment, None),
            )
        )
        one.finish()
    return tuple(steps)


def _rules(reader: _Reader) -> tuple[RuleSpec, ...]:
    """The rules of both tables; where a plan has neither, the default ones."""
    found = []
    given = [name for name in _SEVERITIES if name in reader.names()]
    for name, severity in _SEVERITIES.items():
        section = reader.table(name)
        for kind in section.names():
            rule = section.table(kind)
            if kind not in list(Kind):
                reader.problems.append(f"{rule.place[:-1]}: rules are {', '.join(Kind)}")
                continue
            found.append(_rule(rule, replace(_RULES[Kind(kind)], severity=severity)))
            rule.finish()
    return tuple(found) if given else DEFAULT_RULES


def _rule(rule: _Reader, otherwise: RuleSpec) -> RuleSpec:
    return RuleSpec(
        otherwise.kind,
        otherwise.severity,
        weight=rule.take("weight", _positive, otherwise.weight),
        min_users=rule.take("min_users", _count, otherwise.min_users),
        margin=rule.take("margin", _factor, otherwise.margin),
        negligible=rule.take("negligible", _chance, otherwise.negligible),
        tolerance=rule.take("tolerance", _factor, otherwise.tolerance),
        floor=rule.take("floor", seconds, otherwise.floor),
        ages=rule.take("ages", _ages, otherwise.ages),
        ceiling=rule.take("ceiling", _chance, otherwise.ceiling),
        limit=rule.take("limit", seconds, otherwise.limit),
    )


def _headroom(reader: _Reader) -> Headroom:
    table = reader.table("headroom")
    found = Headroom(table.take("spare", _chance, 0.2), table.take("required", _truth, True))
    table.finish()
    return found


def _contradictions(plan: Plan) -> list[str]:
    """What each value allows and all together do not."""
    problems = [] if plan.flag else ["flag: must name a flag"]
    percentages = [step.percentage for step in plan.steps]
    if not percentages:
        problems.append("steps: there must be at least one")
    if any(later <= earlier for earlier, later in pairwise(percentages)):
        problems.append(f"steps: percentages must grow, not be {', '.join(map(str, percentages))}")
    for number, step in enumerate(plan.steps, 1):
        if not step.watch:
            problems.append(f"steps[{number}].watch: every step is watched for some time")
        late = [rule for rule in plan.rules if rule.kind in _AGED and rule.ages[-1] >= step.watch > 0]
        problems += [f"steps[{number}].watch: too short for {rule.kind}, whose last age is later" for rule in late]
    if len({rule.kind for rule in plan.rules}) < len(plan.rules):
        problems.append("rules: a rule is either a guardrail or a signal, not both")
    if not any(rule.severity is Severity.GUARDRAIL and rule.kind is not Kind.USER_MIX for rule in plan.rules):
        problems.append("guardrails: there must be at least one")
    if any(rule.kind is Kind.USER_MIX and rule.severity is Severity.GUARDRAIL for rule in plan.rules):
        problems.append("guardrails.user-mix: it says that evidence is wrong, not that v2 is; make it a signal")
    return problems


# One value each; a ValueError is a sentence for people ----------------------------------------------------------------


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {value!r}")
    return float(value)


def _chance(value: object) -> float:
    number = _number(value)
    if not 0.0 < number < 1.0:
        raise ValueError(f"must lie between 0 and 1, not be {number:g}")
    return number


def _positive(value: object) -> float:
    number = _number(value)
    if not number > 0.0:
        raise ValueError(f"must be above 0, not {number:g}")
    return number


def _factor(value: object) -> float:
    number = _number(value)
    if not number > 1.0:
        raise ValueError(f"must be above 1, not {number:g}")
    return number


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"must be a whole number above 0, not {value!r}")
    return value


def _percentage(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise ValueError(f"must be a whole number from 1 to 100, not {value!r}")
    return value


def _control(value: object) -> Control:
    if value not in list(Control):
        raise ValueError(f"must be one of {', '.join(Control)}, not {value!r}")
    return Control(str(value))


def _ages(value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 4:
        raise ValueError('must be a list of one to four times, like ["15m", "2h"]')
    ages = tuple(seconds(item) for item in value)
    if list(ages) != sorted(set(ages)):
        raise ValueError("must grow")
    return ages


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("must be a date and time with its zone, like 2026-01-31T08:00:00Z")
    return value.astimezone(UTC)


def _hours(value: object) -> Hours:
    text = value if isinstance(value, str) else ""
    weekdays = text.endswith(" weekdays")
    found = _DAY_HOURS.fullmatch(text.removesuffix(" weekdays"))
    if found is None:
        raise ValueError(f'must be like "08:00-16:00" or "08:00-16:00 weekdays" (UTC), not {value!r}')
    start, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if start >= end:
        raise ValueError("must begin before they end")
    return Hours(start, end, weekdays)
