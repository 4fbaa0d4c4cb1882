"""GATEWAY_* variables that mean nothing: a typing error in a name must not pass as a default that was meant."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "GATEWAY_"

# What Kubernetes sets in every pod for a Service whose name begins with "gateway"; nobody typed these.
_SERVICE_LINK = re.compile(
    r"(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_LINK_VALUE = re.compile(r"(?:tcp|udp|sctp)://")


def unknown(given: Mapping[str, str | None], known: Iterable[str]) -> list[str]:
    """One sentence for each variable of `given` that begins like ours and is none of `known` (upper case)."""
    names = sorted(name for name in known if name.startswith(PREFIX))
    problems = []
    for name, value in sorted(given.items()):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in names or _is_link(upper, value or ""):
            continue
        close = get_close_matches(upper.removeprefix(PREFIX), (one.removeprefix(PREFIX) for one in names), n=1)
        meant = f"did you mean {PREFIX}{close[0]}?" if close else "there is no such setting"
        problems.append(f"{name}: {meant}")
    return problems


def _is_link(name: str, value: str) -> bool:
    rest = name.removeprefix(PREFIX)
    return _SERVICE_LINK.fullmatch(rest) is not None or (rest.endswith("PORT") and _LINK_VALUE.match(value) is not None)
