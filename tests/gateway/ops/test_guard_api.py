"""The guard in the ops API: told to whoever may ask, ordered by whoever may change, refused like everything else."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flags.journal import Journal
from gateway.rollout.orders import OrdersFile
from gateway.rollout.steps import Phase
from tests.gateway.ops.documents import FLAG, flag_file
from tests.gateway.ops.guard_said import say
from tests.gateway.ops.serving import served_ops
from tests.gateway.rollout.scripted import Scene

TOKEN = "s3cret"
ORDERS = ("approve", "hold", "resume")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flags")


@pytest.fixture(scope="module")
def ops(folder: Path) -> Iterator[httpx.Client]:
    """One ops API for the file; it keeps no state of its own."""
    with served_ops(folder / "features.json", TOKEN) as url:
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
            yield client


@pytest.fixture
def path(folder: Path) -> Path:
    """The flag file at 0 %, with nothing beside it."""
    for left in folder.iterdir():
        if left.is_file():
            left.unlink()
    return flag_file(folder, "0")


def test_without_a_guard_the_answer_is_null(ops: httpx.Client, path: Path) -> None:
    assert ops.get("/ops/guard").json() is None


def test_the_guard_is_told_also_in_the_stream(ops: httpx.Client, path: Path) -> None:
    say(path)
    asked = ops.get("/ops/guard").json()
    with ops.stream("GET", "/ops/events") as answer:
        streamed = json.loads(next(answer.iter_lines()).removeprefix("data: "))["guard"]
    assert {**streamed, "age": 0} == {**asked, "age": 0}
    assert (asked["progress"]["phase"], len(asked["findings"])) == ("watching", 5)


def test_orders_are_carried_to_the_guard_and_journalled_with_who(ops: httpx.Client, path: Path) -> None:
    say(path, step=1, expected=50, phase=Phase.ASKING)
    told = {"why": "we agreed", "who": "ann"}
    assert ops.post("/ops/guard/approve", json={**told, "step": 2}).json()["to"] == "100 %"
    assert ops.post("/ops/guard/hold", json=told).status_code == 200
    assert OrdersFile(path).read().held_by == "ann (ops API, 127.0.0.1)"
    assert ops.post("/ops/guard/resume", json=told).json()["unheard"] is False
    assert [(entry.action, entry.who, entry.why) for entry in Journal(path).tail()] == [
        (order, "ann (ops API, 127.0.0.1)", "we agreed") for order in ORDERS
    ]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_needs_the_token_and_no_page_of_somebody_else_gives_one(
    ops: httpx.Client, path: Path, order: str
) -> None:
    say(path, step=1, expected=50, phase=Phase.ASKING)
    url = f"/ops/guard/{order}"
    assert ops.post(url, json={}, headers={"authorization": "Bearer wrong"}).status_code == 401
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert ops.post(url, json={}, headers=headers).status_code == 403
    form = {"content-type": "text/plain"}
    assert ops.post(url, content=b"{}", headers=form).status_code == 422
    assert not OrdersFile(path).path.exists()


def test_the_guard_and_its_reports_are_told_to_nobody_without_the_token(ops: httpx.Client, path: Path) -> None:
    for url in ("/ops/guard", "/ops/guard/reports/20270115T080000-raised.md"):
        assert ops.get(url, headers={"authorization": ""}).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"step": 1}, 409, "MisplacedCommandError"),
        ({"step": -1}, 422, None),
        ({"step": "2"}, 422, None),
        ({"why": "x" * 501}, 422, None),
        ({"steps": 2}, 422, None),
    ],
)
def test_refusals_are_problem_documents_and_order_nothing(
    ops: httpx.Client, path: Path, body: dict[str, object], status: int, error: str | None
) -> None:
    say(path, step=1, expected=50, phase=Phase.ASKING)
    answer = ops.post("/ops/guard/approve", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json().get("error") == error
    assert not OrdersFile(path).path.exists()


def test_without_a_guard_nothing_can_be_approved(ops: httpx.Client, path: Path) -> None:
    answer = ops.post("/ops/guard/approve", json={})
    assert (answer.status_code, answer.json()["error"]) == (409, "NoGuardError")


def test_reports_are_served_and_nothing_else(ops: httpx.Client, path: Path) -> None:
    Scene(path).look(2)
    say(path)
    (name, *_) = ops.get("/ops/guard").json()["reports"]
    page = ops.get(f"/ops/guard/reports/{name}.md")
    assert page.headers["content-type"] == "text/markdown; charset=utf-8"
    assert f"{FLAG}: v2 goes from 0 % to 10 %" in page.text
    picture = ops.get(f"/ops/guard/reports/{name}-risk.svg")
    assert "sandbox" in picture.headers["content-security-policy"]
    for wrong in ("..%2Ffeatures.json", f"{name}.txt", "x"):
        answer = ops.get(f"/ops/guard/reports/{wrong}")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
