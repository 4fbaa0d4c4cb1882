"""An https backend: its certificate is checked against GATEWAY_CA_FILE, and nothing goes up if it does not hold."""

import asyncio
import hashlib
import json
import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import uvloop

from gateway.proxy.inquiry import Verdict, inquire
from gateway.settings import GatewaySettings
from tests.gateway.proxy.wire import Backend, answers, gateway
from tests.house.installed import installed

JOB = b'POST /flagged HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"user_id":"u"}'


class Certificate(NamedTuple):
    """A self-signed certificate, its own authority."""

    file: str
    server: ssl.SSLContext


def certificate(folder: Path, name: str) -> Certificate:
    key, file = folder / f"{name}.key", folder / f"{name}.pem"
    command = [
        installed("openssl"),
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={name}"]
    subprocess.run([*command, *names, "-keyout", str(key), "-out", str(file)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return Certificate(str(file), context)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("good"), "IP:127.0.0.1")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("elsewhere"), "DNS:other.example")


def url(backend: Backend) -> str:
    return f"https://127.0.0.1:{backend.port}"


def test_requests_and_large_bodies_pass_over_kept_tls_connections(tmp_path: Path, good: Certificate) -> None:
    body = bytes(range(256)) * 8000
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    backend = Backend(reply=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async def ask() -> None:
        routes = "[defaults]\nmax_body = 10_000_000\n"
        async with backend.running(tls=good.server):
            async with gateway(tmp_path, url(backend), ca_file=good.file, routes=routes) as running:
                found = answers(await running.send((head + body) * 3))
        assert [answer.status for answer in found] == [200] * 3
        assert {hashlib.sha256(answer.body).digest() for answer in found} == {hashlib.sha256(body).digest()}
        assert {hashlib.sha256(seen.body).digest() for seen in backend.seen} == {hashlib.sha256(body).digest()}
        assert backend.connections == 1

    uvloop.run(ask())


@pytest.mark.parametrize("trusted", [False, True])
async def test_a_certificate_that_does_not_hold_gets_no_byte(
    tmp_path: Path, good: Certificate, elsewhere: Certificate, trusted: bool
) -> None:
    """Signed by nobody that we know; or known, but for another name."""
    backend = Backend()
    shown, known = (elsewhere, elsewhere.file) if trusted else (good, "")
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of a refused handshake
    async with backend.running(tls=shown.server), gateway(tmp_path, url(backend), ca_file=known) as running:
        answer = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0]
        assert (answer.status, json.loads(answer.body)["type"]) == (502, "urn:banyan:problem:upstream-certificate")
        assert answer.values("proxy-status") == [b"banyan; error=tls_certificate_error; next-hop=legacy"]
        assert backend.seen == []


async def test_a_backend_that_speaks_no_tls_is_told_from_a_bad_certificate(tmp_path: Path, good: Certificate) -> None:
    async def plain(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    backend = Backend(script=plain)
    async with backend.running(), gateway(tmp_path, url(backend), ca_file=good.file) as running:
        answer = answers(await running.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[0]
        assert answer.values("proxy-status") == [b"banyan; error=tls_protocol_error; next-hop=legacy"]


async def test_legacy_serves_when_v2s_certificate_is_refused(tmp_path: Path, good: Certificate) -> None:
    legacy, v2 = Backend(), Backend()
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's side of a refused handshake
    async with legacy.running(), v2.running(tls=good.server), gateway(tmp_path, legacy, url(v2)) as running:
        answer = answers(await running.send(JOB))[0]
        assert (answer.status, answer.values("x-gateway-backend")) == (200, [b"legacy"])
        assert v2.seen == []


async def test_v2_is_asked_about_a_lost_job_over_tls_too(tmp_path: Path, good: Certificate) -> None:
    v2 = Backend(reply=b"HTTP/1.1 404 Not Found\r\nX-Key-Outcome: never-accepted\r\nContent-Length: 0\r\n\r\n")
    async with v2.running(tls=good.server), gateway(tmp_path, v2, url(v2), ca_file=good.file) as running:
        assert await inquire(running.service.questions, b"key") is Verdict.NEVER


def test_a_tunnel_over_tls_ends_when_either_side_does(tmp_path: Path, good: Certificate) -> None:
    async def echo(_: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        while data := await reader.read(1000):
            writer.write(data)
            if data == b"bye":
                break

    backend = Backend(script=echo)

    async def converse(*, last: bytes) -> bytes:
        async with backend.running(tls=good.server), gateway(tmp_path, url(backend), ca_file=good.file) as running:
            reader, writer = await running.connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"hello")
            heard = await reader.readexactly(5)
            if last:
                writer.write(last)
            else:
                writer.write_eof()
            heard += await asyncio.wait_for(reader.read(), 10)
            writer.close()
            await running.until(lambda: running.service.meters.in_flight == 0)
            await asyncio.wait_for(backend.all_closed.wait(), 10)
            return heard

    assert uvloop.run(converse(last=b"")) == b"hello"
    assert uvloop.run(converse(last=b"bye")) == b"hellobye"


def test_a_file_without_certificates_is_refused_at_the_start(tmp_path: Path) -> None:
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("no certificate")
    for file in (nonsense, tmp_path / "missing.pem"):
        with pytest.raises(ValueError, match="ca_file"):
            GatewaySettings(ca_file=file)
