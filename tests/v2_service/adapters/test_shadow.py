"""The door of a dry run, and the database behind it: the shadow area, and not a step beyond."""

from __future__ import annotations

import psycopg
import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.stubs import chunk
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.chunks import Chunks
from v2_service.adapters.runs import Lease, Request
from v2_service.adapters.shadow import FUNCTIONS, TABLES, ShadowRuns
from v2_service.errors import StaleRun, StoreRefused
from v2_service.jobs.services import Services
from v2_service.jobs.shadow import shadow_of

AREA = "pipeline_shadow_"
REPLY = {"usage": {"calls": 1, "input_tokens": 10, "output_tokens": 1}}


async def taken(runs: ShadowRuns, user: str) -> Lease:
    """A dry run that was claimed and taken."""
    found = await runs.claim_within(Request(user, f"user-imports/{user}/raw.json", f"shadow-{user}"))
    assert found.bound is None
    got = await runs.take(found.claim.run_id)
    assert got is not None
    return got


@pytest.fixture(scope="module")
def sandbox(own_sandbox: RunningSandbox) -> RunningSandbox:
    """A database where nobody else imports: whose import waits keeps dry runs out."""
    return own_sandbox


@pytest.fixture
def runs(services: Services) -> ShadowRuns:
    """Runs of the shadow area, with bounds that no test reaches."""
    wide = services.settings.model_copy(update={"shadow_runs_per_day": 100_000, "shadow_at_once": 10_000})
    return ShadowRuns(services.shadow_rest, wide, "2.1", services.runs)


@pytest.mark.parametrize("function", ["v2_erase_user", "v2_begin_hand_back", "v2_mark_callback", "v2_retry_run"])
async def test_a_function_without_a_counterpart_is_refused_before_it_is_sent(services: Services, function: str) -> None:
    with pytest.raises(StoreRefused, match=function):
        await services.shadow_rest.call(function, {})


async def test_users_tables_are_neither_read_nor_written(services: Services) -> None:
    with pytest.raises(StoreRefused, match="user_profiles"):
        await services.shadow_rest.select("user_profiles", {"select": "id"})
    with pytest.raises(StoreRefused, match="conversation_chunks"):
        await services.shadow_rest.insert("conversation_chunks", {}, "id")


def test_every_name_of_the_door_has_its_counterpart_in_the_database(sandbox: RunningSandbox) -> None:
    with psycopg.connect(sandbox.sql_uri) as connection:
        functions = {name for (name,) in connection.execute("select proname from pg_proc").fetchall()}
        tables = {name for (name,) in connection.execute("select tablename from pg_tables").fetchall()}
    assert {name.replace("v2_", "v2_shadow_", 1) for name in FUNCTIONS} <= functions
    assert {name.replace("pipeline_", AREA, 1) for name in TABLES} <= tables


def test_the_functions_of_dry_runs_have_no_right_to_write_anything_else(sandbox: RunningSandbox) -> None:
    rights = """select c.relname, right_name from pg_class c join pg_namespace n on n.oid = c.relnamespace
                cross join unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) right_name
                where c.relkind in ('r','p','v','m') and n.nspname in ('public','auth','storage')
                  and has_table_privilege('banyan_shadow', c.oid, right_name)"""
    with psycopg.connect(sandbox.sql_uri) as connection:
        owners = connection.execute(
            "select distinct proowner::regrole::text from pg_proc where starts_with(proname, 'v2_shadow_')"
        ).fetchall()
        allowed = connection.execute(rights).fetchall()
        connection.execute("set local role banyan_shadow")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from public.conversation_chunks")
    assert owners == [("banyan_shadow",)]
    assert {table for table, _ in allowed if not table.startswith(AREA)} == set()
    assert len(allowed) == 4 * 6


async def test_no_function_of_an_import_takes_the_id_of_a_dry_run(
    services: Services, runs: ShadowRuns, user: str
) -> None:
    dry = await taken(runs, user)
    with pytest.raises(StaleRun):
        await services.chunks.switch(dry, {"import_status": "complete"})
    with pytest.raises(StaleRun):
        await services.runs.write_profile(dry, {"import_status": "failed"})
    assert await services.runs.take(dry.run_id) is None
    assert await services.runs.stop(dry.run_id, "cancelled", "no") is None
    assert (await services.runs.retry(dry.run_id)).verdict == "unknown"
    assert (await services.hand_backs.begin(dry.run_id)).verdict == "unknown"
    assert await services.runs.mark_callback(dry.run_id, None, "sending") is False
    await runs.stop(dry.run_id, "cancelled", "over")


async def test_no_function_of_a_dry_run_takes_the_id_of_an_import(
    services: Services, runs: ShadowRuns, user: str
) -> None:
    claim = await services.runs.claim(Request(user, f"user-imports/{user}/raw.json"))
    real = await services.runs.take(claim.run_id)
    assert real is not None
    chunks = Chunks(services.shadow_rest)
    with pytest.raises(StaleRun):
        await chunks.stage(real, rows_of([chunk(0)], real.accepted_at))
    with pytest.raises(StaleRun):
        await chunks.switch(real, {})
    assert await runs.stop(real.run_id, "cancelled", "no") is None
    await services.runs.stop(real.run_id, "cancelled", "over")


async def test_a_stale_worker_of_a_dry_run_writes_nothing(services: Services, runs: ShadowRuns, user: str) -> None:
    dry = await taken(runs, user)
    assert await runs.take(dry.run_id) is not None
    with pytest.raises(StaleRun):
        await Chunks(services.shadow_rest).stage(dry, rows_of([chunk(0)], dry.accepted_at))
    assert (await runs.stop(dry.run_id, "cancelled", "over")) == "cancelled"


async def test_a_profile_column_that_users_do_not_have_is_refused(runs: ShadowRuns, user: str) -> None:
    dry = await taken(runs, user)
    for patch in ({"no_such_column": 1}, {"user_id": user}, {"total_chunks": "many"}):
        with pytest.raises(StoreRefused):
            await runs.write_profile(dry, patch)
    await runs.write_profile(dry, {"total_chunks": 3, "soul_md": "x"})
    assert await runs.written(dry, "total_chunks,soul_md,user_md") == {
        "total_chunks": 3,
        "soul_md": "x",
        "user_md": None,
    }
    await runs.stop(dry.run_id, "cancelled", "over")


@pytest.mark.parametrize(
    ("setting", "value", "bound"),
    [("shadow_runs_per_day", 0, "runs_per_day"), ("shadow_budget_per_day", 1e-9, "dollars_per_day")],
)
async def test_a_days_bound_refuses(
    services: Services, runs: ShadowRuns, user: str, setting: str, value: float, bound: str
) -> None:
    dry = await taken(runs, user)
    paid = {"p_run": dry.run_id, "p_hash": "h", "p_step": "extract", "p_dollars": 0.01}
    await services.shadow_rest.call("v2_keep_reply", {**paid, "p_reply": REPLY})
    await runs.stop(dry.run_id, "cancelled", "over")
    wide = {"shadow_runs_per_day": 100_000, "shadow_at_once": 10_000}
    narrow = services.settings.model_copy(update={**wide, setting: value})
    bounded = ShadowRuns(services.shadow_rest, narrow, "2.1", services.runs)
    found = await bounded.claim_within(Request(user, f"user-imports/{user}/raw.json", f"shadow-{user}-2"))
    assert (found.bound, found.claim.run_id) == (bound, "")


async def test_an_import_that_waits_for_a_place_comes_first(services: Services, runs: ShadowRuns, user: str) -> None:
    claim = await services.runs.claim(Request(user, f"user-imports/{user}/raw.json"))
    found = await runs.claim_within(Request(user, f"user-imports/{user}/raw.json", f"shadow-{user}"))
    assert found.bound == "imports_waiting"
    await services.runs.stop(claim.run_id, "cancelled", "over")


async def test_what_a_dry_run_pays_is_in_no_budget_of_imports(services: Services, runs: ShadowRuns, user: str) -> None:
    dry = await taken(runs, user)
    shadow, _ = shadow_of(services)
    before, own = (await services.costs.spent(dry.run_id)), (await shadow.costs.spent(dry.run_id))
    paid = {"p_run": dry.run_id, "p_hash": "h", "p_step": "extract", "p_dollars": 0.5}
    await services.shadow_rest.call("v2_keep_reply", {**paid, "p_reply": REPLY})
    assert await services.costs.spent(dry.run_id) == before
    after = await shadow.costs.spent(dry.run_id)
    assert (after.run, round(after.day - own.day, 6)) == (0.5, 0.5)
    await runs.stop(dry.run_id, "cancelled", "over")


def test_the_services_of_a_dry_run_share_no_store_with_imports(services: Services) -> None:
    shadow, runs = shadow_of(services)
    assert shadow.rest is services.shadow_rest
    assert shadow.runs is runs
    for name in ("chunks", "costs", "hand_backs", "submissions", "notifier", "embeddings", "metrics", "models"):
        assert getattr(shadow, name) is not getattr(services, name)
    assert (shadow.batches, shadow.settings.web_app_url, shadow.settings.hand_back_url) == (None, None, None)
