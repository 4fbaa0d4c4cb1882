"""Users by cohort out of Prometheus: whole and fresh, or no evidence at all; asked of a real one as well."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from gateway.observe.cohort_counts import CohortCounts
from gateway.observe.database import Database
from gateway.observe.evidence_store import EvidenceStore, Record
from gateway.rollout.errors import EvidenceUnavailableError
from gateway.rollout.evidence import CohortTally
from gateway.rollout.prometheus_evidence import FRESH_SECONDS, PrometheusEvidence
from tests.deploy.machine import free_ports
from tests.house.installed import installed

FLAG, NOW = "process-full-v2", 1_800_000_000.0
SECONDS_TO_START = 60


class Answers:
    """A Prometheus that knows these samples: (name, labels, value, moment of the scrape)."""

    def __init__(self, *instances: str) -> None:
        self.samples: list[tuple[str, dict[str, str], float, float]] = []
        self.status = 200
        for instance in instances:
            self.scrape(instance)

    def scrape(self, instance: str, *, percentage: str = "10", at: float = NOW - 5) -> None:
        place = {"instance": instance, "flag": FLAG, "percentage": percentage}
        for name, value in (("began_seconds", NOW - 500), ("heard_seconds", NOW - 7)):
            self.samples.append((name, place, value, at))
        for name in ("users", "failed_users", "first_failures"):
            for number, cohort in enumerate(("v2", "v2_rest", "control", "control_rest"), 1):
                self.samples.append((name, {**place, "cohort": cohort}, number, at))
        for number, side in enumerate(("v2", "legacy"), 1):
            self.samples.append(("side_users", {**place, "backend": side}, number, at))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        wants_time = query.startswith("timestamp(")
        name = query.removeprefix("timestamp(").removeprefix("gateway_cohort_").partition("{")[0]
        result = [
            {"metric": labels, "value": [NOW, str(at if wants_time else value)]}
            for known, labels, value, at in self.samples
            if known == name
        ]
        return httpx.Response(self.status, json={"status": "success", "data": {"result": result}})


def reader(answers: Answers, gateways: int = 1) -> PrometheusEvidence:
    return PrometheusEvidence(
        "http://prometheus", FLAG, gateways, clock=lambda: NOW, transport=httpx.MockTransport(answers)
    )


def test_each_gateway_is_a_tally() -> None:
    batch = reader(Answers("a:1", "b:1"), gateways=2).read(41)
    assert (batch.epoch, batch.next, batch.more) == ("prometheus", 42, False)
    first = batch.records[0]
    assert isinstance(first, CohortTally)
    assert (first.instance, first.percentage, first.at, first.began_at) == ("a:1", 10, NOW - 7, NOW - 500)
    assert (first.users, first.sides) == (
        {"v2": 1, "v2_rest": 2, "control": 3, "control_rest": 4},
        {"v2": 1, "legacy": 2},
    )


@pytest.mark.parametrize(("there", "wanted"), [(("a:1",), 2), ((), 1), (("a:1", "b:1"), 1)])
def test_a_gateway_too_few_or_too_many_is_no_evidence(there: tuple[str, ...], wanted: int) -> None:
    with pytest.raises(EvidenceUnavailableError, match=f"{len(there)} gateways of {wanted}"):
        reader(Answers(*there), wanted).read(0)


def test_an_old_scrape_is_a_missing_one() -> None:
    answers = Answers()
    answers.scrape("a:1", at=NOW - FRESH_SECONDS - 1)
    with pytest.raises(EvidenceUnavailableError, match="0 gateways of 1"):
        reader(answers).read(0)


def test_half_a_scrape_is_none() -> None:
    answers = Answers("a:1")
    answers.samples = [one for one in answers.samples if one[0] != "side_users"]
    with pytest.raises(EvidenceUnavailableError, match="not whole"):
        reader(answers).read(0)


def test_gateways_at_different_percentages_are_no_evidence_yet() -> None:
    answers = Answers("a:1")
    answers.scrape("b:1", percentage="50")
    with pytest.raises(EvidenceUnavailableError, match="not all at one percentage"):
        reader(answers, 2).read(0)


def test_a_prometheus_that_refuses_or_is_away_is_no_evidence() -> None:
    answers = Answers("a:1")
    answers.status = 503
    with pytest.raises(EvidenceUnavailableError, match="answered 503"):
        reader(answers).read(0)
    with (
        pytest.raises(EvidenceUnavailableError, match="cannot be asked"),
        PrometheusEvidence("http://127.0.0.1:9", FLAG, 1) as away,
    ):
        away.read(0)


class GatewayPage(ThreadingHTTPServer):
    """`/metrics` of one gateway: real counts of a real store."""

    def __init__(self, folder: Path) -> None:
        self.store, self.counts = EvidenceStore(Database(folder)), CohortCounts()
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = page.counts.exposition()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                return

        super().__init__(("127.0.0.1", 0), Handler)

    def serve(self, users: int, failing: int) -> None:
        """Users in bucket 5, and as many in bucket 50; `failing` of v2's fail."""
        began = time.time() - 600
        records = [_request(began, "first", 50, failed=False)]
        for number in range(users):
            records.append(_request(began + 20, f"v{number}", 5, failed=number < failing))
            records.append(_request(began + 20, f"l{number}", 50, failed=False))
        self.store.append(records)
        while self.counts.advance(self.store):
            pass


def _request(at: float, user: str, bucket: int, *, failed: bool) -> Record:
    side, reason = ("v2", "percentage-in") if bucket <= 10 else ("legacy", "percentage-out")
    body: dict[str, object] = {
        "kind": "request", "at": at, "flag": FLAG, "user": user, "bucket": bucket, "percentage": 10, "generation": 2,
        "backend": side, "went_to": side, "reason": reason, "counted": True, "failed": failed, "seconds": 0.1,
    }  # fmt: skip
    return Record(at, "request", user, body)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[list[GatewayPage]]:
    with ExitStack() as stack:
        found = []
        for name in ("one", "two"):
            page = stack.enter_context(GatewayPage(tmp_path / name))
            threading.Thread(target=page.serve_forever, daemon=True).start()
            stack.callback(page.shutdown)
            found.append(page)
        yield found


@pytest.fixture
def prometheus(pages: list[GatewayPage], tmp_path: Path) -> Iterator[str]:
    """A real one that scrapes both pages each second."""
    targets = ", ".join(f"'127.0.0.1:{page.server_port}'" for page in pages)
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: gateway, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    address = f"127.0.0.1:{free_ports(('prometheus',))['prometheus']}"
    command = [installed("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [*command, f"--web.listen-address={address}", "--log.level=warn"], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait(20)


def until_read(evidence: PrometheusEvidence, wanted: int) -> list[CohortTally]:
    """The tallies, once v2's users in them are so many in all."""
    deadline, problem = time.monotonic() + SECONDS_TO_START, ""
    while time.monotonic() < deadline:
        try:
            found = [one for one in evidence.read(0).records if isinstance(one, CohortTally)]
        except EvidenceUnavailableError as error:
            problem = str(error)
        else:
            if sum(one.users["v2"] for one in found) == wanted:
                return found
        time.sleep(0.2)  # between two looks at another process
    pytest.fail(f"not {wanted} users: {problem}")


@pytest.mark.timeout(200)
def test_a_real_prometheus_tells_both_gateways_and_misses_one_that_goes(
    pages: list[GatewayPage], prometheus: str
) -> None:
    pages[0].serve(users=40, failing=3)
    pages[1].serve(users=30, failing=0)
    with PrometheusEvidence(prometheus, FLAG, 2) as evidence:
        found = until_read(evidence, 70)
        assert sorted(one.failed["v2"] for one in found) == [0, 3]
        assert sorted(one.users["control_rest"] for one in found) == [30, 40]
        pages[1].shutdown()
        pages[1].server_close()
        deadline = time.monotonic() + SECONDS_TO_START
        with pytest.raises(EvidenceUnavailableError, match="1 gateways of 2"):
            while time.monotonic() < deadline:
                evidence.read(0)
                time.sleep(0.2)  # until the scrape fails, which marks its series as gone
