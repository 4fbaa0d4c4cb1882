"""Objects: the answers recorded from the real storage service, names that are refused, bytes that stream."""

from __future__ import annotations

import hashlib
import socket
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from sandbox.running import RunningSandbox

OBJECTS = "/storage/v1/object"
MEGABYTE = 1 << 20


@pytest.fixture
def place(sandbox: RunningSandbox) -> str:
    """A fresh path in the bucket of imports."""
    return f"user-imports/{uuid.uuid4()}/raw-1.json"


def problem(code: str, error: str, message: str) -> dict[str, str]:
    return {"statusCode": code, "error": error, "message": message}


def test_an_object_comes_back_as_it_went_in(sandbox: RunningSandbox, place: str) -> None:
    answer = sandbox.http.post(f"{OBJECTS}/{place}", content=b"[1]", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["Key"]) == (200, place)
    assert uuid.UUID(answer.json()["Id"])
    got = sandbox.http.get(f"{OBJECTS}/{place}")
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, b"[1]", "application/json")
    assert got.headers["etag"] == f'"{hashlib.md5(b"[1]").hexdigest()}"'


def test_the_same_name_twice_is_a_duplicate(sandbox: RunningSandbox, place: str) -> None:
    sandbox.upload(place, b"old")
    again = sandbox.http.post(f"{OBJECTS}/{place}", content=b"new")
    assert (again.status_code, again.json()) == (400, problem("409", "Duplicate", "The resource already exists"))
    assert sandbox.http.get(f"{OBJECTS}/{place}").content == b"old"


@pytest.mark.parametrize(("method", "headers"), [("POST", {"x-upsert": "true"}), ("PUT", {})])
def test_an_upsert_replaces(sandbox: RunningSandbox, place: str, method: str, headers: dict[str, str]) -> None:
    for content in (b"old", b"new"):
        assert sandbox.http.request(method, f"{OBJECTS}/{place}", content=content, headers=headers).status_code == 200
    assert sandbox.http.get(f"{OBJECTS}/{place}").content == b"new"


def test_replaced_and_deleted_bytes_leave_the_disk(sandbox: RunningSandbox, place: str) -> None:
    folder = sandbox.data / "objects"
    before = len(list(folder.iterdir()))
    for content in (b"1", b"2", b"3"):
        sandbox.upload(place, content)
    assert len(list(folder.iterdir())) == before + 1
    sandbox.http.delete(f"{OBJECTS}/{place}").raise_for_status()
    assert len(list(folder.iterdir())) == before


def test_a_known_etag_is_not_sent_again(sandbox: RunningSandbox, place: str) -> None:
    sandbox.upload(place, b"content")
    etag = sandbox.http.head(f"{OBJECTS}/{place}").headers["etag"]
    again = sandbox.http.get(f"{OBJECTS}/{place}", headers={"if-none-match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert sandbox.http.get(f"{OBJECTS}/{place}", headers={"if-none-match": '"other"'}).status_code == 200


def test_a_range_is_partial_content(sandbox: RunningSandbox, place: str) -> None:
    sandbox.upload(place, b"0123456789")
    part = sandbox.http.get(f"{OBJECTS}/{place}", headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert sandbox.http.get(f"{OBJECTS}/{place}", headers={"range": "bytes=50-"}).status_code == 416


def test_head_tells_the_size_without_the_bytes(sandbox: RunningSandbox, place: str) -> None:
    sandbox.upload(place, b"0123456789")
    head = sandbox.http.head(f"{OBJECTS}/{place}")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")


def test_a_missing_object_is_a_400_that_says_404(sandbox: RunningSandbox, place: str) -> None:
    answer = sandbox.http.get(f"{OBJECTS}/{place}")
    assert (answer.status_code, answer.json()) == (400, problem("404", "not_found", "Object not found"))
    assert sandbox.http.delete(f"{OBJECTS}/{place}").json()["statusCode"] == "404"


def test_a_missing_bucket_is_a_400_that_says_404(sandbox: RunningSandbox) -> None:
    answers = [sandbox.http.get(f"{OBJECTS}/nope/x"), sandbox.http.post(f"{OBJECTS}/nope/x", content=b"1")]
    expected = (400, problem("404", "Bucket not found", "Bucket not found"))
    assert [(answer.status_code, answer.json()) for answer in answers] == [expected] * 2


def test_without_the_service_key_nothing_can_be_seen_or_written(sandbox: RunningSandbox, place: str) -> None:
    sandbox.upload(place, b"secret")
    url, key = f"{sandbox.url}{OBJECTS}/{place}", sandbox.keys.anonymous
    anonymous = {"authorization": f"Bearer {key}"}
    assert httpx.get(url, headers=anonymous, trust_env=False).json()["message"] == "Bucket not found"
    assert httpx.put(url, content=b"x", headers=anonymous, trust_env=False).json()["statusCode"] == "403"
    assert httpx.get(url, headers={"authorization": "Bearer a.b.c"}, trust_env=False).json()["statusCode"] == "403"
    assert httpx.get(url, trust_env=False).json()["message"] == "headers must have required property 'authorization'"
    assert sandbox.http.get(f"{OBJECTS}/{place}").content == b"secret"


@pytest.mark.parametrize(
    "name", ["../secret", "a/../b", "a/./b", "a//b", "a/%2e%2e/b", "a/%2E%2E/%2e%2e/b", "..", "a/b/..", "/a", "a\\b"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_names_with_dot_segments_are_refused_as_they_stand_on_the_wire(
    sandbox: RunningSandbox, name: str, method: str
) -> None:
    status, body = raw_exchange(sandbox, method, f"{OBJECTS}/user-imports/{name}")
    assert (status, "InvalidKey" in body) == (400, True)


def test_a_stream_is_stored_with_bounded_memory(sandbox: RunningSandbox, place: str) -> None:
    server = serving_process(sandbox)
    block, blocks = bytes(range(256)) * (MEGABYTE // 256), 96
    sandbox.upload(place, b"warm")
    before = server.memory_info().rss

    def body() -> Iterator[bytes]:
        for _ in range(blocks):
            yield block

    sandbox.http.put(f"{OBJECTS}/{place}", content=body()).raise_for_status()
    received = hashlib.sha256()
    with sandbox.http.stream("GET", f"{OBJECTS}/{place}") as answer:
        for piece in answer.iter_bytes():
            received.update(piece)
    assert received.digest() == hashlib.sha256(block * blocks).digest()
    assert server.memory_info().rss - before < 48 * MEGABYTE
    sandbox.http.delete(f"{OBJECTS}/{place}").raise_for_status()


def test_an_upload_that_breaks_off_leaves_nothing(sandbox: RunningSandbox, place: str) -> None:
    folder = sandbox.data / "objects"
    before = sorted(folder.iterdir())
    parts = urlsplit(sandbox.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        head = f"POST {OBJECTS}/{place} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {sandbox.keys.service}\r\n"
        connection.sendall(f"{head}expect: 100-continue\r\ncontent-length: 1000\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"x" * 10)
    assert sandbox.http.get(f"{OBJECTS}/{place}").json()["statusCode"] == "404"
    assert sorted(path for path in folder.iterdir() if path.suffix != ".incoming") == before


def test_many_objects_can_be_deleted_at_once(sandbox: RunningSandbox) -> None:
    folder = str(uuid.uuid4())
    names = [f"{folder}/{number}" for number in range(3)]
    for name in names:
        sandbox.upload(f"user-imports/{name}", b"1")
    wanted = {"prefixes": [*names[:2], f"{folder}/not-there"]}
    gone = sandbox.http.request("DELETE", f"{OBJECTS}/user-imports", json=wanted).json()
    assert sorted(row["name"] for row in gone) == names[:2]
    assert sandbox.http.get(f"{OBJECTS}/user-imports/{names[2]}").status_code == 200


def raw_exchange(sandbox: RunningSandbox, method: str, path: str) -> tuple[int, str]:
    """One request exactly as written: client libraries would resolve dot segments first."""
    parts = urlsplit(sandbox.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {sandbox.keys.service}\r\n"
        connection.sendall(f"{head}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return int(received.split(b" ", 2)[1]), received.decode()


def serving_process(sandbox: RunningSandbox) -> psutil.Process:
    port = urlsplit(sandbox.url).port
    for child in psutil.Process().children():
        if any(entry.laddr.port == port for entry in child.net_connections() if entry.status == psutil.CONN_LISTEN):
            return child
    raise AssertionError("the sandbox is no child of this process")
