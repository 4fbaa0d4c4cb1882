"""Metrics with exemplars, for who asks for OpenMetrics."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.observe.exposition import Exposition
from gateway.observe.meters import EXEMPLARS_FROM, Meters
from gateway.observe.open_metrics import families_of, open_metrics, wants_open_metrics
from tests.gateway.observe.test_exposition import snapshot
from tests.gateway.proxy.wire import Backend, gateway, read_request
from tests.gateway.serving import serving

OPENLY = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def slowly(backend: Backend, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers after longer than what is worth an exemplar."""
    backend.seen.append(await read_request(reader))
    await asyncio.sleep(1.2 * EXEMPLARS_FROM)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def exemplars(page: bytes) -> dict[tuple[str, str], tuple[str, float]]:
    """Trace and seconds by backend and bucket."""
    return {
        (sample.labels["backend"], sample.labels["le"]): (sample.exemplar.labels["trace_id"], sample.exemplar.value)
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if sample.exemplar
    }


def test_the_newest_slow_request_of_all_workers_stands_for_its_bucket() -> None:
    first, second = Meters(), Meters()
    first.of("query", "legacy").exemplify(0.2, "a" * 32, 100.0)
    second.of("query", "legacy").exemplify(0.21, "b" * 32, 200.0)
    second.of("query", "legacy").exemplify(700.0, "c" * 32, 150.0)
    page = Exposition().render([snapshot(first, 0), snapshot(second, 1)], openly=True)
    assert exemplars(page) == {
        ("legacy", "0.25"): ("b" * 32, 0.21),
        ("legacy", "+Inf"): ("c" * 32, 700.0),
    }


def test_text_of_other_watchers_is_carried_over() -> None:
    text = b"# HELP a Some.\n# TYPE a_total counter\na_total 3.0\n# TYPE a_created gauge\na_created 1.0\n"
    page = open_metrics(families_of(text))
    assert page.endswith(b"# EOF\n")
    assert b"a_total 3.0" in page
    assert b"_created" not in page


def test_only_who_asks_gets_it() -> None:
    assert wants_open_metrics(OPENLY)
    assert not wants_open_metrics("text/plain;version=0.0.4, */*")
    assert not wants_open_metrics("")


def ask(line: str) -> bytes:
    return f"GET /plain HTTP/1.1\r\nHost: g\r\nConnection: close\r\n{line}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (f"Traceparent: 00-{TRACE}-b7ad6b7169203331-01", TRACE),
        ("X: no trace of the client's own", "the gateway's"),
        ("X-Request-Id: an-id-that-is-no-trace", "none"),
    ],
)
async def test_a_slow_request_is_kept_with_the_trace_that_the_backend_saw(tmp_path: Path, line: str, kept: str) -> None:
    backend = Backend(script=slowly)
    async with backend.running() as legacy, gateway(tmp_path, legacy) as running:
        await running.send(ask(line), eof=False)
        exemplars = running.service.meters.of("unmatched", "legacy").exemplars.values()
    found = re.search(rb"(?i)traceparent: 00-([0-9a-f]{32})", backend.seen[0].head)
    assert found
    seen = found[1].decode()
    assert [trace for trace, _, _ in exemplars] == ([] if kept == "none" else [seen])
    assert kept in (seen, "the gateway's", "none")


async def test_metrics_are_answered_openly(tmp_path: Path) -> None:
    async with Backend().running() as legacy, serving(tmp_path, legacy, legacy, workers=1) as running:
        await running.get(ask("X: y"))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.ops}", trust_env=False) as ops:
            answer = await ops.get("/metrics", headers={"accept": OPENLY})
            plain = await ops.get("/metrics")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        families = {family.name for family in text_string_to_metric_families(answer.text)}
        assert families >= {"gateway_requests", "gateway_request_seconds", "gateway_flag_cross_checks"}
        assert plain.headers["content-type"].startswith("text/plain")
