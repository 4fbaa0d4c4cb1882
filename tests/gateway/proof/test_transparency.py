"""Untouched traffic: the corpus direct and through a gateway at 0 %, without a difference that is not documented."""

import collections
from pathlib import Path

import pytest

from bench.fuzz.origin import Origin
from tests.gateway.proof.corpus import corpus
from tests.gateway.proof.differential import differences, travel
from tests.gateway.proxy.shadowing import EVERYTHING, never
from tests.gateway.proxy.wire import Backend, gateway

CORPUS = corpus()


def test_the_corpus_is_large_and_names_nothing_twice() -> None:
    assert len(CORPUS) >= 500
    assert [name for name, count in collections.Counter(one.id for one in CORPUS).items() if count > 1] == []


@pytest.mark.parametrize("percentage", [0, 100])
async def test_no_exchange_differs_from_a_direct_one(tmp_path: Path, percentage: int) -> None:
    found: list[str] = []
    async with Origin().running() as origin, gateway(tmp_path, origin.port, percentage=percentage) as running:
        for exchange in CORPUS:
            direct = await travel(origin.port, origin, exchange)
            through = await travel(running.port, origin, exchange)
            found += differences(exchange, direct, through)
    assert found == [], f"{len(found)} differences"


async def test_copies_of_everything_change_nothing(tmp_path: Path) -> None:
    """Every GET is given to a v2 that never answers, as far as there is room for copies."""
    found: list[str] = []
    v2 = Backend(script=never)
    async with (
        Origin().running() as origin,
        v2.running(),
        gateway(tmp_path, origin.port, v2, percentage=0, routes=EVERYTHING, shadow_seconds=0.2) as running,
    ):
        for exchange in CORPUS:
            direct = await travel(origin.port, origin, exchange)
            through = await travel(running.port, origin, exchange)
            found += differences(exchange, direct, through)
        copied = {route for route, _ in running.service.meters.shadows.counts}
        await running.until(lambda: running.service.shadows.held == 0)
    assert found == [], f"{len(found)} differences"
    assert copied == {"everything"}
    assert v2.connections > 0


async def test_the_comparison_sees_what_a_careless_proxy_does(tmp_path: Path) -> None:
    """The proof of the proof: each kind of change that a proxy could make is found."""
    exchange = next(one for one in CORPUS if one.id == "fields-browser")
    careless = {
        b"/chat": b"/Chat",
        b"Cookie: a=1; b=2\r\nCookie: ": b"Cookie: a=1; b=2; ",
        b"sec-ch-ua:": b"Sec-Ch-Ua:",
        b"Accept: */*\r\n": b"",
        b"{}": b"[]",
    }
    async with Origin().running() as origin:
        direct = await travel(origin.port, origin, exchange)
        for before, after in careless.items():
            changed = await travel(
                origin.port, origin, type(exchange)(exchange.id, exchange.send.replace(before, after))
            )
            assert len(differences(exchange, direct, changed)) == 1, before
        for reply in (
            b"HTTP/1.1 200 Ok\r\nContent-Length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
        ):
            changed = await travel(origin.port, origin, type(exchange)(exchange.id, exchange.send, reply))
            assert len(differences(exchange, direct, changed)) == 1, reply
