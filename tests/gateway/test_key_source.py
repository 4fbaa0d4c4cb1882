"""Where the keys that check tokens come from: what is taken, what is kept, and how a running gateway follows it."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.key_source import MAX_BYTES, KeySource, KeyStanding, KeysUnreadable, check_source, follow_keys
from tests.gateway.proxy.wire import Backend, read_request
from tests.gateway.serving import Served, serving
from tests.gateway.tokens import AUDIENCE, ISSUER, ec_key, key_set, public, token

ONE, TWO = (key_set(public(ec_key(name), kid=name)) for name in ("one", "two"))


def reply(text: str, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(text), text.encode())


def source(server: Backend, tmp_path: Path, path: str = "/jwks.json?a=1") -> KeySource:
    return KeySource(f"http://127.0.0.1:{server.port}{path}", tmp_path / "features.json", 0.01)


async def test_a_url_is_asked_once_per_look(tmp_path: Path) -> None:
    server = Backend(reply=reply(ONE))
    async with server.running():
        assert await source(server, tmp_path).read() == ONE
        assert [seen.line for seen in server.seen] == [b"GET /jwks.json?a=1 HTTP/1.1"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (reply(ONE, b"500 Internal Server Error"), "127.0.0.1 answers 500"),
        (reply(ONE, b"302 Found\r\nLocation: https://evil.example/"), "127.0.0.1 answers 302"),
        (reply("<html>"), "not JSON"),
        (reply(" " * (MAX_BYTES + 1)), "65536 bytes"),
        (reply(ONE)[:-10], "ends early"),
        (b"nonsense\r\n\r\n", "does not answer in HTTP"),
    ],
)
async def test_what_is_no_key_set_is_refused(tmp_path: Path, answer: bytes, complaint: str) -> None:
    server = Backend(reply=answer)
    async with server.running():
        with pytest.raises(KeysUnreadable, match=complaint):
            await source(server, tmp_path).read()


async def test_a_start_without_the_server_takes_the_last_good_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Backend(reply=reply(ONE))
    async with server.running():
        assert await source(server, tmp_path).first() == ONE
    server.reply = reply("", b"503 Service Unavailable")
    async with server.running():
        here, elsewhere = source(server, tmp_path), source(server, tmp_path, "/other")
        kept = json.loads((tmp_path / "features.json.jwks").read_text())
        (tmp_path / "features.json.jwks").write_text(json.dumps(kept | {"from": here._where}))
        assert await here.first() == ONE
        assert (here.standing.keys, here.standing.failures) == (1, 1)
        assert await elsewhere.first() == ""  # keys of another issuer are no keys of this one
        assert (elsewhere.standing.keys, elsewhere.standing.failures) == (0, 1)
        (tmp_path / "features.json.jwks").write_text("nonsense")
        assert await here.first() == ""
    said = capsys.readouterr().err
    assert "answers 503; the last good ones stay" in said
    assert "routes that ask for a token answer 503" in said


def test_keys_age_from_the_last_look_that_brought_them_to_all() -> None:
    now = [100.0]
    standing = KeyStanding(lambda: now[0])
    for passed, happens, age in [
        (5, lambda: None, 5),
        (5, lambda: standing.in_force(ONE), 10),  # the copy of an earlier day
        (5, lambda: standing.confirmed(TWO), 0),
        (5, standing.failed, 5),
        (5, standing.failed, 10),
        (5, lambda: standing.confirmed(TWO), 0),
    ]:
        now[0] += passed
        happens()
        assert standing.age() == age
    assert (standing.keys, standing.failures) == (1, 2)


def test_a_set_without_a_usable_key_counts_as_none() -> None:
    standing = KeyStanding()
    standing.confirmed(key_set(public(ec_key("one")), public(ec_key("two"))))
    assert standing.keys == 2
    standing.confirmed('{"keys": []}')
    assert standing.keys == 0


class Told:
    """A fleet that writes down what it is told; `refuse` many times it does not listen."""

    def __init__(self, enough: Callable[[list[str]], bool], refuse: int = 0) -> None:
        self.keys: list[str] = []
        self.done = asyncio.Event()
        self._enough = enough
        self._refuse = refuse

    async def know_keys(self, token_keys: str) -> list[str]:
        self.keys.append(token_keys)
        if self._enough(self.keys):
            self.done.set()
        self._refuse -= 1
        return ["worker 0: no answer"] if self._refuse >= 0 else []


async def followed(source: KeySource, told: Told, known: str) -> None:
    task = asyncio.create_task(follow_keys(source, told, known))
    await asyncio.wait_for(told.done.wait(), 20)
    task.cancel()


async def test_workers_are_told_again_until_all_have_heard(tmp_path: Path) -> None:
    server = Backend(reply=reply(TWO))
    async with server.running():
        told, keys = Told(lambda keys: len(keys) == 3, refuse=2), source(server, tmp_path)
        await followed(keys, told, ONE)
        assert told.keys == [TWO] * 3
        assert keys.standing.failures == 2


async def test_keys_that_come_back_are_told_again_if_not_all_workers_kept_them(tmp_path: Path) -> None:
    async def back_at_once(server: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.seen.append(await read_request(reader))
        writer.write(reply(TWO if len(server.seen) == 1 else ONE))
        await writer.drain()

    server = Backend(script=back_at_once)
    async with server.running():
        told = Told(lambda keys: len(keys) == 2, refuse=1)
        await followed(source(server, tmp_path), told, ONE)
        assert told.keys == [TWO, ONE]


async def test_a_server_that_fails_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def better_at_last(server: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.seen.append(await read_request(reader))
        writer.write(reply("", b"500 Internal Server Error") if len(server.seen) <= 4 else reply(TWO))
        await writer.drain()

    server = Backend(script=better_at_last)
    async with server.running():
        told, keys = Told(lambda keys: True), source(server, tmp_path)
        await followed(keys, told, ONE)
        assert (told.keys, len(server.seen)) == ([TWO], 5)
        assert keys.standing.failures == 4
        assert capsys.readouterr().err.count("answers 500") == 1


def test_a_file_must_hold_a_usable_key_and_a_url_must_be_safe(tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(ONE)
    check_source(str(file))
    check_source("https://project.example/auth/v1/.well-known/jwks.json")
    check_source("http://localhost:9999/jwks.json")
    file.write_text('{"keys": []}')
    wrong = [str(file), str(tmp_path / "missing"), "http://project.example/jwks", "ftp://localhost/jwks"]
    wrong += ["https://user@project.example/", "https://:secret@project.example/"]
    for where in [*wrong, "https://project.example/#a", "https://project.example/a b"]:
        with pytest.raises(KeysUnreadable):
            check_source(where)


FIELDS = b"GET /keyed HTTP/1.1\r\nHost: g\r\nConnection: close\r\nAuthorization: Bearer %b\r\n\r\n"


async def status(gateway: Served, name: str) -> int:
    given = token(ec_key(name), "ES256", header={"kid": name}, exp=int(time.time()) + 600)
    return int((await gateway.get(FIELDS % given))[9:12])


async def test_a_running_gateway_follows_the_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All workers take the new keys without a restart, and stay with them when the file breaks."""
    keys = tmp_path / "jwks.json"
    keys.write_text(ONE)
    keyed = '\n[[route]]\nname = "keyed"\npath = "/keyed"\njwt = true\n'
    monkeypatch.setattr("tests.gateway.serving.ROUTES", keyed)
    env = {"GATEWAY_JWT_ISSUER": ISSUER, "GATEWAY_JWT_AUDIENCE": AUDIENCE, "GATEWAY_JWT_JWKS": str(keys)}
    async with Backend().running() as backend, serving(tmp_path, backend, backend, workers=2, env=env) as gateway:
        assert [await status(gateway, name) for name in ("one", "two")] == [200, 401]
        keys.write_text(TWO)
        async with asyncio.timeout(20):
            while [await status(gateway, "two") for _ in range(8)] != [200] * 8:
                pass
        assert await status(gateway, "one") == 401
        keys.write_text("nonsense")
        assert await status(gateway, "two") == 200
