"""What the running model stand-ins remember: settings, tokens per model, batches. One per application."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TypedDict

from fastapi import FastAPI

from sandbox.models.batches import BatchStore
from sandbox.models.settings import ModelSettings


class ModelUse(TypedDict):
    """What one model was asked for."""

    requests: int
    input_tokens: int
    output_tokens: int


class ModelReport(TypedDict):
    """All counters as the control plane shows them."""

    models: dict[str, ModelUse]
    batches: int


MODELS_COUNTED = 200


@dataclass(slots=True)
class ModelDesk:
    """Settings are replaced whole; counters only grow until `clear`."""

    settings: ModelSettings = field(default_factory=ModelSettings)
    batches: BatchStore = field(default_factory=lambda: BatchStore(time.time))
    uses: dict[str, ModelUse] = field(default_factory=dict)

    def count(self, model: str, input_tokens: int, output_tokens: int) -> None:
        """Count one answered request; names beyond `MODELS_COUNTED` are counted together as "other"."""
        name = model if model in self.uses or len(self.uses) < MODELS_COUNTED else "other"
        use = self.uses.setdefault(name, ModelUse(requests=0, input_tokens=0, output_tokens=0))
        use["requests"] += 1
        use["input_tokens"] += input_tokens
        use["output_tokens"] += output_tokens

    def report(self) -> ModelReport:
        """Counters so far."""
        return ModelReport(
            models={name: ModelUse(**use) for name, use in sorted(self.uses.items())}, batches=len(self.batches)
        )

    def clear(self) -> None:
        """Forget counters and batches; settings stay."""
        self.uses.clear()
        self.batches.clear()


def desk_of(app: FastAPI) -> ModelDesk:
    """The desk of `app`, for the control plane as well as for the stand-ins."""
    desk = getattr(app.state, "models", None)
    if not isinstance(desk, ModelDesk):
        desk = app.state.models = ModelDesk()
    return desk
