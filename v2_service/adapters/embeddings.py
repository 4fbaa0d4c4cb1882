"""Titan embeddings on Bedrock: boto3 blocks, so calls run in threads, a bounded number at once (L-67).

Counterpart: `contract.Embeddings`; legacy's search embeds its questions with the same model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import boto3
import botocore.config
import botocore.exceptions

from v2_service.contract import Arrived
from v2_service.errors import EmbeddingsUnavailable
from v2_service.settings import Settings
from v2_service.text import storable

DIMENSIONS = 1024
# Titan takes 8192 tokens. A chunk has about 2000, so only a tier that is not made of tokens can come near.
MAX_CHARACTERS = 24_000
CONNECT_SECONDS = 10
TRANSIENT_STATUS = 500
THROTTLED = "ThrottlingException"


class BedrockRuntime(Protocol):
    """The one call that is made; boto3 makes its clients at run time and has no types."""

    def invoke_model(self, *, modelId: str, body: str, contentType: str, accept: str) -> dict[str, object]: ...  # noqa: N803 -- the SDK's names


def new_runtime(settings: Settings) -> BedrockRuntime:
    """A boto3 client; botocore alone retries."""
    key, secret = settings.aws_access_key_id, settings.aws_secret_access_key
    client: BedrockRuntime = boto3.client(
        "bedrock-runtime",
        region_name=settings.aws_region,
        endpoint_url=settings.bedrock_endpoint,
        aws_access_key_id=key.get_secret_value() if key else None,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        config=botocore.config.Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=settings.model_timeout_seconds,
            retries={"max_attempts": settings.model_retries + 1, "mode": "standard"},
            # One more for dry runs.
            max_pool_connections=settings.embedding_concurrency + 1,
        ),
    )
    return client


class BedrockEmbeddings:
    """`contract.Embeddings` over Titan: one call a text, because the model takes one."""

    def __init__(self, runtime: BedrockRuntime, model: str, concurrency: int) -> None:
        self._runtime = runtime
        self._model = model
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="embedding")

    async def embed(self, texts: Sequence[str], arrived: Arrived) -> None:
        """One normalised vector of 1024 numbers per text, told from the thread that got it, as it comes.

        Raises EmbeddingsUnavailable once every call has ended.
        """
        loop = asyncio.get_running_loop()
        calls = [
            loop.run_in_executor(self._threads, self._embed, index, text, arrived) for index, text in enumerate(texts)
        ]
        for failure in await asyncio.gather(*calls, return_exceptions=True):
            if failure is not None:
                raise failure

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _embed(self, index: int, text: str, arrived: Arrived) -> None:
        body = json.dumps(
            {"inputText": storable(text)[:MAX_CHARACTERS], "dimensions": DIMENSIONS, "normalize": True},
        )
        try:
            answer = self._runtime.invoke_model(
                modelId=self._model, body=body, contentType="application/json", accept="application/json"
            )
            stream = answer["body"]
            vector = json.loads(stream.read())["embedding"]  # type: ignore[attr-defined] # botocore's StreamingBody
        except botocore.exceptions.ClientError as error:
            raise _failure(error) from error
        except (botocore.exceptions.BotoCoreError, ValueError, KeyError, TypeError) as error:
            raise EmbeddingsUnavailable(f"The embedding model failed ({type(error).__name__}).") from error
        if not isinstance(vector, list) or len(vector) != DIMENSIONS:
            raise EmbeddingsUnavailable("The embedding model gave a vector of the wrong size.", transient=False)
        arrived(index, [float(number) for number in vector])


def _failure(error: botocore.exceptions.ClientError) -> EmbeddingsUnavailable:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    transient = code == THROTTLED or status >= TRANSIENT_STATUS
    return EmbeddingsUnavailable(f"The embedding model answered {status} {code}.", transient)
