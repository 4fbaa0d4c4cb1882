"""What one worker finds out and the others should know, once a second; gateway.proxy.gossip is the workers' side.

Kept small and idempotent enough to be lost: a worker that misses a round decides by what it sees itself.
"""

from collections.abc import Mapping, Sequence

Answer = Mapping[str, object]


def news_for(receiver: int, answers: Sequence[Answer | None]) -> dict[str, object] | None:
    """What the worker at `receiver` hears of the others' answers to `gossip`; None if there is nothing to say.

    `ejected` is the longest time for which another breaker stays open, in seconds; `spent` are requests that others let
    pass, as rows of gateway.core.guards.Spent; `copied` are copies that they took today, of gateway.core.allowance.
    """
    others = [one for number, one in enumerate(answers) if number != receiver and one is not None]
    ejected = max((_seconds(one.get("ejected")) for one in others), default=0.0)
    spent = [row for one in others for row in _rows(one.get("spent"))]
    copied = [row for one in others for row in _rows(one.get("copied"))]
    heard = {"ejected": ejected, "spent": spent, "copied": copied}
    return {"op": "heard", **heard} if any(heard.values()) else None


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _rows(value: object) -> list[object]:
    return value if isinstance(value, list) else []
