"""The ops API over HTTP: answers, changes, refusals as problem documents, and who is let in."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.ops.access import OpsAccess
from gateway.ops.api import create_ops_app
from gateway.ops.controls import FileControls
from gateway.ops.front import Behind, OpsFront
from gateway.proxy.pinning import Listed
from gateway.rollout.desk import FileDesk
from tests.gateway.ops.documents import FLAG, flag_file, stored
from tests.gateway.ops.fleet import StandInFleet

PERCENTAGE = f"/ops/flags/{FLAG}/percentage"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path)


@pytest.fixture
def fleet() -> StandInFleet:
    return StandInFleet()


def client(path: Path, fleet: StandInFleet, access: OpsAccess) -> httpx.AsyncClient:
    """A client of the ops port: its door, and the API behind it."""

    def load() -> Behind:
        app = create_ops_app(fleet, FileControls(path), FileDesk(path), access)
        return Behind(app, app.state.streams.close)

    door = OpsFront(fleet, access, load)
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://127.0.0.1:9090")


@pytest.fixture
async def ops(path: Path, fleet: StandInFleet) -> AsyncIterator[httpx.AsyncClient]:
    async with client(path, fleet, OpsAccess("127.0.0.1")) as found:
        yield found


async def test_status_tells_flags_and_workers(ops: httpx.AsyncClient) -> None:
    answer = (await ops.get("/ops/status")).json()
    assert answer["flags"][0]["percentage"] == 10
    assert [worker["generation"] for worker in answer["workers"]] == [1, 1]


async def test_a_percentage_is_set_and_journalled_with_who(ops: httpx.AsyncClient, path: Path) -> None:
    answer = await ops.put(PERCENTAGE, json={"percentage": 50, "why": "step", "who": "ann"})
    assert answer.status_code == 200
    assert {key: answer.json()[key] for key in ("from", "to", "generation")} == {"from": 10, "to": 50, "generation": 2}
    assert stored(path) == (2, "50")
    (entry,) = (await ops.get("/ops/journal")).json()
    assert (entry["who"], entry["why"], entry["from"], entry["to"]) == ("ann (ops API, 127.0.0.1)", "step", 10, 50)


async def test_compare_and_set_refuses_a_stale_writer(ops: httpx.AsyncClient, path: Path) -> None:
    body = {"percentage": 50, "why": "", "expected_generation": 1}
    assert (await ops.put(PERCENTAGE, json=body)).status_code == 200
    answer = await ops.put(PERCENTAGE, json={**body, "percentage": 100})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("the flags are at generation 2, not 1")
    assert stored(path) == (2, "50")


async def test_kill_and_revive(ops: httpx.AsyncClient, path: Path) -> None:
    kill_file = path.with_name("features.json.kill")
    assert (await ops.post("/ops/kill", json={"why": "errors", "who": "ann"})).json()["changed"]
    assert kill_file.exists()
    assert (await ops.get("/ops/explain/user-1")).json()["reason"] == "local-kill"
    assert (await ops.post("/ops/revive", json={"why": "mended"})).json()["changed"]
    assert not kill_file.exists()


@pytest.mark.parametrize("user_id", ["user-1", "a/b", "é ?&#%", "🚀", " "])
async def test_explain_by_path_and_by_body_agree(ops: httpx.AsyncClient, user_id: str) -> None:
    from urllib.parse import quote

    by_path = (await ops.get(f"/ops/explain/{quote(user_id, safe='')}")).json()
    by_body = (await ops.post("/ops/explain", json={"user_id": user_id})).json()
    assert by_path == by_body
    assert by_path["key"] == user_id


async def test_preview_and_validate(ops: httpx.AsyncClient) -> None:
    answer = (await ops.get(f"/ops/flags/{FLAG}/preview", params={"from": 10, "to": 50})).json()
    assert (answer["share"], answer["buckets"]) == (40, [11, 50])
    assert (await ops.get("/ops/validate")).json()["valid"]


@pytest.mark.parametrize(
    ("method", "url", "body", "status"),
    [
        ("PUT", "/ops/flags/nope/percentage", {"percentage": 1}, 404),
        ("PUT", PERCENTAGE, {"percentage": 101}, 400),
        ("PUT", PERCENTAGE, {"percentage": "10"}, 422),
        ("PUT", PERCENTAGE, {"percentage": 10.5}, 422),
        ("PUT", PERCENTAGE, {"percentage": True}, 422),
        ("PUT", PERCENTAGE, {}, 422),
        ("PUT", PERCENTAGE, {"percentage": 1, "percent": 1}, 422),
        ("PUT", PERCENTAGE, {"percentage": 1, "why": "x" * 501}, 422),
        ("POST", PERCENTAGE, {}, 405),
        ("GET", "/nowhere", None, 404),
        ("GET", "/ops/journal?limit=0", None, 422),
        ("GET", "/ops/flags/nope/preview?from=1&to=2", None, 404),
    ],
)
async def test_refusals_are_problem_documents_and_change_nothing(
    ops: httpx.AsyncClient, path: Path, method: str, url: str, body: object, status: int
) -> None:
    answer = await ops.request(method, url, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert stored(path) == (1, "10")


@pytest.fixture
def broken(path: Path) -> None:
    path.write_text('{"features": 1, "generation": "x"}')


@pytest.mark.usefixtures("broken")
async def test_a_broken_flag_file_is_a_problem_with_all_its_reasons(ops: httpx.AsyncClient) -> None:
    answer = await ops.put(PERCENTAGE, json={"percentage": 1})
    assert answer.status_code == 400
    assert len(answer.json()["problems"]) == 2


async def test_explain_knows_whom_the_workers_keep_on_v2(ops: httpx.AsyncClient, fleet: StandInFleet) -> None:
    await fleet.pin(Listed(1, 0.0, ("user-42",)))
    found = (await ops.get("/ops/explain/user-42")).json()
    assert (found["backend"], found["reason"], found["pinned"]) == ("v2", "pinned", True)
    other = (await ops.post("/ops/explain", json={"user_id": "user-43"})).json()
    assert (other["reason"], other["pinned"]) == ("percentage-out", False)


async def test_a_rollback_without_a_known_v2_still_sets_the_flag(ops: httpx.AsyncClient, path: Path) -> None:
    answer = await ops.post(f"/ops/flags/{FLAG}/rollback", json={"why": "errors", "who": "ann"})
    found = answer.json()
    assert (answer.status_code, found["mode"], found["to"], found["running"]) == (200, "drain", 0, None)
    assert stored(path) == (2, "0")
    hard = (await ops.post(f"/ops/flags/{FLAG}/rollback", json={"mode": "hard", "hand_back": True})).json()
    assert (hard["complete"], hard["stranded"]) == (False, None)


@pytest.mark.parametrize("body", [{"mode": "soft"}, {"hand_back": "yes"}, {"percentage": 0}])
async def test_a_rollback_that_nobody_can_mean_changes_nothing(
    ops: httpx.AsyncClient, path: Path, body: dict[str, object]
) -> None:
    assert (await ops.post(f"/ops/flags/{FLAG}/rollback", json=body)).status_code == 422
    assert stored(path) == (1, "10")


async def test_a_body_that_a_form_could_send_is_refused(ops: httpx.AsyncClient, path: Path) -> None:
    """A page of another site can post text without asking first, but not JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await ops.post("/ops/kill", content=b'{"why": "x"}', headers={"content-type": kind})
        assert answer.status_code == 422
    assert not path.with_name("features.json.kill").exists()


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}, {"sec-fetch-site": "cross-site"}]
)
async def test_pages_of_other_sites_are_refused(ops: httpx.AsyncClient, path: Path, headers: dict[str, str]) -> None:
    answer = await ops.post("/ops/kill", json={"why": ""}, headers=headers)
    assert answer.status_code == 403
    assert not path.with_name("features.json.kill").exists()


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "/metrics"),
        ("GET", "/ops/status"),
        ("GET", "/ops/journal"),
        ("GET", "/ops/explain/user-1"),
        ("POST", "/ops/explain"),
        ("GET", "/ops/shadow"),
        ("GET", "/ops/validate"),
        ("GET", f"/ops/flags/{FLAG}/preview?from=0&to=1"),
        ("PUT", PERCENTAGE),
        ("POST", f"/ops/flags/{FLAG}/drill"),
        ("POST", "/ops/kill"),
        ("POST", "/ops/revive"),
    ],
)
async def test_with_a_token_everything_but_the_probes_asks_for_it(
    path: Path, fleet: StandInFleet, method: str, url: str
) -> None:
    async with client(path, fleet, OpsAccess("0.0.0.0", "s3cret")) as ops:
        for authorization in ({}, {"authorization": "Bearer wrong"}):
            answer = await ops.request(method, url, headers=authorization)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        answer = await ops.request(method, url, headers={"authorization": "Bearer s3cret"})
        assert answer.status_code in (200, 422)
        assert (await ops.get("/healthz")).status_code == 200
        assert (await ops.get("/readyz")).status_code == 200


async def test_every_route_is_guarded(path: Path, fleet: StandInFleet) -> None:
    """A route added later without the guard would show here: nothing answers a stranger."""
    app = create_ops_app(fleet, FileControls(path), FileDesk(path), OpsAccess("0.0.0.0", "s3cret"))
    routes = [(method, url) for url, methods in app.openapi()["paths"].items() for method in methods]
    assert len(routes) > 10
    async with client(path, fleet, OpsAccess("0.0.0.0", "s3cret")) as ops:
        open_to_all = {url for method, url in routes if (await ops.request(method.upper(), url)).status_code != 401}
    assert open_to_all == set()
