"""Where a request has to go, worked out from its raw bytes with the published hash. Shares no code with the gateway.

Written from Unleash's description of gradual rollouts and Austin Appleby's MurmurHash3 (x86, 32 bits).
"""

import json
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from bench.fuzz.referee import Request

PREFIX = 65_536
"""Bytes of a body in which the id has to lie."""
MAX_ID_BYTES = 256


@dataclass(frozen=True)
class Rule:
    """One flagged route: POST to `path` goes to v2 for `percentage` of the users in `group`."""

    path: bytes = b"/process-full"
    group: str = "process-full-v2"
    percentage: int = 50


def backend_of(request: Request, rule: Rule) -> str | None:
    """The backend that has to see the request; None where readers may differ in good faith."""
    if not is_flagged(request, rule):
        return "legacy"
    whole = len(request.body) <= PREFIX
    try:
        members = json.loads(request.body if whole else _beginning(request.body[:PREFIX]))
    except (ValueError, RecursionError):
        return "legacy" if whole else None
    if not isinstance(members, dict):
        return "legacy"
    if not whole and b"user_id" in _rest(request.body[:PREFIX]):
        return None  # cut off somewhere in or behind the last id
    return "v2" if _is_in(members.get("user_id"), rule) else "legacy"


def is_flagged(request: Request, rule: Rule) -> bool:
    """Whether the flag decides about this request."""
    return request.method == b"POST" and unquote_to_bytes(request.target.partition(b"?")[0]) == rule.path


def _is_in(user_id: object, rule: Rule) -> bool:
    if not isinstance(user_id, str) or not user_id:
        return False
    try:
        size = len(user_id.encode())
    except UnicodeEncodeError:
        return False
    if size > MAX_ID_BYTES:
        return False
    return murmur3(f"{rule.group}:{user_id}".encode()) % 100 + 1 <= rule.percentage


def _beginning(prefix: bytes) -> bytes:
    """The members of a cut-off object that end in front of a comma, as an object of their own."""
    return prefix[: _last_comma(prefix)] + b"}"


def _rest(prefix: bytes) -> bytes:
    return prefix[_last_comma(prefix) :]


def _last_comma(prefix: bytes) -> int:
    """Where the last comma between two members of the outermost object stands; behind its brace if there is none."""
    depth, inside, escaped, found = 0, False, False, prefix.find(b"{") + 1
    for at, byte in enumerate(prefix):
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"{[":
            depth += 1
        elif byte in b"}]":
            depth -= 1
        elif byte == 0x2C and depth == 1:
            found = at
    return found


def murmur3(data: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0."""
    state, whole = 0, len(data) & ~3
    for at in range(0, whole, 4):
        state ^= _mixed(int.from_bytes(data[at : at + 4], "little"))
        state = _rotated(state, 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    state ^= _mixed(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    state = (state ^ state >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return state ^ state >> 16


def _mixed(block: int) -> int:
    return _rotated(block * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & 0xFFFFFFFF
