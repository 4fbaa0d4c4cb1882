"""Which form of answer an Accept header wants (RFC 9110 section 12.5.1). Counterpart: the bodies in `statements`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.postgrest.errors import MediaError

OBJECT_MEDIA = "application/vnd.pgrst.object+json"
JSON_MEDIA = "application/json"
CSV_MEDIA = "text/csv"
# What Accept may name, and the form in which the answer is then made.
MEDIA = {
    "*/*": JSON_MEDIA,
    "application/*": JSON_MEDIA,
    JSON_MEDIA: JSON_MEDIA,
    "application/vnd.pgrst.object": OBJECT_MEDIA,
    OBJECT_MEDIA: OBJECT_MEDIA,
    "text/*": CSV_MEDIA,
    CSV_MEDIA: CSV_MEDIA,
}
QUALITY = re.compile(r";\s*q=([01](?:\.\d{1,3})?)")


def choose(headers: Sequence[str]) -> str:
    """The form that is wanted most among those that can be made. Raises MediaError when there is none."""
    accept = ",".join(headers) or "*/*"
    parts = [part.strip().lower() for part in accept.split(",")]
    asked = [part.partition(";")[0].strip() for part in sorted(parts, key=_wish)]
    for name in asked:
        if name in MEDIA:
            return MEDIA[name]
    raise MediaError(", ".join(name for name in asked if name))


def _wish(part: str) -> tuple[float, int]:
    """Sorts by quality, then the exact before the wildcard."""
    found = QUALITY.search(part)
    return -float(found.group(1)) if found else -1.0, part.count("*")
