"""The meter passes exchanges on unchanged and knows whether the asker was still there."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from bench.v2.meter import Answer, Meter, area_of, life_of, paid, parse_head, question_of

QUESTION = "/v1/messages"


class Model(BaseHTTPRequestHandler):
    """Answers a POST with its own body; one that says "wait" only when `go` is set."""

    protocol_version = "HTTP/1.1"
    go = threading.Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if b"wait" in body:
            self.go.wait(10)
        self.send_response(429 if b"busy" in body else 200)
        self.send_header("x-own", "kept")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def model() -> Iterator[str]:
    Model.go.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_exchange_passes_unchanged_and_is_written_down(model: str) -> None:
    seen: list[tuple[str, bytes]] = []
    with Meter(model, tap=lambda area, body: seen.append((area, body))) as meter:
        with httpx.Client(base_url=meter.url, trust_env=False) as client:
            for path, words in ((QUESTION, "one"), ("/model/titan/invoke", "two"), ("/v1/models", "three")):
                answer = client.post(path, content=words.encode())
                assert (answer.status_code, answer.text, answer.headers["x-own"]) == (200, words, "kept")
            client.post(QUESTION, content=b"busy")
    assert [(one.area, one.status, one.taken) for one in meter.answers] == [
        ("model", 200, True),
        ("embedding", 200, True),
        ("model", 429, True),
    ]
    assert seen == [("model", b"one"), ("embedding", b"two"), ("model", b"busy")]
    assert paid(meter.answers, "model").total() == 1


def test_the_start_that_asks_is_told_by_the_path_and_goes_no_further() -> None:
    assert life_of("/life-12/v1/messages") == (12, "/v1/messages")
    assert life_of("/v1/messages?x=/life-3/") == (0, "/v1/messages?x=/life-3/")


def test_an_answer_to_an_asker_who_is_gone_is_not_taken(model: str) -> None:
    with Meter(model) as meter:
        with socket.create_connection(("127.0.0.1", int(meter.url.rpartition(":")[2]))) as asker:
            asker.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nwait")
            # The next exchange proves that the first has been read.
            httpx.post(f"{meter.url}/v1/messages", content=b"ask", trust_env=False)
        httpx.post(f"{meter.url}/v1/messages", content=b"ask", trust_env=False)
        Model.go.set()
        httpx.post(f"{meter.url}/v1/messages", content=b"wait", trust_env=False)
    by_question: dict[str, list[Answer]] = {}
    for one in meter.answers:
        by_question.setdefault(one.question, []).append(one)
    assert sorted(one.taken for one in by_question[question_of(b"wait")]) == [False, True]
    assert all(one.taken for one in by_question[question_of(b"ask")])


@pytest.mark.parametrize("read", [True, False])
def test_an_asker_that_dies_has_taken_the_answer_if_it_has_read_it(model: str, *, read: bool) -> None:
    with Meter(model) as meter:
        with socket.create_connection(("127.0.0.1", int(meter.url.rpartition(":")[2]))) as asker:
            asker.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nask")
            # All of the answer lies in the socket, as its last bytes do.
            until(lambda: asker.recv(65_536, socket.MSG_PEEK).endswith(b"ask"))
            asker.recv(65_536 if read else 1)
        until(lambda: not meter.open)
    assert [one.taken for one in meter.answers] == [read]


def test_equal_questions_in_different_tags_are_one_question() -> None:
    bodies = [json.dumps({"a": f"<material-{tag}>x</material-{tag}>"}).encode() for tag in ("0a1b", "99ff")]
    assert question_of(bodies[0]) == question_of(bodies[1])
    assert question_of(bodies[0]) != question_of(bodies[0].replace(b"x", b"y"))


def test_only_paid_calls_have_an_area() -> None:
    paths = ("/v1/messages", "/model/m/invoke", "/v1/models/m", "/")
    assert [area_of(path) for path in paths] == ["model", "embedding", "", ""]


def test_a_head_is_read() -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    assert parse_head(head) == ("POST", "/a", {"host": "x", "content-length": "3"})
