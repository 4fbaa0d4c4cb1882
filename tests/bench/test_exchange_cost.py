"""What the measurement of the interpreter's part really does."""

import asyncio

import pytest

from bench.errors import Unmeasured
from bench.exchange_cost import AT_ONCE, Bench, Kind, kinds


async def test_every_kind_of_exchange_is_carried_out_and_counted() -> None:
    bench = Bench(asyncio.get_running_loop())
    for kind in kinds():
        before = bench.answered()
        assert bench.run(kind, 3) > 0
        assert bench.answered() == before + 3 * AT_ONCE, kind.title


async def test_body_routed_requests_go_to_both_backends() -> None:
    bench = Bench(asyncio.get_running_loop())
    bench.run(kinds()[-1], 16)
    assert bench.answered("v2") > 50
    assert bench.answered("legacy") > 50


@pytest.mark.parametrize(
    ("request_", "answer"),
    [(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"), (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTT")],
)
async def test_an_exchange_that_does_not_come_to_its_end_is_no_measurement(request_: bytes, answer: bytes) -> None:
    with pytest.raises(Unmeasured, match="was not passed on"):
        Bench(asyncio.get_running_loop()).run(Kind("odd", [request_], [answer]), 1)
