"""The evidence on the ops port, at the door."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from gateway.observe.decided import Decided
from gateway.observe.headroom import Headroom
from gateway.observe.observation import Observation, ObservationConfig
from gateway.ops.access import OpsAccess
from gateway.ops.evidence_pages import EvidencePages
from gateway.ops.front import Behind, OpsFront
from tests.gateway.ops.fleet import StandInFleet

USER = "6f0c6f4e-0d2e-4b7a-9a1f-0f6b1f2f3a44"


class Fleet(StandInFleet):
    """Workers with exchanges to hand over."""

    def __init__(self) -> None:
        super().__init__()
        self.decided = [
            Decided(float(n), "f", USER, "v2", "v2", "percentage-in", 7, 10, 3, status, 0.25, fault)
            for n, status, fault in ((1, 200, ""), (2, 503, ""), (3, 499, "client"), (4, 200, "upstream"))
        ]

    async def fetch_decided(self) -> list[dict[str, object]]:
        handed, self.decided = self.decided, []
        return [{"decided": json.loads(json.dumps(handed)), "more": False, "dropped": 2}]


def nothing_behind() -> Behind:
    raise AssertionError("the ops API was loaded")


@asynccontextmanager
async def asking(folder: Path | None, fleet: Fleet) -> AsyncIterator[tuple[httpx.AsyncClient, Observation | None]]:
    observation = None if folder is None else Observation(fleet, ObservationConfig(folder))
    if observation is not None:
        await observation.open()
    evidence = EvidencePages(observation, fleet, Headroom(10))
    door = OpsFront(fleet, OpsAccess("0.0.0.0", "s3cret"), nothing_behind, [evidence], evidence.pages)
    headers = {"authorization": "Bearer s3cret"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(door), base_url="http://127.0.0.1:9090", headers=headers
    ) as ops:
        yield ops, observation
    if observation is not None:
        await observation.close()


async def test_finished_exchanges_are_read_by_number(tmp_path: Path) -> None:
    async with asking(tmp_path, Fleet()) as (ops, observation):
        assert observation is not None
        await observation.evidence.collect()
        page = (await ops.get("/evidence", params={"after": 1, "limit": 2})).json()
        assert (page["oldest"], page["newest"], page["next"]) == (1, 4, 3)
        assert [one["seq"] for one in page["records"]] == [2, 3]
        whole = (await ops.get("/evidence")).json()
        assert [one["failed"] for one in whole["records"]] == [False, True, False, True]
        assert {one["user"] for one in whole["records"]} == {observation.evidence.pseudonyms.of(USER)}
        assert USER not in json.dumps(whole)
        metrics = (await ops.get("/metrics")).text
        assert "gateway_evidence_records_total 4.0" in metrics
        assert "gateway_evidence_dropped_total 2.0" in metrics


async def test_a_question_that_makes_no_sense_and_a_reader_without_the_token_are_refused(tmp_path: Path) -> None:
    async with asking(tmp_path, Fleet()) as (ops, _):
        for wrong in ({"after": "-1"}, {"limit": "5001"}, {"after": "x"}, {"after": "9" * 30}):
            assert (await ops.get("/evidence", params=wrong)).status_code == 422
        refused = await ops.get("/evidence", headers={"authorization": "Bearer wrong"})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


async def test_without_a_folder_every_page_says_that_nothing_is_kept() -> None:
    async with asking(None, Fleet()) as (ops, _):
        answer = await ops.get("/evidence")
        assert (answer.status_code, "GATEWAY_STATE_DIR" in answer.json()["detail"]) == (409, True)
        assert "GATEWAY_STATE_DIR" in (await ops.get("/ops/pipelines")).json()["evidence"]["problem"]
        assert "gateway_evidence_up 0.0" in (await ops.get("/metrics")).text


async def test_a_folder_that_cannot_be_used_is_said_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, no folder")
    async with asking(tmp_path / "taken", Fleet()) as (ops, observation):
        assert observation is not None
        await observation.run()
        assert (await ops.get("/evidence")).status_code == 409
        assert "gateway_evidence_up 0.0" in (await ops.get("/metrics")).text


async def test_what_is_not_followed_is_said(tmp_path: Path) -> None:
    async with asking(tmp_path, Fleet()) as (ops, _):
        told = (await ops.get("/ops/pipelines")).json()
        assert told["evidence"]["problem"] is None
        assert "GATEWAY_SUPABASE_URL" in told["not_following"]
        assert "gateway_jobs_followers 0.0" in (await ops.get("/metrics")).text
