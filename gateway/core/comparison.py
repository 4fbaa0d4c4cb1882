"""Two backends' answers to the same question, side by side. Pure; counterparts: core.differences, proxy.shadows."""

import json
import re
from collections.abc import Collection
from typing import Final, NamedTuple

from gateway.core.differences import ROOT, Difference, Kind, differences

STATUS: Final = "(status)"
MEDIA_TYPE: Final = "(media type)"
_JSON = re.compile(rb"application/(?:[a-z0-9.+-]+\+)?json\Z")


class Seen(NamedTuple):
    """What of an answer is compared; `media_type` in lower case and without parameters, b"" if there is none."""

    status: int
    media_type: bytes
    body: bytes


def seen(status: int, content_type: bytes, content_encoding: bytes, body: bytes) -> Seen | None:
    """An answer as it can be compared; None if its body is compressed."""
    if content_encoding.strip().lower() not in (b"", b"identity"):
        return None
    return Seen(status, content_type.partition(b";")[0].strip().lower(), body)


def compare(control: Seen, candidate: Seen, ignored: Collection[str] = ()) -> list[Difference]:
    """Where the candidate's answer differs. JSON is compared by its values, everything else by its bytes."""
    if control == candidate:
        return []
    if control.status != candidate.status:
        return [Difference(STATUS, Kind.VALUE)]
    if control.media_type != candidate.media_type:
        return [Difference(MEDIA_TYPE, Kind.VALUE)]
    if not _JSON.match(control.media_type):
        return [Difference(ROOT, Kind.VALUE)]
    try:
        values = json.loads(control.body), json.loads(candidate.body)
    except (ValueError, RecursionError):
        return [Difference(ROOT, Kind.VALUE)]
    return differences(*values, ignored)
