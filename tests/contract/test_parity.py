"""A browser must not notice which backend answered: v2's errors and headers are legacy's, byte for byte."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.cases import IMPORT, Case
from tests.fakes.house import House

SAME_HEADERS = (
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-max-age",
    "allow",
    "content-length",
    "content-type",
    "vary",
)
REFUSED = [case for case in IMPORT if case.status != httpx.codes.OK or case.method == "OPTIONS"]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_v2_refuses_exactly_as_legacy_does(case: Case, house: House) -> None:
    answers = []
    for backend in (house.legacy, house.v2):
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.request(
                case.method, f"{backend}{case.path}", json=case.json, content=case.content, headers=case.headers
            )
        headers = {name: answer.headers.get(name) for name in SAME_HEADERS}
        answers.append((answer.status_code, answer.content, headers))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("percentage", "backend"), [(0, "legacy"), (100, "v2")])
def test_through_the_gateway_nothing_but_its_own_headers_is_added(house: House, percentage: int, backend: str) -> None:
    """Asked with an id that the flag can hash, so that each backend refuses the same body itself."""
    body = {"user_id": "somebody", "conversation_count": "many"}
    with httpx.Client(trust_env=False, timeout=30, headers={"Origin": "https://app.example.test"}) as client:
        direct = client.post(f"{house.urls[backend]}/process-full", json=body)
        through = client.post(f"{house.urls[f'gateway-{percentage}']}/process-full", json=body)
    assert (through.status_code, through.content) == (direct.status_code, direct.content)
    assert through.headers["x-gateway-backend"] == backend
    assert set(through.headers) - set(direct.headers) <= {"via", "x-request-id", "x-gateway-backend"}
    assert {name: through.headers[name] for name in direct.headers if name != "date"} == {
        name: direct.headers[name] for name in direct.headers if name != "date"
    }
