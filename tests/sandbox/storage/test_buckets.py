"""Buckets: made, limited, emptied, deleted."""

from __future__ import annotations

import uuid

import httpx
import pytest

from sandbox.running import RunningSandbox

BUCKETS = "/storage/v1/bucket"


@pytest.fixture
def bucket(sandbox: RunningSandbox) -> str:
    name = f"bucket-{uuid.uuid4()}"
    assert sandbox.http.post(BUCKETS, json={"name": name, "file_size_limit": 5}).json() == {"name": name}
    return name


def test_the_buckets_of_production_are_there(sandbox: RunningSandbox) -> None:
    names = {bucket["name"] for bucket in sandbox.http.get(BUCKETS).json()}
    assert {"imports", "user-imports"} <= names


def test_a_bucket_cannot_be_made_twice(sandbox: RunningSandbox, bucket: str) -> None:
    again = sandbox.http.post(BUCKETS, json={"name": bucket})
    assert (again.status_code, again.json()["statusCode"]) == (400, "409")


def test_an_object_beyond_the_limit_is_refused_and_not_kept(sandbox: RunningSandbox, bucket: str) -> None:
    path = f"/storage/v1/object/{bucket}/x"
    declared = sandbox.http.post(path, content=b"123456")
    streamed = sandbox.http.post(path, content=iter([b"123", b"456"]))
    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["statusCode"]) == (400, "413")
    assert sandbox.http.get(path).json()["statusCode"] == "404"
    assert sandbox.http.post(path, content=b"12345").status_code == 200


def test_only_an_empty_bucket_can_be_deleted(sandbox: RunningSandbox, bucket: str) -> None:
    sandbox.upload(f"{bucket}/x", b"1")
    assert sandbox.http.delete(f"{BUCKETS}/{bucket}").json()["statusCode"] == "409"
    sandbox.http.post(f"{BUCKETS}/{bucket}/empty").raise_for_status()
    assert sandbox.http.delete(f"{BUCKETS}/{bucket}").json() == {"message": "Successfully deleted"}
    assert sandbox.http.get(f"{BUCKETS}/{bucket}").json()["message"] == "Bucket not found"


def test_only_the_service_sees_or_makes_buckets(sandbox: RunningSandbox) -> None:
    headers = {"authorization": f"Bearer {sandbox.keys.anonymous}"}
    assert httpx.get(sandbox.url + BUCKETS, headers=headers, trust_env=False).json() == []
    made = httpx.post(sandbox.url + BUCKETS, json={"name": "mine"}, headers=headers, trust_env=False)
    assert made.json()["statusCode"] == "403"
