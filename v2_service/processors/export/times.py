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
        return _from_epoch(value)
    return _from_text(value.strip()) if isinstance(value, str) else None


def _from_epoch(time: float) -> datetime | None:
    """None for anything out of range, however large: comparing converts nothing, so it cannot overflow."""
    in_milliseconds = _MILLISECONDS_FROM <= time < _LATEST * 1000
    seconds = time / 1000 if in_milliseconds else time
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
