"""The callback receiver: answers as the web app and remembers what it was told, without secrets."""

from __future__ import annotations

import httpx
import pytest

from sandbox.running import RunningSandbox
from sandbox.webapp import PATH


def test_a_ready_import_is_taken_and_remembered(sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    body = {"user_id": user, "soulprint_ready": True, "memory_building": True, "processing_time": 1.5}
    answer = httpx.post(sandbox.url + PATH, json=body, trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "email_sent": True, "push_sent": False})
    told = [call for call in sandbox.callbacks() if call["body"].get("user_id") == user]
    assert [call["body"] for call in told] == [body]
    assert (told[0]["has_bearer"], told[0]["has_api_key"]) == (False, False)


def test_keys_are_noticed_but_never_kept(sandbox: RunningSandbox) -> None:
    user = sandbox.create_user()
    headers = {"authorization": "Bearer very-secret", "x-rlm-api-key": "very-secret"}
    httpx.post(sandbox.url + PATH, json={"user_id": user}, headers=headers, trust_env=False)
    [told] = [call for call in sandbox.callbacks() if call["body"].get("user_id") == user]
    assert (told["has_bearer"], told["has_api_key"]) == (True, True)
    assert "very-secret" not in str(sandbox.callbacks())


@pytest.mark.parametrize("body", [b"{}", b"", b"no json", b"[]", b'{"user_id": 5}', b'{"user_id": ""}'])
def test_without_a_user_it_says_400(sandbox: RunningSandbox, body: bytes) -> None:
    answer = httpx.post(sandbox.url + PATH, content=body, trust_env=False)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize("user", ["00000000-0000-4000-8000-00000000dead", "system-health-check"])
def test_for_an_unknown_profile_it_says_404(sandbox: RunningSandbox, user: str) -> None:
    assert httpx.post(sandbox.url + PATH, json={"user_id": user}, trust_env=False).status_code == 404
