"""A remote gateway that misbehaves is told as what it is, never as a stack trace."""

from collections.abc import Callable

import httpx
import pytest

from gateway.ops.errors import RemoteError
from gateway.ops.remote import RemoteControls


def controls(answer: Callable[[httpx.Request], httpx.Response]) -> RemoteControls:
    return RemoteControls("http://gateway.internal:9090/", "s3cret", transport=httpx.MockTransport(answer))


def refusal(answer: Callable[[httpx.Request], httpx.Response]) -> RemoteError:
    with controls(answer) as remote, pytest.raises(RemoteError) as caught:
        remote.status()
    return caught.value


def test_the_token_is_sent() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200, json=[])

    with controls(answer) as remote:
        assert remote.journal(5) == []
    assert seen == ["Bearer s3cret"]


def test_a_problem_document_is_repeated() -> None:
    error = refusal(lambda _: httpx.Response(400, json={"detail": "no", "problems": ["a", "b"]}))
    assert (str(error), error.status, error.problems) == ("no", 400, ("a", "b"))


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"null", b"{}"])
def test_an_error_page_of_something_in_between_is_told_by_its_status(content: bytes) -> None:
    error = refusal(lambda _: httpx.Response(502, content=content))
    assert (str(error), error.status) == ("the ops API answered 502", 502)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"source": 1}'])
def test_something_that_is_no_ops_api(content: bytes) -> None:
    assert "does not answer like an ops API" in str(refusal(lambda _: httpx.Response(200, content=content)))


def test_a_gateway_that_does_not_answer() -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    error = refusal(hang)
    assert (str(error), error.status) == ("http://gateway.internal:9090/ cannot be reached: ReadTimeout", 0)


def test_a_flag_name_cannot_leave_its_place_in_the_path() -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(404, json={})

    with controls(answer) as remote, pytest.raises(RemoteError):
        remote.set_percentage("a/../b", 1, who="ann", why="")
    assert seen == [b"/ops/flags/a%2F..%2Fb/percentage"]
