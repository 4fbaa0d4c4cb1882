"""Health: the modules that the pipeline consists of, imported and named one by one (S-56, S-58, S-119)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from datetime import datetime

from fastapi.responses import JSONResponse

SERVICE = "v2_service"
PROCESSORS = "v2_service.processors"
MODULES = (
    "export",
    "conversation_chunker",
    "fact_extractor",
    "consolidate",
    "reduce",
    "memory_generator",
    "v2_regenerator",
    "quick_pass",
    "full_pass",
)
# Any error at import time is the finding.
BROKEN = (ImportError, SyntaxError, AttributeError, NameError, TypeError, ValueError)


def import_problems(modules: Sequence[str] = MODULES) -> dict[str, str]:
    """Module -> "ok", or the error that its import raises."""
    found = {}
    for name in modules:
        try:
            importlib.import_module(f"{PROCESSORS}.{name}")
        except BROKEN as error:
            found[name] = f"{type(error).__name__}: {error}"
        else:
            found[name] = "ok"
    return found


class Health:
    """What /health and /ready say. `launched` tells whether the jobs run, `stopping` whether the process is leaving."""

    def __init__(self, build: str, version: str, launched: Callable[[], bool], stopping: Callable[[], bool]) -> None:
        self._build = build
        self._version = version
        self._launched = launched
        self._stopping = stopping
        self.modules: Sequence[str] = MODULES

    def _broken(self) -> tuple[dict[str, str], bool]:
        processors = import_problems(self.modules)
        return processors, any(state != "ok" for state in processors.values()) or not self._launched()

    def answer(self, now: datetime) -> JSONResponse:
        """200 `status: ok`, or 503 `status: unhealthy` with the broken part named."""
        processors, broken = self._broken()
        body = {
            "status": "unhealthy" if broken else "ok",
            "service": SERVICE,
            "version": self._version,
            "build": self._build,
            "timestamp": now.replace(tzinfo=None).isoformat(),
            "processors": processors,
            "jobs": "running" if self._launched() else "not running",
        }
        return JSONResponse(body, status_code=503 if broken else 200)

    def readiness(self, database: str) -> JSONResponse:
        """200 or 503 for the load balancer."""
        _, broken = self._broken()
        ready = not broken and not self._stopping() and database == "ok"
        body = {"ready": ready, "database": database, "stopping": self._stopping()}
        return JSONResponse(body, status_code=200 if ready else 503)
