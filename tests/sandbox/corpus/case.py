"""One request of the corpus, and the rows it may count on.

Writes carry `Prefer: tx=rollback`, which both servers are set to obey, so every case meets the same rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

USER = "11111111-1111-1111-1111-111111111111"
CHUNK = "22222222-2222-2222-2222-222222222222"
JOB = "33333333-3333-3333-3333-333333333333"
NOBODY = "00000000-0000-0000-0000-000000000000"
ONE_OBJECT = "application/vnd.pgrst.object+json"


@dataclass(frozen=True)
class Case:
    """One request; `anonymous` sends no key."""

    name: str
    method: str
    target: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    anonymous: bool = False


def read(name: str, target: str, method: str = "GET", **headers: str) -> Case:
    return Case(name, method, target, headers=_named(headers))


def write(name: str, method: str, target: str, body: object = None, prefer: str = "", **headers: str) -> Case:
    """A write that both servers roll back. Text and bytes go as they are, anything else as JSON."""
    given = {"content-type": "application/json", **_named(headers)}
    given["prefer"] = ",".join(part for part in (prefer, "tx=rollback") if part)
    return Case(name, method, target, _encoded(body), given)


def call(name: str, function: str, body: object = None, **headers: str) -> Case:
    given = {"content-type": "application/json", **_named(headers)}
    return Case(name, "POST", f"/rpc/{function}", _encoded(body), given)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _encoded(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
