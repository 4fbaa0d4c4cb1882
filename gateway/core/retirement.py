"""When the monolith's side of a flag is deprecated and when it ends, and what that does to the route table. Pure.

The dates come from the rollout's plan, while it runs, or from the route table, whose own dates win. The counterpart is
gateway.retirements, which keeps them in a file; core.routes turns them into fields (RFC 9745, RFC 8594).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gateway.core.routes import Route, RouteTable


class RetirementError(ValueError):
    """Dates that contradict each other, or no dates at all."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """From `deprecated` on, clients should move away from what legacy serves of a flag; at `sunset` it ends.

    Both in UTC; a sunset is never earlier than the deprecation (RFC 9745 section 4). Raises RetirementError.
    """

    deprecated: datetime | None = None
    sunset: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.deprecated, self.sunset):
            if moment is not None and moment.utcoffset() is None:
                raise RetirementError("a date needs its zone")
        if self.deprecated is not None and self.sunset is not None and self.sunset < self.deprecated:
            raise RetirementError("the sunset is earlier than the deprecation")

    def plain(self) -> tuple[float | None, float | None]:
        """As Unix seconds, for JSON."""
        deprecated, sunset = self.deprecated, self.sunset
        return (deprecated.timestamp() if deprecated else None, sunset.timestamp() if sunset else None)

    @classmethod
    def of(cls, deprecated: object, sunset: object) -> "Retirement":
        """The counterpart of `plain`. Raises RetirementError."""
        return cls(_moment(deprecated), _moment(sunset))


def retire(table: RouteTable, retirements: Mapping[str, Retirement]) -> RouteTable:
    """The table in which the routes of these flags say when they end; dates that a row has itself stay."""
    if not retirements:
        return table
    return RouteTable(
        tuple(_dated(route, retirements.get(route.flag or "")) for route in table.routes), table.unmatched
    )


def _dated(route: Route, retirement: Retirement | None) -> Route:
    if retirement is None or route.deprecated is not None or route.sunset is not None:
        return route
    return replace(route, deprecated=retirement.deprecated, sunset=retirement.sunset)


def _moment(seconds: object) -> datetime | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise RetirementError(f"{seconds!r} is no date")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise RetirementError(f"{seconds!r} is no date") from None
