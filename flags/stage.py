"""The stage of a flag, carried by a variant `stage` of its percentage strategy, so that Unleash stores and shows it.

What the text means is for the reader to say (`gateway.core.stages`). Counterparts: `flags.compile`, the two stores.
"""

from collections.abc import Mapping

from flags.document import Json
from flags.errors import ChangeRefusedError

VARIANT = "stage"


def read_stage(strategies: object) -> str | None:
    """The payload of the first variant `stage` of these strategies; None if there is none, "" if it says nothing."""
    for strategy in strategies if isinstance(strategies, list) else ():
        variants = strategy.get("variants") if isinstance(strategy, dict) else None
        for variant in variants if isinstance(variants, list) else ():
            if isinstance(variant, dict) and variant.get("name") == VARIANT:
                payload = variant.get("payload")
                value = payload.get("value") if isinstance(payload, dict) else None
                return value if isinstance(value, str) else ""
    return None


def stage_variants(flag: str, strategy: Mapping[str, object], stage: str) -> list[Json]:
    """The variants of a strategy with the stage set.

    Raises ChangeRefusedError for a strategy with variants of another kind: the weights of both would have to add up.
    """
    variants = strategy.get("variants")
    found = variants if isinstance(variants, list) else []
    if any(not isinstance(item, dict) or item.get("name") != VARIANT for item in found):
        raise ChangeRefusedError(f"flag {flag!r} has variants of its own, so it cannot carry a stage")
    payload = {"type": "string", "value": stage}
    own: Json = {"name": VARIANT, "weight": 1000, "weightType": "variable", "stickiness": "default", "payload": payload}
    return [own]
