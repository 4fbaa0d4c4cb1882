"""v2 knows the gateway by a key of its own; nobody else can show one, and a client's Authorization is left alone."""

from dataclasses import replace
from pathlib import Path

from tests.gateway.proxy.wire import Backend, answers, gateway

KEY = "0123456789abcdef"
JOB = (
    b"POST /flagged HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer of-the-client\r\nX-Service-Key: forged\r\n"
    b'x_service_key: forged\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}'
)


async def test_v2_gets_the_gateways_key_and_the_clients_authorization(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2, v2_key=KEY) as running:
        assert answers(await running.send(JOB))[0].status == 200
    (seen,) = v2.seen
    assert seen.values("x-service-key") == [KEY.encode()]
    assert seen.values("x_service_key") == []
    assert seen.values("authorization") == [b"Bearer of-the-client"]


async def test_legacy_gets_no_key_of_anybodys(tmp_path: Path) -> None:
    legacy, v2 = Backend(), Backend()
    async with legacy.running(), v2.running(), gateway(tmp_path, legacy, v2, percentage=0, v2_key=KEY) as running:
        assert answers(await running.send(JOB))[0].status == 200
    (seen,) = legacy.seen
    assert seen.values("x-service-key") == seen.values("x_service_key") == []
    assert seen.values("authorization") == [b"Bearer of-the-client"]


async def test_without_a_key_none_is_sent(tmp_path: Path) -> None:
    v2 = Backend()
    async with v2.running(), gateway(tmp_path, v2, v2) as running:
        await running.send(JOB)
    assert v2.seen[0].values("x-service-key") == []


async def test_a_new_key_holds_for_the_next_request(tmp_path: Path) -> None:
    v2 = Backend()
    async with v2.running(), gateway(tmp_path, v2, v2, v2_key=KEY) as running:
        running.service.reconfigure(replace(running.service.config, v2_key="another-key-of-v2"))
        await running.send(JOB)
    assert v2.seen[0].values("x-service-key") == [b"another-key-of-v2"]


async def test_a_key_in_trailers_is_no_key(tmp_path: Path) -> None:
    request = (
        b"POST /flagged HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'f\r\n{"user_id":"u"}\r\n0\r\nX-Service-Key: forged\r\n\r\n'
    )
    v2 = Backend()
    async with v2.running(), gateway(tmp_path, v2, v2, v2_key=KEY) as running:
        assert answers(await running.send(request))[0].status == 200
    assert v2.seen[0].values("x-service-key") == [KEY.encode()]
    assert b"forged" not in v2.seen[0].body
