"""Times as exports write them -> aware UTC. A time nobody recorded stays None: nothing is dated "now" (L-52, L-60)."""

from __future__ import annotations

from datetime import UTC, datetime

from v2_service.contract import JsonValue

_MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138; as milliseconds it is 1973
_LATEST = 4_102_444_800.0  # 2100-01-01: anything later is a broken clock


def parse_time(value: JsonValue) -> datetime | None:
    """Epoch seconds or milliseconds (number or text), or ISO 8601; naive text is taken as UTC."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return _from_epoch(float(value))
    return _from_text(value.strip()) if isinstance(value, str) else None


def _from_epoch(seconds: float) -> datetime | None:
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LATEST else None


def _from_text(text: str) -> datetime | None:
    try:
        return _from_epoch(float(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        return _from_epoch(moment.timestamp())
    except (OverflowError, ValueError):
        return None
