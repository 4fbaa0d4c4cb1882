"""`/_sandbox`: the tests' and the demo's handle on the sandbox. A loopback tool: no keys are asked for."""

from __future__ import annotations

from fastapi import APIRouter, Request

from sandbox.callbacks import Callback
from sandbox.calls import AreaReport
from sandbox.desk import callbacks_of, calls_of, database_of, faults_of
from sandbox.environment import variables
from sandbox.faults import Area, Faults
from sandbox.keys import keys_of
from sandbox.models.desk import desk_of
from sandbox.storage.files import files_of

# Everything that hangs on a user, and what was stored for one. Buckets, schema and keys stay.
CLEAR = """
do $$
declare
    listed text;
begin
    select string_agg(schemaname || '.' || quote_ident(tablename), ', ') into listed
    from pg_tables
    where schemaname = 'public' or (schemaname, tablename) in (('auth', 'users'), ('storage', 'objects'));
    execute 'truncate ' || listed || ' cascade';
end
$$
"""

router = APIRouter(prefix="/_sandbox")


@router.get("/callbacks")
async def callbacks(request: Request) -> list[Callback]:
    """What the web app was told, oldest first."""
    return list(callbacks_of(request).latest)


@router.get("/faults")
async def faults(request: Request) -> Faults:
    """The faults in force."""
    return faults_of(request).faults


@router.put("/faults")
async def replace_faults(request: Request, wanted: Faults) -> Faults:
    """Replace all faults; areas not named become healthy."""
    faults_of(request).replace(wanted)
    return wanted


@router.get("/environment")
async def environment(request: Request) -> dict[str, str]:
    """The variables that point a service here, as `sandbox env` prints them: made up, and worth nothing elsewhere."""
    return variables(str(request.base_url).rstrip("/"), keys_of(request))


@router.get("/calls")
async def calls(request: Request) -> dict[Area, AreaReport]:
    """How often each area was called, with which result, and the latest calls."""
    return calls_of(request).report()


@router.post("/calls/clear")
async def clear_calls(request: Request) -> dict[str, bool]:
    """Count from zero."""
    calls_of(request).clear()
    return {"cleared": True}


@router.post("/reset")
async def reset(request: Request) -> dict[str, bool]:
    """Forget all users, rows, objects, callbacks, calls and faults."""
    await database_of(request).rows(CLEAR)
    await files_of(request).clear()
    callbacks_of(request).latest.clear()
    calls_of(request).clear()
    faults_of(request).replace(Faults())
    desk_of(request.app).clear()
    return {"reset": True}
