"""Reads the Prefer header (RFC 7240) and says what was honoured. Counterpart: Preference-Applied in `answer`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

Representation = Literal["minimal", "headers-only", "representation"]
Resolution = Literal["merge-duplicates", "ignore-duplicates"]
Count = Literal["exact", "planned", "estimated"]
End = Literal["commit", "rollback"]
Handling = Literal["strict", "lenient"]
KNOWN = frozenset(
    {
        *(f"resolution={value}" for value in get_args(Resolution)),
        *(f"return={value}" for value in get_args(Representation)),
        *(f"count={value}" for value in get_args(Count)),
        *(f"tx={value}" for value in get_args(End)),
        *(f"handling={value}" for value in get_args(Handling)),
        *("missing=default", "missing=null", "params=single-object", "params=multiple-objects"),
    }
)
T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the caller prefers; None where nothing (known) was said."""

    resolution: Resolution | None = None
    representation: Representation | None = None
    count: Count | None = None
    end: End | None = None
    handling: Handling | None = None
    unknown: tuple[str, ...] = ()

    @property
    def wants_rows(self) -> bool:
        return self.representation == "representation"

    def applied(self, *kinds: str) -> str:
        """The value of Preference-Applied for those of the kinds that were said, in PostgREST's order."""
        said = {
            "resolution": self.resolution and f"resolution={self.resolution}",
            "return": self.representation and f"return={self.representation}",
            "count": self.count and f"count={self.count}",
            "tx": self.end and f"tx={self.end}",
            "handling": self.handling and f"handling={self.handling}",
        }
        return ", ".join(text for kind, text in said.items() if kind in kinds and text)


def read_preferences(headers: Iterable[str], *, end_allowed: bool) -> Preferences:
    """Read all Prefer headers; the first value of each kind counts. `tx=` is heard only where the server allows it."""
    words = [word.strip() for header in headers for word in header.split(",")]

    def first(kind: str, known: tuple[T, ...]) -> T | None:
        return next((value for word in words for value in known if word == f"{kind}={value}"), None)

    return Preferences(
        resolution=first("resolution", ("merge-duplicates", "ignore-duplicates")),
        representation=first("return", ("minimal", "headers-only", "representation")),
        count=first("count", ("exact", "planned", "estimated")),
        end=first("tx", ("commit", "rollback")) if end_allowed else None,
        handling=first("handling", ("strict", "lenient")),
        unknown=tuple(word for word in words if word not in KNOWN),
    )
