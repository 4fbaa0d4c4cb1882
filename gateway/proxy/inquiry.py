"""Asks v2 whether it ever accepted a job whose answer was lost: `GET /jobs?idempotency_key=K`; 404 means never.

Only then may legacy have the job (decision 5 of the design); everything that is not a clear answer is UNKNOWN.
"""

import asyncio
import ssl
from enum import StrEnum

from gateway.core.errors import MalformedResponse
from gateway.core.heads import parse_status_line
from gateway.proxy.address import Address

SETTLE_SECONDS = 1.0
"""v2 accepts within a tenth of this; asked at once, it might say no and accept a moment later."""
ASK_SECONDS = 3.0


class Verdict(StrEnum):
    """What v2 knows of the job."""

    NEVER = "never"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


async def inquire(
    address: Address, key: bytes, tls: ssl.SSLContext | None = None, *, settle: float = SETTLE_SECONDS
) -> Verdict:
    """v2's word on the job with the idempotency key `key`. Never raises."""
    if not all(48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122 or byte in b"-_." for byte in key):
        return Verdict.UNKNOWN
    await asyncio.sleep(settle)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            status = await _ask(address, key, tls)
    except (OSError, EOFError, MalformedResponse, asyncio.LimitOverrunError):
        return Verdict.UNKNOWN
    if status == 404:
        return Verdict.NEVER
    return Verdict.ACCEPTED if status == 200 else Verdict.UNKNOWN


async def _ask(address: Address, key: bytes, tls: ssl.SSLContext | None) -> int:
    if address.path:
        reader, writer = await asyncio.open_unix_connection(address.path)
    else:
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    try:
        request = b"GET /jobs?idempotency_key=%b HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
        writer.write(request % (key, address.authority))
        return parse_status_line(await reader.readuntil(b"\r\n")).status
    finally:
        writer.close()
