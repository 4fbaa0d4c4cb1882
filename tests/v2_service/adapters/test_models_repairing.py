"""A repair turn: one, for an answer that breaks its schema; each turn is kept and charged by itself."""

from __future__ import annotations

import pytest

from tests.v2_service.adapters.conftest import Taken
from v2_service.adapters.models_repairing import Repairing
from v2_service.adapters.replies import Remembering
from v2_service.contract import JsonObject, ModelReply, ModelRequest, Outcome, Usage
from v2_service.errors import ModelUnavailable
from v2_service.prices import Prices

SCHEMA: JsonObject = {"type": "object"}
REQUEST = ModelRequest("extract", "Task.", "Words.", SCHEMA, 100)
PRICES = Prices(input=1e6, output=5e6, embedding=0)


class Scripted:
    """A model with a list of answers, the last of which may be a failure."""

    def __init__(self, *answers: ModelReply | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.asked.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def invalid(text: str = "no json") -> ModelReply:
    return ModelReply(Outcome.INVALID, None, Usage(10, 2, 1), "it is not JSON", text)


def good() -> ModelReply:
    return ModelReply(Outcome.OK, {}, Usage(20, 3, 1))


@pytest.mark.parametrize("second", [good(), invalid("still no")])
async def test_an_invalid_answer_gets_one_repair_turn_and_both_are_counted(second: ModelReply) -> None:
    model = Scripted(invalid(), second)
    reply = await Repairing(model).complete(REQUEST)
    assert (reply.outcome, reply.usage) == (second.outcome, Usage(10, 2, 1) + second.usage)
    assert [request.repair is None for request in model.asked] == [True, False]


@pytest.mark.parametrize("first", [good(), ModelReply(Outcome.TRUNCATED, None), invalid(text="")])
async def test_nothing_else_gets_one(first: ModelReply) -> None:
    model = Scripted(first)
    assert await Repairing(model).complete(REQUEST) == first


async def test_an_answer_whose_repair_fails_is_charged_once_and_not_asked_for_again(taken: Taken) -> None:
    rest, run_id = taken.services.rest, taken.lease.run_id
    model = Scripted(invalid(), ModelUnavailable("busy"), good())
    replies = Remembering(model, rest, run_id, PRICES, taken.arrivals)
    with pytest.raises(ModelUnavailable):
        await Repairing(replies).complete(REQUEST)
    assert (await taken.services.costs.bill(run_id))["extract"] == {
        "calls": 1, "input_tokens": 10, "output_tokens": 2, "dollars": 20.0
    }  # fmt: skip
    later = Remembering(model, rest, run_id, PRICES, taken.arrivals)
    await later.recall()
    reply = await Repairing(later).complete(REQUEST)
    assert (reply.outcome, reply.usage) == (Outcome.OK, Usage(30, 5, 2))
    assert (await taken.services.costs.bill(run_id))["extract"] == {
        "calls": 2, "input_tokens": 30, "output_tokens": 5, "dollars": 55.0
    }  # fmt: skip
