"""Embeddings of the column's size, in order, off the event loop; errors say whether waiting may help."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Sequence

import botocore.exceptions
import pytest

from v2_service.adapters.embeddings import DIMENSIONS, MAX_CHARACTERS, BedrockEmbeddings
from v2_service.contract import Embeddings
from v2_service.errors import EmbeddingsUnavailable
from v2_service.jobs.services import Services


class Runtime:
    """Bedrock as one function from the body to the answer."""

    def __init__(self, answer: Callable[[dict[str, object]], object]) -> None:
        self._answer = answer
        self.threads: set[int] = set()

    def invoke_model(self, *, modelId: str, body: str, contentType: str, accept: str) -> dict[str, object]:  # noqa: N803 -- the SDK's names
        self.threads.add(threading.get_ident())
        return {"body": io.BytesIO(json.dumps(self._answer(json.loads(body))).encode())}


def embeddings(answer: Callable[[dict[str, object]], object]) -> tuple[BedrockEmbeddings, Runtime]:
    runtime = Runtime(answer)
    return BedrockEmbeddings(runtime, "titan", 3), runtime


async def vectors_of(made: Embeddings, texts: Sequence[str]) -> dict[int, Sequence[float]]:
    """The vectors by the place of their text."""
    vectors: dict[int, Sequence[float]] = {}
    await made.embed(texts, vectors.__setitem__)
    return vectors


def refusal(status: int, code: str) -> Exception:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(response, "InvokeModel")


async def test_vectors_come_with_the_place_of_their_text_and_from_other_threads() -> None:
    made, runtime = embeddings(lambda body: {"embedding": [float(str(body["inputText"]))] * DIMENSIONS})
    vectors = await vectors_of(made, [str(number) for number in range(20)])
    assert {place: vector[0] for place, vector in vectors.items()} == dict(enumerate(range(20)))
    assert threading.get_ident() not in runtime.threads
    assert len(runtime.threads) <= 3
    made.close()


async def test_the_model_is_asked_for_normalised_vectors_of_storable_text() -> None:
    asked: list[dict[str, object]] = []

    def answer(body: dict[str, object]) -> object:
        asked.append(body)
        return {"embedding": [0.0] * DIMENSIONS}

    made, _ = embeddings(answer)
    await vectors_of(made, ["a\x00b", "x" * (MAX_CHARACTERS + 1)])
    assert sorted(len(str(body["inputText"])) for body in asked) == [2, MAX_CHARACTERS]
    assert {(body["normalize"], body["dimensions"]) for body in asked} == {(True, DIMENSIONS)}
    made.close()


@pytest.mark.parametrize(
    ("failure", "transient"),
    [
        (refusal(429, "ThrottlingException"), True),
        (refusal(503, "ServiceUnavailable"), True),
        (refusal(403, "AccessDeniedException"), False),
        (refusal(400, "ValidationException"), False),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="x"), True),
    ],
)
async def test_errors_say_whether_waiting_may_help(failure: Exception, transient: bool) -> None:
    def answer(_: dict[str, object]) -> object:
        raise failure

    made, _ = embeddings(answer)
    with pytest.raises(EmbeddingsUnavailable) as caught:
        await vectors_of(made, ["a", "b"])
    assert caught.value.transient is transient
    made.close()


@pytest.mark.parametrize("answer", [{"embedding": [0.1] * 768}, {"embedding": None}, {}, []])
async def test_a_vector_of_another_size_is_never_stored(answer: object) -> None:
    made, _ = embeddings(lambda _: answer)
    told: dict[int, Sequence[float]] = {}
    with pytest.raises(EmbeddingsUnavailable):
        await made.embed(["a"], told.__setitem__)
    assert told == {}
    made.close()


async def test_the_sandboxs_model_puts_similar_texts_near_each_other(services: Services) -> None:
    texts = ["I prefer oolong tea in the morning", "oolong tea every morning", "the engine needs a new gasket"]
    vectors = await vectors_of(services.embeddings, texts)
    tea, oolong, engine = (vectors[place] for place in range(len(texts)))
    assert [round(sum(number * number for number in vector), 3) for vector in (tea, oolong, engine)] == [1, 1, 1]
    near, far = (sum(a * b for a, b in zip(tea, other, strict=True)) for other in (oolong, engine))
    assert near > far


async def test_vectors_that_come_beside_a_failure_are_told() -> None:
    def answer(body: dict[str, object]) -> object:
        if body["inputText"] in ("1", "3"):
            raise refusal(400, "ValidationException")
        return {"embedding": [float(str(body["inputText"]))] * DIMENSIONS}

    made, _ = embeddings(answer)
    told: dict[int, Sequence[float]] = {}
    with pytest.raises(EmbeddingsUnavailable):
        await made.embed(["0", "1", "2", "3"], told.__setitem__)
    assert {place: vector[0] for place, vector in told.items()} == {0: 0.0, 2: 2.0}
    made.close()
