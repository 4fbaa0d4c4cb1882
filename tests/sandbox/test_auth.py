"""The accounts service: create, show, delete, and who may."""

from __future__ import annotations

import uuid

import httpx

from sandbox.running import RunningSandbox

USERS = "/auth/v1/admin/users"


def test_an_account_can_be_made_with_a_chosen_id(sandbox: RunningSandbox) -> None:
    wanted = str(uuid.uuid4())
    made = sandbox.http.post(USERS, json={"id": wanted, "email": f"{wanted}@example.com"})
    assert (made.status_code, made.json()["id"]) == (200, wanted)
    assert sandbox.http.get(f"{USERS}/{wanted}").json()["email"] == f"{wanted}@example.com"


def test_an_account_gets_an_id_when_none_is_chosen(sandbox: RunningSandbox) -> None:
    assert uuid.UUID(sandbox.create_user())


def test_the_same_account_cannot_be_made_twice(sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    again = sandbox.http.post(USERS, json={"id": user})
    assert (again.status_code, again.json()["error_code"]) == (422, "email_exists")


def test_a_deleted_account_is_gone(sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    assert sandbox.http.delete(f"{USERS}/{user}").json() == {}
    assert sandbox.http.get(f"{USERS}/{user}").status_code == 404
    assert sandbox.http.delete(f"{USERS}/{user}").status_code == 404


def test_accounts_are_listed_by_pages(sandbox: RunningSandbox) -> None:
    sandbox.create_user()
    sandbox.create_user()
    first, second = (sandbox.http.get(USERS, params={"page": page, "per_page": 1}).json()["users"] for page in (1, 2))
    assert len(first) == len(second) == 1
    assert first != second


def test_only_the_service_key_may_touch_accounts(sandbox: RunningSandbox) -> None:
    anonymous = {"apikey": sandbox.keys.anonymous, "authorization": f"Bearer {sandbox.keys.anonymous}"}
    assert sandbox.http.post(USERS, json={}, headers=anonymous).status_code == 403
    forged = {"authorization": "Bearer a.b.c"}
    assert sandbox.http.post(USERS, json={}, headers=forged).status_code == 401
    assert httpx.post(f"{sandbox.url}{USERS}", json={}, trust_env=False).status_code == 403


def test_health_needs_no_key(sandbox: RunningSandbox) -> None:
    assert httpx.get(f"{sandbox.url}/auth/v1/health", trust_env=False).status_code == 200
