"""Property tests here have no deadline (a busy machine is no defect) and 60 examples each."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("processors", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("processors")
