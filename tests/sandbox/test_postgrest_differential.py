"""The REST front against the real PostgREST 12.0.2 on the same database: same status, same body, same headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from sandbox.running import RunningSandbox
from sandbox.settings import SandboxSettings
from tests.sandbox import real_postgrest
from tests.sandbox.corpus import CASES
from tests.sandbox.corpus.case import CHUNK, JOB, USER, Case

SQL = Path(__file__).with_name("differential.sql")
MAX_ROWS = 25
HEADERS = (
    "content-type",
    "content-range",
    "location",
    "preference-applied",
    "www-authenticate",
)
ROWS = [
    ("insert into auth.users (id, email) values (%s, 'one@example.com')", (USER,)),
    ("insert into public.processing_jobs (id, user_id, attempts) values (%s, %s, 1)", (JOB, USER)),
    (
        """insert into public.conversation_chunks
           (id, user_id, conversation_id, content, chunk_tier, created_at, embedding)
           values (%s, %s, 'c1', 'cats and dogs', 'micro', '2024-01-01', %s)""",
        (CHUNK, USER, str([0.6, 0.8] + [0.0] * 1022)),
    ),
    (
        """insert into public.conversation_chunks (user_id, conversation_id, content, chunk_tier, created_at)
           values (%s, 'c2', 'Hot Dogs', 'macro', '2024-02-01')""",
        (USER,),
    ),
    (
        """insert into public.raw_conversations (user_id, conversation_id, title, messages, created_at)
           values (%s, 'c1', 't', '[{"role": "user", "content": "hi"}]', '2024-01-01')""",
        (USER,),
    ),
]


@pytest.fixture(scope="module")
def front() -> Iterator[RunningSandbox]:
    real_postgrest.binary()
    settings = {"max_rows": str(MAX_ROWS), "rest_end_by_preference": "true"}
    with RunningSandbox(settings=settings) as running:
        with psycopg.connect(running.sql_uri, autocommit=True) as connection:
            connection.execute(SQL.read_bytes())
            for statement, values in ROWS:
                connection.execute(statement.encode(), values)
        yield running


@pytest.fixture(scope="module")
def real(front: RunningSandbox) -> Iterator[httpx.Client]:
    uri = front.sql_uri.replace("postgres@", "authenticator@")
    secret: str = SandboxSettings.model_fields["jwt_secret"].default
    with real_postgrest.running(uri, secret, MAX_ROWS) as client:
        yield client


@pytest.fixture(scope="module")
def ours(front: RunningSandbox) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{front.url}/rest/v1", trust_env=False) as client:
        yield client


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_front_answers_as_the_real_one(
    front: RunningSandbox, ours: httpx.Client, real: httpx.Client, case: Case
) -> None:
    key = front.keys.anonymous if case.anonymous else front.keys.service
    headers = {"apikey": key, "authorization": f"Bearer {key}", **case.headers}
    expected = real.request(case.method, case.target, headers=headers, content=case.body)
    answered = ours.request(case.method, case.target, headers=headers, content=case.body)
    assert _seen(answered) == _seen(expected)


def test_the_corpus_names_every_case_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert len(names) >= 200


def _seen(answer: httpx.Response) -> dict[str, object]:
    shown = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    return {"status": answer.status_code, "body": answer.content.decode(), **shown}
