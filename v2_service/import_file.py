"""`v2 import`: upload a file, start the import here or at a running service, follow it, and report."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from v2_service.accept import Desk, Wanted
from v2_service.adapters.runs import ACTIVE, Run, Runs
from v2_service.errors import RunUnknown, StoreRefused
from v2_service.jobs.runtime import running_jobs
from v2_service.jobs.services import Services, open_services
from v2_service.paths import StoragePath, user_id
from v2_service.settings import Settings

POLL_SECONDS = 0.3
REQUEST_SECONDS = 60.0
ELSEWHERE = "The former service is importing for this user. Please try again when that is over."
CONTENT_TYPES = {".zip": "application/zip", ".gz": "application/gzip"}


async def run_import(
    settings: Settings, file: Path, user: str, url: str | None, console: Console, key: str | None = None
) -> bool:
    """Import `file` for `user`; True when the run is complete. Raises V2Error when it cannot be started."""
    owner = user_id(user)
    async with AsyncExitStack() as stack:
        if url is None:
            # A worker of its own: it must not take up the runs of a service that shares this state folder.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="v2-import-"))
            update = {
                "state_dir": Path(folder),
                "system_database_url": None,
                "executor_id": f"import-{uuid.uuid4().hex}",
            }
            settings = settings.model_copy(update=update)
        services = await stack.enter_async_context(open_services(settings))
        path = await upload(services, file, owner)
        if url is None:
            jobs = await stack.enter_async_context(running_jobs(services, adopt=False))
            claim = await Desk(services, jobs).accept(Wanted(owner, storage_path=str(path)), uuid.uuid4().hex)
            if claim.verdict == "legacy":
                raise StoreRefused(ELSEWHERE)
            run_id = claim.run_id
        else:
            run_id = await post(url, owner, path, key)
        run = await follow(services.runs, run_id, console)
    report(run, console)
    return run["status"] == "complete"


async def upload(services: Services, file: Path, owner: str) -> StoragePath:
    """Put the file into the user's folder."""
    suffix = file.suffix.lower()
    name = f"{owner}/cli-{uuid.uuid4().hex}{suffix}"
    path = StoragePath(services.settings.buckets[0], name)
    await services.storage.upload_file(path, file, CONTENT_TYPES.get(suffix, "application/json"))
    return path


async def post(url: str, owner: str, path: StoragePath, key: str | None) -> str:
    """Start the import at a running service; its run id."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=REQUEST_SECONDS, headers=headers) as client:
            answer = await client.post(
                f"{url.rstrip('/')}/process-full", json={"user_id": owner, "storage_path": str(path)}
            )
    except httpx.HTTPError as error:
        raise StoreRefused(f"{url} cannot be reached ({type(error).__name__}).") from error
    body = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
    if not answer.is_success:
        raise StoreRefused(f"{url} answered {answer.status_code}: {body.get('detail', '')}")
    if body.get("pipeline") == "legacy":
        raise StoreRefused(ELSEWHERE)
    if not isinstance(body.get("job_id"), str) or body.get("pipeline") != "v2":
        raise StoreRefused(f"{url} did not start a v2 import.")
    run_id: str = body["job_id"]
    return run_id


async def follow(runs: Runs, run_id: str, console: Console) -> Run:
    """Show progress until the run is over."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=100)
        while True:
            run = await runs.get(run_id)
            if run is None:
                raise RunUnknown("The run has disappeared.")
            shown = run["progress"]
            progress.update(task, description=str(run["step"]), completed=shown if isinstance(shown, int) else 0)
            if run["status"] not in ACTIVE:
                return run
            await asyncio.sleep(POLL_SECONDS)


def report(run: Run, console: Console) -> None:
    """What was imported, what was left out and what it cost."""
    colour = "green" if run["status"] == "complete" else "red" if run["status"] == "failed" else "yellow"
    table = Table(title=f"Import [{colour}]{run['status']}[/{colour}]", show_header=False)
    if run["error_message"]:
        table.add_row("reason", str(run["error_message"]))
    for name, value in _items(run["counts"]):
        table.add_row(name.replace("_", " "), str(value))
    if isinstance(run["coverage"], int | float):
        table.add_row("text read by the model", f"{run['coverage']:.1%}")
    drops = dict(_items(run["drops"])).get("dropped")
    for name, value in _items(drops):
        table.add_row(f"left out: {name.replace('_', ' ')}", str(value))
    cost = dict(_items(run["cost"]))
    if "total_cost_usd" in cost:
        table.add_row("cost", f"${cost['total_cost_usd']} (prices of {cost.get('prices_as_of')})")
    console.print(table)


def _items(value: object) -> list[tuple[str, object]]:
    return list(value.items()) if isinstance(value, dict) else []
