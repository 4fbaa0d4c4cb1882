"""Every case of the contract, against every target that serves it."""

from __future__ import annotations

import jsonschema
import pytest

from tests.contract.cases import SCHEMAS, Case, schema
from tests.contract.conftest import Target


def test_the_contract_holds(case: Case, target: Target) -> None:
    path, body = case.filled(target.user, target.storage_path)
    answer = target.client.request(
        case.method, path, json=body, content=case.content, headers=case.headers, follow_redirects=False
    )
    assert answer.status_code == case.status, answer.text
    if case.schema:
        jsonschema.validate(answer.json(), schema(case.schema), jsonschema.Draft202012Validator)
    assert {name: answer.headers.get(name) for name in case.answers} == case.answers


@pytest.mark.parametrize("name", sorted(path.stem for path in SCHEMAS.glob("*.json")))
def test_schemas_are_valid_and_accept_their_own_examples(name: str) -> None:
    document = schema(name)
    jsonschema.Draft202012Validator.check_schema(document)
    for example in document["examples"]:
        jsonschema.validate(example, document, jsonschema.Draft202012Validator)


def test_a_redirect_leads_back_to_the_url_the_client_used(target: Target) -> None:
    answer = target.client.post("/process-full/", json={"user_id": "u"}, follow_redirects=False)
    assert answer.headers["location"] == f"{str(target.client.base_url).rstrip('/')}/process-full"
