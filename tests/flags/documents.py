"""Flag documents for tests: small builders that speak Unleash's format."""

import json
from collections.abc import Mapping, Sequence

from flags.compile import compile_document
from flags.engine import YggdrasilEngine
from flags.model import CompiledFeature, Snapshot

GROUP = "process-full-v2"


def rollout(
    percentage: str = "50", *, group: str = GROUP, stickiness: str = "userId", **more: object
) -> dict[str, object]:
    """A flexibleRollout strategy; `more` are further members of the strategy."""
    parameters = {"rollout": percentage, "stickiness": stickiness, "groupId": group}
    return {"name": "flexibleRollout", "parameters": parameters, **more}


def strategy(name: str, parameters: Mapping[str, object] | None = None, **more: object) -> dict[str, object]:
    """Any strategy."""
    return {"name": name, "parameters": dict(parameters or {}), **more}


def constraint(operator: str, *values: str, name: str = "userId", **more: object) -> dict[str, object]:
    """A constraint on a field of the context."""
    return {"contextName": name, "operator": operator, "values": list(values), **more}


def feature(
    *strategies: Mapping[str, object], name: str = GROUP, enabled: bool = True, **more: object
) -> dict[str, object]:
    """A feature with these strategies."""
    return {"name": name, "enabled": enabled, "strategies": [dict(item) for item in strategies], **more}


def document(*features: Mapping[str, object], generation: int = 1, **more: object) -> bytes:
    """A client-features document."""
    content = {"version": 2, "generation": generation, "features": [dict(item) for item in features], **more}
    return json.dumps(content, ensure_ascii=False).encode()


def at(percentage: int | str, generation: int = 1) -> bytes:
    """The document of the one flag at a percentage."""
    return document(feature(rollout(str(percentage))), generation=generation)


def compiled(*features: Mapping[str, object]) -> Snapshot:
    """These features, compiled, with the SDK's engine for what needs it."""
    return compile_document(document(*features), source="test", engine=YggdrasilEngine)


def compiled_feature(*strategies: Mapping[str, object], enabled: bool = True, **more: object) -> CompiledFeature:
    """One feature with these strategies, compiled."""
    return compiled(feature(*strategies, enabled=enabled, **more)).features[GROUP]


def users(count: int, prefix: str = "user-") -> Sequence[str]:
    """Made-up user ids."""
    return [f"{prefix}{number}" for number in range(count)]
