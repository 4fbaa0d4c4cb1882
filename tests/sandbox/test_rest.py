"""The gate in front of the REST front, and the front's view of a schema that changes."""

from __future__ import annotations

import httpx
import psycopg

from sandbox.running import RunningSandbox

TABLE = "/rest/v1/user_profiles"


def test_without_a_key_nothing_is_answered(sandbox: RunningSandbox) -> None:
    answer = httpx.get(sandbox.url + TABLE, trust_env=False)
    assert (answer.status_code, answer.json()["message"]) == (401, "No API key found in request")


def test_a_wrong_key_is_refused(sandbox: RunningSandbox) -> None:
    answer = httpx.get(sandbox.url + TABLE, headers={"apikey": "wrong"}, trust_env=False)
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid API key")


def test_the_key_alone_decides_the_role_when_no_token_is_sent(sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    params = {"user_id": f"eq.{user}", "select": "user_id"}
    for key, seen in ((sandbox.keys.service, [{"user_id": user}]), (sandbox.keys.anonymous, [])):
        answer = httpx.get(sandbox.url + TABLE, params=params, headers={"apikey": key}, trust_env=False)
        assert answer.json() == seen


def test_the_key_may_come_in_the_query(sandbox: RunningSandbox) -> None:
    params = {"apikey": sandbox.keys.service, "select": "user_id", "limit": "1"}
    assert httpx.get(sandbox.url + TABLE, params=params, trust_env=False).status_code == 200


def test_a_forged_token_is_refused(sandbox: RunningSandbox) -> None:
    head, payload, _ = sandbox.keys.service.split(".")
    answer = sandbox.http.get(TABLE, headers={"authorization": f"Bearer {head}.{payload}.AAAA"})
    assert (answer.status_code, answer.json()["code"]) == (401, "PGRST301")


def test_a_new_table_column_and_function_are_served_at_once(sandbox: RunningSandbox) -> None:
    with psycopg.connect(sandbox.sql_uri, autocommit=True) as database:
        try:
            database.execute("create table public.fresh (id integer primary key)")
            assert sandbox.http.post("/rest/v1/fresh", json={"id": 1}).status_code == 201
            database.execute("alter table public.fresh add column note text")
            sandbox.http.patch("/rest/v1/fresh?id=eq.1", json={"note": "n"}).raise_for_status()
            assert sandbox.rows("fresh") == [{"id": 1, "note": "n"}]
            database.execute(
                "create function public.fresh_count(lowest integer) returns bigint language sql stable"
                " as 'select count(*) from public.fresh where id >= lowest'"
            )
            assert sandbox.http.post("/rest/v1/rpc/fresh_count", json={"lowest": 1}).json() == 1
        finally:
            database.execute("drop function if exists public.fresh_count; drop table public.fresh")
    assert sandbox.http.post("/rest/v1/fresh", json={"id": 1}).status_code == 404


def test_the_hosted_row_cap_holds_whatever_the_limit_says(sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    row = {"user_id": user, "conversation_id": "c", "content": "x", "created_at": "2024-01-01"}
    sandbox.http.post("/rest/v1/conversation_chunks", json=[row] * 1001).raise_for_status()
    params = {"user_id": f"eq.{user}", "select": "id", "limit": "10000"}
    assert len(sandbox.rows("conversation_chunks", params)) == 1000


def test_a_write_that_fails_leaves_nothing(sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    good = {"user_id": user, "conversation_id": "c", "content": "x", "created_at": "2024-01-01"}
    answer = sandbox.http.post("/rest/v1/conversation_chunks", json=[good, {**good, "content": None}])
    assert answer.status_code == 400
    assert sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}"}) == []


def test_one_object_demanded_of_two_rows_rolls_the_write_back(sandbox: RunningSandbox) -> None:
    users = sandbox.create_user(), sandbox.create_user()
    answer = sandbox.http.patch(
        TABLE,
        params={"user_id": f"in.({','.join(users)})"},
        json={"archetype": "both"},
        headers={"prefer": "return=representation", "accept": "application/vnd.pgrst.object+json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST116")
    params = {"user_id": f"in.({','.join(users)})", "archetype": "eq.both"}
    assert sandbox.rows("user_profiles", params) == []
