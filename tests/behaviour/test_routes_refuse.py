"""What the route table can ask of any route: ids, keys, limits, guards, and notices of its end."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gateway.proxy.wire import OK, Answer, Backend, Gateway, answers, flags_document, gateway

FLAGGED = '[[route]]\nname = "flagged"\nmethods = ["POST"]\npath = "/flagged"\nflag = "f"\n'
PLAIN = '[[route]]\nname = "plain"\npath = "/plain"\n'


async def ask(running: Gateway, path: str, body: bytes = b"", fields: bytes = b"") -> Answer:
    head = b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n"
    return answers(await running.send(head % (path.encode(), fields, len(body)) + body))[-1]


@pytest.mark.parametrize(
    ("body", "problem", "reason"),
    [
        (b"{}", "missing", "id-missing"),
        (b'{"user_id":7}', "not-a-string", "id-invalid"),
        (b'{"user_id":""}', "empty", "id-invalid"),
        (b'{"user_id":"%b"}' % (b"x" * 257), "too-long", "id-invalid"),
        (b"no JSON", "unreadable", "id-invalid"),
        (b'{"conversations":"%b","user_id":"u"}' % (b"x" * 70_000), "beyond-prefix", "id-beyond-prefix"),
    ],
)
async def test_a_route_may_refuse_what_has_no_usable_id(tmp_path: Path, body: bytes, problem: str, reason: str) -> None:
    backend = Backend()
    routes = FLAGGED + 'id_policy = "refuse"\n'
    async with backend.running(), gateway(tmp_path, backend, routes=routes) as running:
        answer = await ask(running, "/flagged", body)
        document = json.loads(answer.body)
        assert (answer.status, document["type"], document["where"]) == (400, "urn:banyan:problem:unusable-id", "route")
        assert document["detail"] == f"This route needs a usable 'user_id' in its JSON body: {problem}."
        assert backend.seen == []
        meters = running.service.meters
        assert meters.decisions.counts == {("f", "none", reason): 1}
        assert meters.errors.counts == {("none", "route", "client", "unusable-id"): 1}
        assert (await ask(running, "/flagged", b'{"user_id":"u"}')).status == 200


async def test_without_that_policy_such_a_request_goes_to_legacy(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2, routes=FLAGGED) as running:
        assert (await ask(running, "/flagged", b"{}")).values("x-gateway-backend") == [b"legacy"]


async def test_a_flag_that_is_off_refuses_nobody(tmp_path: Path) -> None:
    """Rollback brings back what was before, strange ids included."""
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=FLAGGED + 'id_policy = "refuse"\n') as running:
        document = flags_document(100).replace('"enabled": true', '"enabled": false')
        (tmp_path / "features.json").write_text(document.replace('"generation": 1', '"generation": 2'))
        running.service.flags.poll()
        assert (await ask(running, "/flagged", b"{}")).status == 200


async def test_any_route_may_have_a_limit_by_address(tmp_path: Path) -> None:
    backend = Backend()
    async with (
        backend.running(),
        gateway(tmp_path, backend, routes=PLAIN + "rate_limit = 2\n", trusted_hops=1) as running,
    ):
        one, two = b"X-Forwarded-For: 9.9.9.9, 1.1.1.1\r\n", b"X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n"
        assert [(await ask(running, "/plain", b"x", one)).status for _ in range(3)] == [200, 200, 429]
        assert (await ask(running, "/plain", b"x", two)).status == 200
        assert (await ask(running, "/other", b"x", one)).status == 200
        assert len(backend.seen) == 4


async def test_any_route_may_have_a_limit_by_user_and_guards(tmp_path: Path) -> None:
    backend = Backend()
    routes = PLAIN + 'key = "user_id"\nrate_limit = 1\nguards = ["storage-path-of-user"]\n'
    mine, foreign = b'{"user_id":"u","storage_path":"b/u/x"}', b'{"user_id":"u","storage_path":"b/v/x"}'
    async with backend.running(), gateway(tmp_path, backend, routes=routes) as running:
        assert (await ask(running, "/plain", foreign)).status == 403
        assert [(await ask(running, "/plain", mine)).status for _ in range(2)] == [200, 429]
        assert [seen.body for seen in backend.seen] == [mine]
        assert backend.seen[0].values("idempotency-key") == []


async def test_a_guarded_route_asks_for_the_body_before_it_goes_on(tmp_path: Path) -> None:
    """The body must be seen first, so the gateway answers the expectation itself, once (RFC 9110 section 10.1.1)."""
    backend = Backend(reply=b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    async with (
        backend.running(),
        gateway(tmp_path, backend, routes=PLAIN + 'guards = ["storage-path-of-user"]\n') as running,
    ):
        reader, writer = await running.connect()
        writer.write(b"POST /plain HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        writer.write_eof()
        assert [answer.status for answer in answers(await reader.read())] == [200]
        assert (backend.seen[0].body, backend.seen[0].values("expect")) == (b"{}", [])
        writer.close()


async def test_any_route_may_ask_for_the_key_and_keeps_the_connection(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=PLAIN + "api_key = true\n", api_key="k") as running:
        without = b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
        found = answers(await running.send(without + without[:-2] + b"Authorization: Bearer k\r\n\r\n"))
        assert [answer.status for answer in found] == [401, 200]
        assert len(backend.seen) == 1


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
async def test_a_closed_route_is_not_found_and_no_backend_hears_of_it(tmp_path: Path, method: bytes) -> None:
    backend = Backend()
    routes = PLAIN + "closed = true\napi_key = true\n" + FLAGGED + "closed = true\n"
    async with backend.running(), gateway(tmp_path, backend, routes=routes, api_key="k") as running:
        asked = b"%b /plain HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n" % method
        (answer,) = answers(await running.send(asked), head_only=method == b"HEAD")
        assert (answer.status, answer.values("content-type")) == (404, [b"application/problem+json"])
        assert answer.values("x-gateway-backend") == []
        if method != b"HEAD":
            assert json.loads(answer.body)["type"] == "urn:banyan:problem:closed"
        assert (await ask(running, "/flagged", b'{"user_id":"u"}')).status == 404
        assert backend.seen == []
        assert running.service.meters.errors.counts == {("none", "route", "client", "closed"): 2}


@pytest.mark.parametrize("more", [b"", b"X-Request-Id: abcdefgh\r\n"])
async def test_a_new_route_table_holds_for_a_connection_that_repeats_itself(tmp_path: Path, more: bytes) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=PLAIN) as running:
        reader, writer = await running.connect()
        found = []
        for closed in ("", "closed = true\n", ""):
            running.service.reconfigure(replace(running.service.config, routes=PLAIN + closed))
            for _ in range(3):
                writer.write(b"GET /plain HTTP/1.1\r\nHost: a\r\n%b\r\n" % more)
                head = await reader.readuntil(b"\r\n\r\n")
                (length,) = Answer(0, head, b"", True).values("content-length")
                await reader.readexactly(int(length))
                found.append(head[9:12])
        assert found == [b"200"] * 3 + [b"404"] * 3 + [b"200"] * 3
        assert len(backend.seen) == 6
        writer.close()


async def test_all_that_the_table_does_not_name_may_be_closed(tmp_path: Path) -> None:
    backend = Backend()
    routes = "[defaults]\nclosed = true\n" + PLAIN + "closed = false\n"
    async with backend.running(), gateway(tmp_path, backend, routes=routes) as running:
        assert [(await ask(running, path)).status for path in ("/plain", "/plain/", "/other")] == [200, 404, 404]
        assert (await running.send(b"GET /_gateway/health HTTP/1.1\r\nHost: a\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert len(backend.seen) == 1


NOTICES = (
    'deprecated = 2027-01-01T00:00:00Z\nsunset = "Fri, 31 Dec 2027 23:59:59 GMT"\n'
    'successor = "/v2/flagged"\ndeprecation_link = "https://docs.example/old"\n'
)


async def test_legacys_answers_say_that_they_are_on_their_way_out(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2, routes=FLAGGED + NOTICES) as running:
        old = await ask(running, "/flagged", b"{}")
        assert old.values("deprecation") == [b"@1798761600"]
        assert old.values("sunset") == [b"Fri, 31 Dec 2027 23:59:59 GMT"]
        assert old.values("link") == [
            b'</v2/flagged>; rel="successor-version"',
            b'<https://docs.example/old>; rel="deprecation"',
        ]
        for other in (await ask(running, "/flagged", b'{"user_id":"u"}'), await ask(running, "/other")):
            assert [other.values(name) for name in ("deprecation", "sunset", "link")] == [[], [], []]


async def test_what_the_monolith_says_itself_of_its_end_stands(tmp_path: Path) -> None:
    legacy = Backend(reply=OK.replace(b"\r\n\r\n", b"\r\nDeprecation: @1\r\nLink: </a>; rel=help\r\n\r\n"))
    async with legacy.running(), gateway(tmp_path, legacy, routes=PLAIN + NOTICES) as running:
        answer = await ask(running, "/plain")
        assert answer.values("deprecation") == [b"@1"]
        assert len(answer.values("link")) == 3


@pytest.mark.parametrize(
    "target",
    [b"//plain", b"/./plain", b"/a/../plain", b"/a/..%2Fplain", b"/plain/", b"/plain%2f", b"/plain;a", b"/%2570lain"],
)
async def test_another_spelling_of_a_checked_path_reaches_nobody_and_of_an_unchecked_one_passes_byte_for_byte(
    tmp_path: Path, target: bytes
) -> None:
    backend = Backend()
    asked = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % target
    for option, status in (("api_key = true\n", 404), ("", 200)):
        async with backend.running(), gateway(tmp_path, backend, routes=PLAIN + option, api_key="k") as running:
            (answer,) = answers(await running.send(asked))
            assert answer.status == status
    assert [seen.line for seen in backend.seen] == [b"GET %b HTTP/1.1" % target]
