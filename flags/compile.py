"""Turn Unleash features into thresholds and sets, once per change. Counterparts: `flags.document`, `flags.evaluate`.

What Unleash's clients do with odd parameters was measured on its engine and is repeated here: a percentage that is not
a plain whole number from 0 to 100 turns its strategy off for everybody, an empty list of strategies means on.
What cannot become a threshold or a set is left to the SDK's engine, and the feature says why.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Protocol

from flags.document import Document, Json, read_document
from flags.errors import EngineUnavailableError
from flags.model import CompiledFeature, Kind, Snapshot, Strategy
from flags.pinning import read_suspended
from flags.stage import read_stage

_PERCENTAGE = re.compile(r"\+?0*([0-9]{1,3})", re.ASCII)
_NUMBER = re.compile(r"\+?[0-9]+", re.ASCII)
_ENGINE_READS_DIFFERENTLY = re.compile(r'["\\\x1c-\x1f]')
"""Characters that Unleash's engine reads in its own way: quotes and escapes inside its rules, odd white space."""

_ORDER = {Kind.USERS: 0, Kind.ROLLOUT: 1, Kind.EVERYBODY: 2}
"""Lists settle a question before percentages do. Strategies are OR-ed, so the order changes only the stated reason."""


class Engine(Protocol):
    """The SDK's evaluation engine, holding one document."""

    def is_enabled(self, feature: str, user_id: str) -> bool:
        """Whether the feature is on for this user; False if the engine fails."""
        ...


EngineFactory = Callable[[Document], Engine]


def compile_document(data: bytes, *, source: str, engine: EngineFactory | None = None) -> Snapshot:
    """Compile a client-features document. `engine` is called only if some feature needs it.

    Raises InvalidDocumentError with all problems at once. Without an engine, features that need one are off.
    """
    document = read_document(data)
    drafts = [_compile_feature(feature) for feature in document.features]
    held, warnings = None, [f"{draft.name}: {text}" for draft in drafts for text in draft.warnings]
    if engine is not None and any(draft.uncompiled for draft in drafts):
        try:
            held = engine(document)
        except EngineUnavailableError as error:
            warnings.append(f"{error}; features that need it are off")
    features = {draft.name: draft.finish(held) for draft in drafts}
    return Snapshot(document.generation, MappingProxyType(features), source, document.digest, tuple(warnings))


@dataclass
class _Draft:
    """One feature while it is being compiled."""

    name: str
    enabled: bool
    strategies: list[Strategy] = field(default_factory=list)
    uncompiled: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stage: str | None = None
    pins_suspended: bool = False

    def finish(self, engine: Engine | None) -> CompiledFeature:
        strategies = tuple(sorted(self.strategies, key=lambda strategy: _ORDER[strategy.kind]))
        lead = next((strategy for strategy in strategies if strategy.kind is Kind.ROLLOUT), None)
        ask = partial(engine.is_enabled, self.name) if self.uncompiled and engine is not None else None
        return CompiledFeature(
            self.name, self.enabled, strategies, lead, tuple(self.uncompiled), ask, self.stage, self.pins_suspended
        )


def _compile_feature(feature: Json) -> _Draft:
    draft = _Draft(str(feature["name"]), feature["enabled"] is True, stage=read_stage(feature.get("strategies")))
    draft.pins_suspended = read_suspended(feature.get("strategies"))
    if feature.get("dependencies"):
        draft.uncompiled.append("depends on another feature")
    strategies = feature["strategies"]
    assert isinstance(strategies, list)
    if not strategies:
        draft.strategies.append(Strategy(Kind.EVERYBODY))
        draft.warnings.append("has no strategies, which in Unleash means on for everybody")
    for strategy in strategies:
        _compile_strategy(draft, strategy)
    return draft


def _compile_strategy(draft: _Draft, strategy: Json) -> None:
    name = str(strategy["name"])
    parameters = strategy.get("parameters") or {}
    assert isinstance(parameters, dict)
    if strategy.get("disabled"):
        draft.warnings.append(f"strategy {name} says disabled, which Unleash's clients ignore; remove it instead")
    only, never = _user_constraints(draft, strategy)
    if strategy.get("segments"):
        draft.uncompiled.append("uses segments")
    match name:
        case "default":
            draft.strategies.append(Strategy(Kind.EVERYBODY, only=only, never=never))
        case "userWithId":
            users = _user_list(draft, parameters)
            draft.strategies.append(Strategy(Kind.USERS, users=users, only=only, never=never))
        case "flexibleRollout":
            _flexible_rollout(draft, parameters, only, never)
        case "gradualRolloutUserId":
            group_id = parameters.get("groupId")
            if group_id is None:
                draft.warnings.append("strategy gradualRolloutUserId has no groupId, so it is off for everybody")
            else:
                _rollout(draft, name, group_id, parameters.get("percentage"), only, never)
        case _:
            draft.uncompiled.append(f"strategy {name} is not about user ids alone")


def _flexible_rollout(
    draft: _Draft, parameters: dict[str, str], only: frozenset[str] | None, never: frozenset[str]
) -> None:
    stickiness = parameters.get("stickiness", "default")
    if stickiness == "random":
        draft.warnings.append("stickiness random: the same user may get another answer each time")
    if stickiness not in ("default", "userId"):
        draft.uncompiled.append(f"stickiness {stickiness!r} is not the user id")
        return
    group_id = parameters.get("groupId", draft.name)
    _rollout(draft, "flexibleRollout", group_id, parameters.get("rollout"), only, never)


def _rollout(
    draft: _Draft, name: str, group_id: str, raw: str | None, only: frozenset[str] | None, never: frozenset[str]
) -> None:
    if _ENGINE_READS_DIFFERENTLY.search(group_id):
        draft.uncompiled.append(f"groupId {group_id!r} holds a quotation mark or an escape")
        return
    if not group_id:
        draft.warnings.append('groupId is "": SDKs disagree about it; name the group')
    percentage = parse_percentage(raw)
    if percentage is None:
        text = "missing" if raw is None else repr(raw)
        draft.warnings.append(
            f"strategy {name}: percentage {text} is not a whole number from 0 to 100: off for everybody"
        )
        if raw is not None and _NUMBER.fullmatch(raw):
            draft.uncompiled.append("a percentage is more than 100, which silences the other strategies too")
        return
    rollout = Strategy(Kind.ROLLOUT, group_id=group_id, percentage=percentage, only=only, never=never)
    draft.strategies.append(rollout)


def parse_percentage(raw: str | None) -> int | None:
    """A percentage as Unleash's engine reads it: "10", "+10" and "010" are 10. None for "10.5", " 10", "101", ""."""
    match = _PERCENTAGE.fullmatch(raw) if raw is not None else None
    value = int(match[1]) if match else None
    return value if value is not None and value <= 100 else None


def _user_list(draft: _Draft, parameters: dict[str, str]) -> frozenset[str]:
    raw = parameters.get("userIds")
    if raw is None:
        draft.warnings.append("strategy userWithId has no userIds, so it is off for everybody")
        return frozenset()
    if _ENGINE_READS_DIFFERENTLY.search(raw):
        draft.uncompiled.append("userIds hold a quotation mark or an escape")
        draft.warnings.append("userIds hold a quotation mark or an escape, which Unleash's engine may misread")
        return frozenset()
    return frozenset(user.strip() for user in raw.split(","))


def _user_constraints(draft: _Draft, strategy: Json) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The allow and deny sets of a strategy's constraints on the user id; other constraints go to the engine."""
    constraints = strategy.get("constraints") or []
    assert isinstance(constraints, list)
    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    for constraint in constraints:
        values = _plain_values(constraint)
        if values is None:
            draft.uncompiled.append("has a constraint that is not a plain list of user ids")
        elif (constraint["operator"] == "IN") != bool(constraint.get("inverted")):
            only = values if only is None else only & values
        else:
            never |= values
    return only, never


def _plain_values(constraint: object) -> frozenset[str] | None:
    if not isinstance(constraint, dict) or constraint.get("contextName") != "userId":
        return None
    values = constraint.get("values")
    if constraint.get("operator") not in ("IN", "NOT_IN") or constraint.get("inverted", False) not in (True, False):
        return None
    if not isinstance(values, list) or not values or not _all_plain(values):
        return None
    return frozenset(values)


def _all_plain(values: Iterable[object]) -> bool:
    return all(isinstance(value, str) and not _ENGINE_READS_DIFFERENTLY.search(value) for value in values)
