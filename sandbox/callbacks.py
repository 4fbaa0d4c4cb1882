"""What the web app was told, bounded. Counterpart: `webapp`, which receives it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

LATEST_CALLBACKS = 1000


@dataclass(frozen=True, slots=True)
class Callback:
    """One call as it came; of the headers only those that say who calls, secrets as a yes or no."""

    body: dict[str, object]
    content_type: str
    has_bearer: bool
    has_api_key: bool
    status: int


class Callbacks:
    """The latest calls, oldest first."""

    def __init__(self, keep: int = LATEST_CALLBACKS) -> None:
        self.latest: deque[Callback] = deque(maxlen=keep)
