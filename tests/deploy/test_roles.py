"""The database roles of v2 and of the gateway: all that each needs, and nothing else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from gateway.observe.errors import SourceRefused
from gateway.observe.jobs import COLUMNS, TABLES, Pipeline, read_job
from gateway.observe.stored import look_at
from gateway.observe.supabase import SupabaseReader
from sandbox.running import RunningSandbox
from tests.house.sources import REPOSITORY, modules
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService

PAGE = REPOSITORY / "docs/deploy/supabase.md"
MIGRATION = REPOSITORY / "v2_service/migrations/0090_roles.sql"
V2_READS = {"pipeline_runs", "pipeline_replies", "pipeline_batches", "pipeline_staged_chunks"} | {
    f"pipeline_shadow_{table}" for table in ("runs", "profiles", "replies", "staged_chunks")
}
STATUSES = {"import_status", "embedding_status", "embedding_progress", "memory_status", "progress_percent"}
V2_COLUMNS = {"user_profiles": {"user_id", "full_pass_status", "soulprint_text", *STATUSES}}
GATEWAY_COLUMNS = {
    "pipeline_runs": set(COLUMNS[Pipeline.V2].split(",")),
    "processing_jobs": set(COLUMNS[Pipeline.LEGACY].split(",")),
    "conversation_chunks": {"id", "user_id", "embedding"},
    "user_profiles": {"id", "user_id", "import_status", "total_chunks", "soulprint_generated_at", "soulprint_text"}
    | {"soulprint", "soul_md", "identity_md", "agents_md", "user_md"},
}
INNER = {"v2_fenced", "v2_charge", "v2_generation", "v2_settled"} | {
    f"v2_shadow_{name}" for name in ("fenced", "charge", "empty", "erase")
}
STORAGE = {
    ("storage.buckets", "SELECT"),
    *(("storage.objects", one) for one in ("SELECT", "INSERT", "UPDATE", "DELETE")),
}


def key_of(sandbox: RunningSandbox, role: str) -> str:
    """A key made as the page says."""
    (script,) = re.findall(r"```sh\n(make_key\(\).*?)```", PAGE.read_text(), re.S)
    shell = script[: script.index("make_key banyan_v2")] + f"make_key {role}"
    environment = {"JWT_SECRET": sandbox.keys.secret, "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["sh", "-c", shell], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def service(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """v2 with the key of its role."""
    keys = {"SUPABASE_SERVICE_KEY": key_of(sandbox, "banyan_v2"), "SUPABASE_ANON_KEY": sandbox.keys.anonymous}
    with RunningService(sandbox, tmp_path_factory.mktemp("role"), **keys) as running:
        yield running


@pytest.fixture(scope="module")
def imported(sandbox: RunningSandbox, service: RunningService) -> str:
    """A user whose import v2 finished under its role."""
    user = sandbox.create_user()
    job = service.imported(user, export(6))
    assert job["status"] == "complete", job
    return user


def test_a_whole_import_works_under_v2s_role(sandbox: RunningSandbox, imported: str) -> None:
    (profile,) = sandbox.rows("user_profiles", {"user_id": f"eq.{imported}"})

    assert (profile["import_status"], profile["full_pass_status"]) == ("complete", "complete")
    assert sandbox.rows("conversation_chunks", {"user_id": f"eq.{imported}", "select": "id", "limit": "1"})


def test_health_and_lists_work_under_v2s_role(service: RunningService, imported: str) -> None:
    deep = service.http.get("/health-deep").json()["checks"]

    assert (deep["database"], deep["schema"], deep["storage"]) == ("ok", "ok", "ok")
    assert service.http.get("/jobs", params={"user_id": imported, "status": "all"}).json()["jobs"]


async def test_the_gateways_proof_of_an_import_works_under_its_role(sandbox: RunningSandbox, imported: str) -> None:
    key = key_of(sandbox, "banyan_gateway")
    source = SupabaseReader(sandbox.url, key, anon_key=sandbox.keys.anonymous, per_second=1000)
    try:
        pages = {
            one: await source.rows(TABLES[one], {"select": COLUMNS[one], "order": "updated_at.desc"})
            for one in Pipeline
        }
        row = next(row for row in pages[Pipeline.V2] if row["user_id"] == imported)
        stored, _ = await look_at(source, read_job(Pipeline.V2, row))
        with pytest.raises(SourceRefused):
            await source.rows("conversation_chunks", {"select": "content", "user_id": f"eq.{imported}"})
        made = await source.call("banyan_compare_result", {"p_user": imported, "p_run": None})
        assert (
            await source.call("banyan_compare_pairs", {"p_since": "2020-01-01", "p_user": imported, "p_limit": 1}) == []
        )
    finally:
        await source.close()

    assert stored.chunks == stored.embedded > 0
    assert isinstance(made, dict)
    assert made["profile"]["total_chunks"] == stored.chunks
    assert (stored.profile, stored.documents, stored.generic, stored.newer) == (True, True, False, False)


def called() -> set[str]:
    """Functions of the database that v2's source names."""
    text = "".join(module.text for module in modules("v2_service"))
    return set(re.findall(r'\.call\(\s*"(v2_\w+)"', text))


def test_v2_may_call_every_function_that_it_names_and_no_inner_one(sandbox: RunningSandbox) -> None:
    question = """select p.proname, has_function_privilege('banyan_v2', p.oid, 'execute'),
                         has_function_privilege('banyan_gateway', p.oid, 'execute')
                  from pg_proc p where p.pronamespace = 'public'::regnamespace and starts_with(p.proname, 'v2_')"""
    with psycopg.connect(sandbox.sql_uri) as connection:
        rights = {name: (v2, gateway) for name, v2, gateway in connection.execute(question)}

    assert len(called()) > 25
    assert {name for name in called() if not rights[name][0]} == set()
    assert {name for name, (v2, _) in rights.items() if not v2} == INNER
    assert not any(gateway for _, gateway in rights.values())


def test_the_gateway_may_call_the_functions_of_the_comparison_alone(sandbox: RunningSandbox) -> None:
    question = """select p.proname, has_function_privilege('banyan_gateway', p.oid, 'execute'),
                         has_function_privilege('banyan_v2', p.oid, 'execute')
                         or has_function_privilege('anon', p.oid, 'execute')
                  from pg_proc p where p.pronamespace = 'public'::regnamespace and starts_with(p.proname, 'banyan_')"""
    with psycopg.connect(sandbox.sql_uri) as connection:
        rights = {name: (gateway, others) for name, gateway, others in connection.execute(question)}

    compared = {name for name, (gateway, _) in rights.items() if gateway}
    assert compared == {"banyan_compare_pairs", "banyan_compare_result", "banyan_compare_search"}
    assert len(rights) > len(compared)
    assert not any(others for _, others in rights.values())


@pytest.mark.parametrize(
    ("role", "tables", "columns"),
    [("banyan_v2", V2_READS, V2_COLUMNS), ("banyan_gateway", set(), GATEWAY_COLUMNS)],
)
def test_a_role_has_no_right_on_any_table_but_those_it_needs(
    sandbox: RunningSandbox, role: str, tables: set[str], columns: dict[str, set[str]]
) -> None:
    on_tables = """select n.nspname || '.' || c.relname, right_name
                   from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   cross join unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) right_name
                   where c.relkind in ('r','p','v','m') and n.nspname in ('public','auth','storage')
                     and has_table_privilege(%s, c.oid, right_name)"""
    on_columns = """select table_name, column_name, privilege_type from information_schema.column_privileges
                    where grantee = %s and table_schema = 'public'"""
    with psycopg.connect(sandbox.sql_uri) as connection:
        found = set(connection.execute(on_tables, (role,)))
        narrow = set(connection.execute(on_columns, (role,)))

    storage = STORAGE if role == "banyan_v2" else set()
    assert found == {(f"public.{table}", "SELECT") for table in tables} | storage
    only = {(table, column, right) for table, column, right in narrow if table not in tables}
    assert only == {(table, column, "SELECT") for table, names in columns.items() for column in names}


@pytest.mark.parametrize(
    ("role", "method", "path", "body"),
    [
        ("banyan_v2", "GET", "chat_messages?select=id", None),
        ("banyan_v2", "GET", "conversation_chunks?select=content", None),
        ("banyan_v2", "GET", "user_profiles?select=*", None),
        ("banyan_v2", "PATCH", "user_profiles?user_id=eq.%s", {"import_status": "none"}),
        ("banyan_v2", "DELETE", "conversation_chunks?user_id=eq.%s", None),
        ("banyan_v2", "PATCH", "pipeline_runs?user_id=eq.%s", {"status": "failed"}),
        ("banyan_v2", "POST", "rpc/v2_generation", {"p_user": "%s"}),
        ("banyan_gateway", "GET", "chat_messages?select=id", None),
        ("banyan_gateway", "GET", "pipeline_runs?select=facts", None),
        ("banyan_gateway", "GET", "pipeline_staged_chunks?select=content", None),
        ("banyan_gateway", "GET", "user_profiles?select=memory_md", None),
        ("banyan_gateway", "PATCH", "user_profiles?user_id=eq.%s", {"import_status": "none"}),
        ("banyan_gateway", "DELETE", "processing_jobs?user_id=eq.%s", None),
        ("banyan_gateway", "POST", "rpc/v2_erase_user", {"p_user": "%s"}),
    ],
)
def test_a_role_is_refused_what_it_does_not_need(
    sandbox: RunningSandbox, imported: str, role: str, method: str, path: str, body: dict[str, str] | None
) -> None:
    headers = {"apikey": sandbox.keys.anonymous, "authorization": f"Bearer {key_of(sandbox, role)}"}
    given = {name: value.replace("%s", imported) for name, value in body.items()} if body else None

    url = f"{sandbox.url}/rest/v1/{path.replace('%s', imported)}"
    answer = httpx.request(method, url, headers=headers, json=given, trust_env=False)

    assert (answer.status_code, answer.json()["code"]) == (403, "42501"), answer.text
    assert sandbox.rows("pipeline_runs", {"user_id": f"eq.{imported}"})[0]["status"] == "complete"


def test_storage_is_open_to_v2s_role_in_the_import_buckets_only(sandbox: RunningSandbox, imported: str) -> None:
    """With row level security as hosted projects have it; the transaction is taken back."""
    with psycopg.connect(sandbox.sql_uri) as connection:
        connection.execute("alter table storage.objects enable row level security")
        connection.execute("alter table storage.buckets enable row level security")
        connection.execute("insert into storage.buckets (id, name) values ('avatars', 'avatars')")
        connection.execute("set local role banyan_v2")
        buckets = {name for (name,) in connection.execute("select id from storage.buckets")}
        found = connection.execute("select count(*) from storage.objects where name like %s", (f"{imported}/%",))
        assert found.fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(
                "insert into storage.objects (bucket_id, name, version, etag, size, mimetype, cache_control) "
                "values ('avatars', 'x', gen_random_uuid(), '', 0, '', '')"
            )
        connection.rollback()

    assert buckets == {"imports", "user-imports"}


def test_the_migration_may_be_applied_again_and_takes_back_what_it_no_longer_grants(sandbox: RunningSandbox) -> None:
    with psycopg.connect(sandbox.sql_uri) as connection:
        connection.execute("grant select on public.chat_messages to banyan_v2")
        connection.execute(MIGRATION.read_bytes(), prepare=False)
        rights = connection.execute("select has_table_privilege('banyan_v2', 'public.chat_messages', 'select')")
        assert rights.fetchone() == (False,)
        connection.rollback()


def test_an_erasure_works_under_v2s_role(sandbox: RunningSandbox, service: RunningService, imported: str) -> None:
    assert service.http.delete(f"/users/{imported}").status_code == 200

    assert sandbox.rows("conversation_chunks", {"user_id": f"eq.{imported}", "select": "id"}) == []
    assert sandbox.rows("pipeline_runs", {"user_id": f"eq.{imported}", "select": "id"}) == []
