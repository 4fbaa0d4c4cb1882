"""Ask a deployment, after each release, whether it is whole (S-71): `make smoke URL=https://...` or `smoke.py --help`.

Changes nobody's data unless a canary user is named. Every check is tried and told; exit code 1 if any fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import httpx
import typer
from rich.console import Console

# The monolith's routes. Each is asked with a method that it does not have: 405 says that it exists, and nothing runs.
ROUTES = (
    "/health",
    "/health-deep",
    "/test-embed",
    "/test-patch",
    "/status",
    "/query",
    "/chat",
    "/analyze",
    "/create-soulprint",
    "/process-import",
    "/process-full",
    "/embed-chunks",
    "/generate-soulprint/{user_id}",
    "/embedding-status/{user_id}",
    "/complete-embeddings/{user_id}",
)
NOBODY = "00000000-0000-4000-8000-000000000000"
EXISTS = {401, 403, 405, 422}
ENDED = {"complete": True, "failed": False}
POLL_SECONDS = 2.0
SECONDS_TO_BEGIN = 20.0


@dataclass(frozen=True, slots=True)
class Canary:
    """One import that may really be made, and where its end can be seen."""

    user: str
    storage_path: str
    expected: str | None
    supabase_url: str | None
    supabase_key: str | None
    wait: float


class CheckFailed(Exception):
    """What was found instead of what should be."""


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise CheckFailed(f"{what} is {found!r}, not {wanted!r}")


def gateway_is_healthy(http: httpx.Client) -> None:
    _expect(http.get("/_gateway/health").status_code, 200, "the status of /_gateway/health")


def monolith_is_healthy(http: httpx.Client) -> None:
    answer = http.get("/health")
    _expect(answer.status_code, 200, "the status of /health")
    _expect(answer.headers.get("x-gateway-backend"), "legacy", "X-Gateway-Backend")


def route_exists(http: httpx.Client, path: str) -> None:
    status = http.request("PATCH", path.replace("{user_id}", NOBODY)).status_code
    if status not in EXISTS:
        raise CheckFailed(f"a method it does not have is answered with {status}, not 405")


def ops_is_closed(http: httpx.Client) -> None:
    """The public port must not answer for the ops port."""
    for path in ("/metrics", "/ops/status"):
        answer = http.get(path)
        if answer.status_code == 200 and "gateway_" in answer.text:
            raise CheckFailed(f"{path} of the ops port is public")


def metrics_are_served(ops: str, token: str | None) -> None:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = httpx.get(f"{ops.rstrip('/')}/metrics", headers=headers, timeout=10)
    _expect(answer.status_code, 200, "the status of /metrics")
    if "gateway_requests_total" not in answer.text:
        raise CheckFailed("/metrics does not count requests")


def canary_import(http: httpx.Client, canary: Canary) -> None:
    body = {"user_id": canary.user, "storage_path": canary.storage_path, "conversation_count": 1}
    answer = http.post("/process-full", json=body)
    if answer.status_code not in (200, 202):
        raise CheckFailed(f"the import was answered with {answer.status_code}: {answer.text[:200]}")
    backend = answer.headers.get("x-gateway-backend")
    if canary.expected is not None:
        _expect(backend, canary.expected, "X-Gateway-Backend")
    if canary.supabase_url and canary.supabase_key:
        _await_end(canary, canary.supabase_url, canary.supabase_key)


def _await_end(canary: Canary, url: str, key: str) -> None:
    """Wait until the profile says how the import ended. The end of an earlier import does not count: what is read is
    believed once it was seen to change, or has stood for a while."""
    headers = {"apikey": key, "authorization": f"Bearer {key}"}
    query = {"select": "import_status", "user_id": f"eq.{canary.user}"}
    begun = time.monotonic()
    states: list[str] = []
    while (passed := time.monotonic() - begun) < canary.wait:
        rows = httpx.get(f"{url.rstrip('/')}/rest/v1/user_profiles", params=query, headers=headers, timeout=30).json()
        states.append(str(rows[0]["import_status"]) if rows else "unknown")
        changed = any(state not in ENDED for state in states)
        if states[-1] in ENDED and (changed or passed > SECONDS_TO_BEGIN):
            break
        time.sleep(POLL_SECONDS)
    if not states or not ENDED.get(states[-1]):
        raise CheckFailed(f"after {passed:.0f} s the import is {states[-1] if states else 'unknown'!r}")


def checks(
    http: httpx.Client, ops: str | None, token: str | None, canary: Canary | None
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Name and check, in order. A check returns nothing or raises CheckFailed or httpx.HTTPError."""
    yield "the gateway is healthy", partial(gateway_is_healthy, http)
    yield "the monolith answers through it", partial(monolith_is_healthy, http)
    for path in ROUTES:
        yield f"{path} exists", partial(route_exists, http, path)
    yield "the ops port is not public", partial(ops_is_closed, http)
    if ops:
        yield "metrics are served", partial(metrics_are_served, ops, token)
    if canary:
        yield "a canary import goes through", partial(canary_import, http, canary)


def smoke(
    url: Annotated[str, typer.Argument(help="The public address of the gateway.")],
    ops: Annotated[str | None, typer.Option(envvar="SMOKE_OPS", help="Its ops port, to look at /metrics too.")] = None,
    token: Annotated[str | None, typer.Option(envvar="GATEWAY_OPS_TOKEN", help="Token of the ops port.")] = None,
    canary_user: Annotated[str | None, typer.Option(help="Import for this user. CHANGES THE USER'S DATA.")] = None,
    storage_path: Annotated[str | None, typer.Option(help="bucket/path of the canary's export.")] = None,
    expect: Annotated[str | None, typer.Option(help="Backend that must take the canary: legacy or v2.")] = None,
    supabase_url: Annotated[
        str | None, typer.Option(envvar="SUPABASE_URL", help="With its key: wait for the canary's end.")
    ] = None,
    supabase_key: Annotated[str | None, typer.Option(envvar="SUPABASE_SERVICE_KEY", help="Service-role key.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the canary's end.")] = 600.0,
) -> None:
    """Health, every route, headers, metrics and, if you name a user, one import."""
    if (canary_user is None) != (storage_path is None):
        raise typer.BadParameter("give both --canary-user and --storage-path, or neither")
    canary = (
        Canary(canary_user, storage_path, expect, supabase_url, supabase_key, wait)
        if canary_user and storage_path
        else None
    )
    console, failed = Console(highlight=False), 0
    with httpx.Client(base_url=url, timeout=30) as http:
        for name, check in checks(http, ops, token, canary):
            try:
                check()
                console.print(f"[green]ok[/green]    {name}")
            except (CheckFailed, httpx.HTTPError) as error:
                failed += 1
                console.print(f"[red]FAILED[/red] {name}: {error}", soft_wrap=True)
    left_out = [text for text, asked in (("metrics (--ops)", ops), ("a canary import", canary)) if not asked]
    if left_out:
        console.print(f"not asked: {', '.join(left_out)}")
    raise typer.Exit(1 if failed else 0)


if __name__ == "__main__":
    typer.run(smoke)
