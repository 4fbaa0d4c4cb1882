"""The values that a route table may hold, each read and checked by its own reader; the counterpart is core.routes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from gateway.core.decide import Backend
from gateway.core.shadow_options import read_shadowing

GUARDS: Final = frozenset({"storage-path-of-user"})
_URL = re.compile(r"(?:https?:/)?/[!#-;=?-Z_a-z~%\[\]@]{1,500}\Z")

# email.utils could do it too, and would bring the email package (0.8 MB) into each worker. Python's names of days and
# months are English unless somebody sets another locale, which nobody does here.
_HTTP_DATE: Final = "%a, %d %b %Y %H:%M:%S GMT"


class IdPolicy(StrEnum):
    """What becomes of a flagged request whose id cannot be used."""

    LEGACY = "legacy"  # served as it always was
    REFUSE = "refuse"  # 400, before a byte goes up


def read_options(row: dict[str, object], label: str, problems: list[str]) -> dict[str, object]:
    """The options of `row` that are right; a sentence in `problems` for each of the others."""
    options: dict[str, object] = {}
    for name, value in row.items():
        reader = _READERS.get(name)
        if reader is None:
            problems.append(f"{label}: unknown option '{name}'")
            continue
        try:
            options[name] = reader(value)
        except ValueError as error:
            problems.append(f"{label}: '{name}' must be {error}")
    return options


def http_date(moment: datetime) -> str:
    """RFC 9110 section 5.6.7."""
    return moment.strftime(_HTTP_DATE)


# Readers raise ValueError with what the value must be ----------------------------------------------------------------


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
        raise ValueError("seconds from 0 to 86400")
    return float(value)


def _some_seconds(value: object) -> float:
    seconds = _seconds(value)
    if not seconds:
        raise ValueError("more than 0")
    return seconds


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number, 0 or more")
    return value


def _text(value: object) -> str:
    if isinstance(value, str) and value and value.isprintable():
        return value
    raise ValueError("text")


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def _backend(value: object) -> Backend:
    if value in list(Backend):
        return Backend(str(value))
    raise ValueError(f"one of {', '.join(Backend)}")


def _id_policy(value: object) -> IdPolicy:
    if value in list(IdPolicy):
        return IdPolicy(str(value))
    raise ValueError(f"one of {', '.join(IdPolicy)}")


def _guards(value: object) -> frozenset[str]:
    if isinstance(value, list) and all(isinstance(one, str) and one in GUARDS for one in value):
        return frozenset(value)
    raise ValueError(f"a list from {', '.join(sorted(GUARDS))}")


def _date(value: object) -> datetime:
    """An HTTP date, or TOML's own date and time with a zone."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(microsecond=0)
    if isinstance(value, str):
        try:
            moment = datetime.strptime(value, _HTTP_DATE).replace(tzinfo=UTC)
        except ValueError:
            moment = None
        # The parser forgives a wrong weekday and much else; only what we would write ourselves is a date here.
        if moment is not None and http_date(moment) == value:
            return moment
    raise ValueError("a date like 'Fri, 31 Dec 2027 23:59:59 GMT' or 2027-12-31T23:59:59Z")


def _url(value: object) -> str:
    if isinstance(value, str) and _URL.match(value):
        return value
    raise ValueError("a URL like 'https://example.org/v2' or '/v2'")


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "backend": _backend,
    "flag": _text,
    "key": _text,
    "id_policy": _id_policy,
    "connect": _some_seconds,
    "first_byte": _some_seconds,
    "idle": _some_seconds,
    "total": _seconds,
    "max_body": _count,
    "rate_limit": _count,
    "guards": _guards,
    "api_key": _switch,
    "jwt": _switch,
    "jwt_user": _switch,
    "closed": _switch,
    "deprecated": _date,
    "sunset": _date,
    "successor": _url,
    "deprecation_link": _url,
    "shadow": read_shadowing,
}
