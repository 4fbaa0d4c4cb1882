"""Tokens to US dollars, at the dated prices of the settings."""

from __future__ import annotations

from dataclasses import dataclass

from v2_service.contract import Usage
from v2_service.settings import Settings

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens."""

    input: float
    output: float
    embedding: float

    def of(self, usage: Usage) -> float:
        """What calls of the language model cost."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / MILLION

    def of_embedding(self, tokens: int) -> float:
        """What embedding so many tokens costs."""
        return tokens * self.embedding / MILLION


def prices(settings: Settings) -> Prices:
    """The prices that the settings name."""
    return Prices(settings.price_input, settings.price_output, settings.price_embedding)
