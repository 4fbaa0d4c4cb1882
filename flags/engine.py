"""The SDK's own evaluation engine, for what does not compile. An edge; counterpart: Unleash's Yggdrasil library."""

import logging
from datetime import UTC, datetime

from flags.document import Document
from flags.errors import EngineUnavailableError


class YggdrasilEngine:
    """One document inside Unleash's engine. About 50 µs an answer, which is why only what must go here does."""

    def __init__(self, document: Document) -> None:
        """Load the engine and the document. Raises EngineUnavailableError."""
        try:
            from yggdrasil_engine.engine import UnleashEngine

            self._engine = UnleashEngine()
        except (ImportError, OSError, RuntimeError) as error:
            raise EngineUnavailableError(f"Unleash's engine cannot be loaded: {error}") from error
        # It logs each failed evaluation with its arguments.
        logging.getLogger("yggdrasil_engine").setLevel(logging.CRITICAL)
        try:
            self._engine.take_state(document.text)
        except Exception as error:  # foreign code raises what it likes, and the other flags must outlive it
            raise EngineUnavailableError(f"Unleash's engine does not take the document: {error}") from error

    def is_enabled(self, feature: str, user_id: str) -> bool:
        """Whether the feature is on; the context holds the user id and the time, nothing else."""
        context = {"userId": user_id, "currentTime": datetime.now(UTC).isoformat(), "properties": {}}
        return bool(self._engine.check_enabled(feature, context).is_enabled)
