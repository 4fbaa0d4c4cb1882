"""Asks v2 whether it ever accepted a job whose answer was lost: `POST /jobs/disclaim?idempotency_key=K`.

A v2 that says never also closes the key: the request itself, should it still be on its way, is refused. Only then may
legacy have the job; everything that is not this clear answer is UNKNOWN, a 404 of anybody else's too.
"""

from enum import StrEnum
from typing import Final

from gateway.proxy.question import Questions, Unanswered

OUTCOME: Final = b"x-key-outcome"
"""The field by which v2 means what it says about a key: `accepted` or `never-accepted`."""


class Verdict(StrEnum):
    """What v2 knows of the job."""

    NEVER = "never"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


async def inquire(questions: Questions, key: bytes) -> Verdict:
    """v2's word on the job with the idempotency key `key`. Never raises."""
    if not all(48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte in b"-_." for byte in key):
        return Verdict.UNKNOWN
    try:
        answer = await questions.ask("POST", f"/jobs/disclaim?idempotency_key={key.decode('ascii')}", b"")
    except Unanswered:
        return Verdict.UNKNOWN
    match answer.status, answer.fields.get(OUTCOME):
        case 404, b"never-accepted":
            return Verdict.NEVER
        case 200, b"accepted":
            return Verdict.ACCEPTED
    return Verdict.UNKNOWN
