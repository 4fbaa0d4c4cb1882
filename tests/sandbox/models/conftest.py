"""The model stand-ins on a real loopback server, with the SDKs' own clients pointed at them."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any  # boto3 makes its clients at run time

import anthropic
import boto3
import pytest
import uvicorn
from botocore.config import Config
from fastapi import FastAPI

from sandbox.faults import AreaFaults, FaultDesk, Faults
from sandbox.models.app import router
from sandbox.models.desk import ModelDesk, desk_of
from sandbox.models.settings import ModelSettings

CLAUDE = "claude-haiku-4-5-20251001"


@dataclass(frozen=True, slots=True)
class Models:
    """The running stand-ins, with their insides in reach."""

    url: str
    app: FastAPI

    @property
    def desk(self) -> ModelDesk:
        return desk_of(self.app)

    def break_anthropic(self, **faults: Any) -> None:  # Any: the fields of AreaFaults, which checks them
        self.faults.replace(Faults(anthropic=AreaFaults(**faults)))

    def break_bedrock(self, **faults: Any) -> None:  # Any: the fields of AreaFaults, which checks them
        self.faults.replace(Faults(bedrock=AreaFaults(**faults)))

    @property
    def faults(self) -> FaultDesk:
        desk = self.app.state.faults
        assert isinstance(desk, FaultDesk)
        return desk

    def behave(self, **settings: Any) -> None:  # Any: the fields of ModelSettings, which checks them
        self.desk.settings = ModelSettings(**settings)


@pytest.fixture(scope="session")
def running_models() -> Iterator[Models]:
    app = FastAPI()
    app.state.faults = FaultDesk()
    app.include_router(router)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield Models(f"http://127.0.0.1:{listener.getsockname()[1]}", app)
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def models(running_models: Models) -> Iterator[Models]:
    yield running_models
    running_models.faults.replace(Faults())
    running_models.behave()
    running_models.desk.clear()


@pytest.fixture
async def claude(models: Models) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=models.url, api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def bedrock(models: Models) -> Iterator[Any]:  # Any: see above
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=models.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()
