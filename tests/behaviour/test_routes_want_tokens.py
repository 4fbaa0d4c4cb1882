"""Routes that ask for a JSON Web Token: who gets through, what the others are told, and what a token may speak for."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.test_routes_refuse import ask
from tests.gateway.proxy.wire import Answer, Backend, Gateway, answers, gateway
from tests.gateway.tokens import AUDIENCE, ISSUER, OTHER, SECRET, USER, ec_key, key_set, public, token

ROUTES = """
[[route]]
name = "plain"
path = "/plain"
jwt = true
[[route]]
name = "open"
path = "/open"
[[route]]
name = "mine"
path = "/mine"
jwt = true
jwt_user = true
[[route]]
name = "profile"
path = "/profile/{user_id}"
jwt = true
jwt_user = true
rate_limit = 1
[[route]]
name = "flagged"
methods = ["POST"]
path = "/flagged"
flag = "f"
jwt = true
jwt_user = true
max_body = 200000
"""
TOKENS: dict[str, Any] = {
    "jwt_issuer": ISSUER,
    "jwt_audience": AUDIENCE,
    "jwt_algorithms": "ES256,HS256",
    "jwt_secrets": SECRET,
}


def bearer(**changed: Any) -> bytes:
    """A field with a token that is valid now."""
    return b"Authorization: Bearer %b\r\n" % token(**{"exp": int(time.time()) + 600} | changed)


def body(user: str, more: str = "") -> bytes:
    return f'{{"user_id":"{user}"{more}}}'.encode()


async def get(running: Gateway, path: str, fields: bytes = b"", method: bytes = b"GET") -> Answer:
    return answers(await running.send(b"%b %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (method, path.encode(), fields)))[-1]


async def test_who_has_no_token_is_told_what_to_bring(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        answer = await get(running, "/plain")
        document = json.loads(answer.body)
        assert (answer.status, document["type"]) == (401, "urn:banyan:problem:token-missing")
        assert answer.values("www-authenticate") == [b'Bearer realm="gateway"']
        assert answer.values("content-type") == [b"application/problem+json"]
        assert backend.seen == []
        assert running.service.meters.errors.counts == {("none", "route", "client", "token-missing"): 1}


async def test_who_has_a_wrong_one_is_told_why(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        answer = await get(running, "/plain", bearer(exp=1_700_000_000))
        assert (answer.status, json.loads(answer.body)["detail"]) == (401, "The token has expired.")
        challenge = b'Bearer realm="gateway", error="invalid_token", error_description="The token has expired."'
        assert answer.values("www-authenticate") == [challenge]
        assert backend.seen == []


async def test_a_valid_token_passes_and_goes_on_unchanged(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        field = bearer()
        assert [(await get(running, "/plain", field)).status for _ in range(2)] == [200, 200]
        assert [seen.values("authorization") for seen in backend.seen] == [[field[15:-2]], [field[15:-2]]]


async def test_routes_that_ask_for_none_look_at_none(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        for fields in (b"", b"Authorization: Bearer nonsense\r\n", b"Authorization: Basic dTpw\r\n"):
            assert (await get(running, "/open", fields)).status == 200


async def test_a_token_in_the_query_counts_as_none(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        given = bearer()[22:-2].decode()
        assert (await get(running, f"/plain?access_token={given}")).status == 401
        assert (await ask(running, "/plain", f"access_token={given}".encode())).status == 401
        assert backend.seen == []


async def test_a_browser_may_ask_whether_it_may_ask(tmp_path: Path) -> None:
    """A preflight never has a token (Fetch); whether the page may ask is the backend's answer."""
    backend = Backend()
    origin = b"Origin: https://app.example\r\n"
    preflight = origin + b"Access-Control-Request-Method: POST\r\n"
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        for path in ("/plain", "/mine", f"/profile/{USER}"):
            assert (await get(running, path, preflight, b"OPTIONS")).status == 200
            assert (await get(running, path, origin, b"OPTIONS")).status == 401
        assert (await get(running, "/plain", preflight)).status == 401
        refused = await get(running, "/plain", origin)
        assert refused.values("access-control-allow-origin") == [b"https://app.example"]


async def test_nobody_speaks_for_another_in_the_body(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        answer = await ask(running, "/mine", body(OTHER), bearer())
        assert (answer.status, json.loads(answer.body)["type"]) == (403, "urn:banyan:problem:refused")
        for wrong in (
            b"",
            b"{}",
            b"nonsense",
            body(USER.upper()),
            body(USER, f',"user_id":"{OTHER}"'),
            b'{"user_id":7}',
        ):
            assert (await ask(running, "/mine", wrong, bearer())).status == 403
        assert backend.seen == []
        assert (await ask(running, "/mine", body(USER), bearer())).status == 200
        assert (await ask(running, "/mine", body(OTHER), bearer(sub=OTHER))).status == 200


async def test_the_end_of_a_long_body_cannot_name_another(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        long = body(USER, f',"x":"{"x" * 70_000}","user_id":"{OTHER}"')
        answer = await ask(running, "/mine", long, bearer())
        assert (answer.status, "too long" in json.loads(answer.body)["detail"]) == (403, True)
        assert (await ask(running, "/flagged", long, bearer())).status == 403
        assert backend.seen == []


async def test_nobody_speaks_for_another_in_the_path(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        for path in (
            f"/profile/{OTHER}",
            f"/profile/{USER.upper()}",
            f"/profile/{USER}%00",
            f"/profile/{OTHER}?{USER}",
        ):
            assert (await get(running, path, bearer())).status == 403
        assert backend.seen == []
        assert (await get(running, f"/profile/{USER}", bearer())).status == 200


async def test_requests_without_a_token_use_up_nobodys_limit(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        assert [(await get(running, f"/profile/{USER}")).status for _ in range(3)] == [401] * 3
        assert [(await get(running, f"/profile/{USER}", bearer())).status for _ in range(2)] == [200, 429]


async def test_a_flagged_route_decides_for_the_one_who_is_signed_in(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with (
        legacy.running(),
        v2.running(),
        gateway(tmp_path, legacy, v2, routes=ROUTES, v2_key="k" * 16, **TOKENS) as running,
    ):
        assert (await ask(running, "/flagged", body(OTHER), bearer())).status == 403
        field = bearer()
        assert (await ask(running, "/flagged", body(USER), field)).values("x-gateway-backend") == [b"v2"]
        assert (v2.seen[0].values("authorization"), legacy.seen) == ([field[15:-2]], [])


@pytest.mark.parametrize("length", [b"Content-Length: 300000", b"Transfer-Encoding: chunked"])
async def test_who_may_not_ask_is_told_so_before_the_body(tmp_path: Path, length: bytes) -> None:
    """401 comes before 413 and instead of 100: no byte of the body is asked for."""
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        head = b"POST /flagged HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n%b\r\n\r\n" % length
        (answer,) = answers(await running.send(head, eof=False))
        assert (answer.status, answer.values("connection")) == (401, [b"close"])
        assert backend.seen == []


async def test_with_a_token_the_body_is_asked_for(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, backend, routes=ROUTES, **TOKENS) as running:
        reader, writer = await running.connect()
        content = body(USER)
        head = b"POST /mine HTTP/1.1\r\nHost: a\r\n%bExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (bearer(), len(content)))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(content)
        writer.write_eof()
        assert [answer.status for answer in answers(await reader.read())] == [200]
        writer.close()


async def test_without_keys_nobody_passes_and_nobody_is_blamed(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS | {"jwt_secrets": ""}) as running:
        answer = await get(running, "/plain", bearer())
        assert (answer.status, json.loads(answer.body)["type"]) == (503, "urn:banyan:problem:token-keys-missing")
        assert (await get(running, "/open")).status == 200


async def test_keys_change_while_requests_go_on(tmp_path: Path) -> None:
    backend = Backend()
    async with backend.running(), gateway(tmp_path, backend, routes=ROUTES, **TOKENS) as running:
        by_key = bearer(key=ec_key(), algorithm="ES256", header={"kid": "e"})
        assert [(await get(running, "/plain", field)).status for field in (bearer(), by_key)] == [200, 401]
        config = running.service.config
        running.service.reconfigure(replace(config, token_keys=key_set(public(ec_key(), kid="e")), jwt_secrets=""))
        assert [(await get(running, "/plain", field)).status for field in (bearer(), by_key)] == [401, 200]
        with pytest.raises(ValueError, match="not JSON"):
            running.service.reconfigure(replace(config, token_keys="nonsense"))
        assert (await get(running, "/plain", by_key)).status == 200
