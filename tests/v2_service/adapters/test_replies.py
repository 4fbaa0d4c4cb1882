"""Kept answers: a question that was paid for is never asked again in the same run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.adapters.conftest import Taken
from v2_service.adapters.models_repairing import Repairing
from v2_service.adapters.replies import Remembering, reply_from_json, reply_to_json, request_hash
from v2_service.adapters.supabase import Rest
from v2_service.contract import JsonObject, JsonValue, ModelReply, ModelRequest, Outcome, Repair, Usage
from v2_service.errors import ModelUnavailable, StaleRun, StoreUnavailable
from v2_service.prices import Prices

SCHEMA: JsonObject = {"type": "object"}
REQUEST = ModelRequest("extract", "Task.", "Words.", SCHEMA, 100)

PRICES = Prices(input=1e6, output=5e6, embedding=0)


class Counting:
    """A model that answers with how often it was asked, or fails."""

    def __init__(self, failing: bool = False) -> None:
        self.asked = 0
        self.failing = failing

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failing:
            raise ModelUnavailable("busy")
        return ModelReply(Outcome.OK, {"asked": self.asked}, Usage(10, 2, 1))


async def test_an_answer_survives_the_process_that_asked(taken: Taken) -> None:
    rest, run_id = taken.services.rest, taken.lease.run_id
    first_model, second_model = Counting(), Counting()
    first = await Remembering(first_model, rest, run_id, PRICES, taken.arrivals).complete(REQUEST)
    later = Remembering(second_model, rest, run_id, PRICES, taken.arrivals)
    assert await later.recall() == 1
    assert await later.complete(REQUEST) == first
    assert (first_model.asked, second_model.asked) == (1, 0)
    await later.complete(replace(REQUEST, material="Other words."))
    assert second_model.asked == 1
    assert await taken.services.costs.bill(run_id) == {
        "extract": {"calls": 2, "input_tokens": 20, "output_tokens": 4, "dollars": 40.0}
    }


class Failing(Rest):
    """The database, whose first write of an answer fails: before it is committed, or after."""

    def __init__(self, rest: Rest, *, committed: bool, error: Exception | None = None) -> None:
        self._rest = rest
        self._committed = committed
        self._error = error or StoreUnavailable("away")
        self._failed = False

    async def call(self, function: str, arguments: Mapping[str, object]) -> JsonValue:
        fails, self._failed = not self._failed, True
        answer = None if fails and not self._committed else await self._rest.call(function, arguments)
        if fails:
            raise self._error
        return answer

    async def select(self, table: str, query: Mapping[str, str]) -> list[dict[str, JsonValue]]:
        return await self._rest.select(table, query)


@pytest.mark.parametrize("committed", [False, True])
async def test_an_answer_whose_write_failed_is_kept_at_the_next_try_and_charged_once(
    taken: Taken, *, committed: bool
) -> None:
    rest, run_id, model = taken.services.rest, taken.lease.run_id, Counting()
    remembering = Remembering(model, Failing(rest, committed=committed), run_id, PRICES, taken.arrivals)
    with pytest.raises(StoreUnavailable):
        await remembering.complete(REQUEST)
    reply = await remembering.complete(REQUEST)
    assert (reply.data, model.asked) == ({"asked": 1}, 1)
    assert taken.arrivals.found() == {}
    assert await remembering.complete(REQUEST) == reply
    assert await Remembering(model, rest, run_id, PRICES, taken.arrivals).recall() == 1
    bill = await taken.services.costs.bill(run_id)
    assert bill["extract"] == {"calls": 1, "input_tokens": 10, "output_tokens": 2, "dollars": 20.0}


class Killed(Exception):
    """The process is gone."""


@pytest.mark.parametrize("committed", [False, True])
async def test_an_answer_that_had_come_when_the_process_was_killed_is_neither_asked_nor_charged_again(
    taken: Taken, *, committed: bool
) -> None:
    rest, run_id, model = taken.services.rest, taken.lease.run_id, Counting()
    dying = Failing(rest, committed=committed, error=Killed())
    with pytest.raises(Killed):
        await Remembering(model, dying, run_id, PRICES, taken.arrivals).complete(REQUEST)
    later = Remembering(model, rest, run_id, PRICES, taken.arrivals)
    assert await later.recall() == 1
    assert await later.recall() == 1
    assert (await later.complete(REQUEST)).data == {"asked": 1}
    assert model.asked == 1
    bill = await taken.services.costs.bill(run_id)
    assert bill["extract"] == {"calls": 1, "input_tokens": 10, "output_tokens": 2, "dollars": 20.0}
    assert taken.arrivals.found() == {}


class Unreadable:
    """A model that answers no JSON at first, with a character that the database does not take."""

    def __init__(self) -> None:
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        self.asked.append(request)
        if request.repair is None:
            return ModelReply(Outcome.INVALID, None, Usage(10, 2, 1), "no JSON", "a\x00b")
        return ModelReply(Outcome.OK, {"fact": "a\x00b"}, Usage(10, 2, 1))


async def test_a_resumed_run_sees_what_the_first_saw_and_repairs_nothing_again(taken: Taken) -> None:
    rest, run_id, model = taken.services.rest, taken.lease.run_id, Unreadable()
    first = await Repairing(Remembering(model, rest, run_id, PRICES, taken.arrivals)).complete(REQUEST)
    later = Remembering(model, rest, run_id, PRICES, taken.arrivals)
    await later.recall()
    assert await Repairing(later).complete(REQUEST) == first
    assert (first.data, len(model.asked)) == ({"fact": "ab"}, 2)


async def test_what_lies_on_disk_is_gone_once_the_database_has_it(taken: Taken) -> None:
    remembering = Remembering(Counting(), taken.services.rest, taken.lease.run_id, PRICES, taken.arrivals)
    await asyncio.gather(*(remembering.complete(replace(REQUEST, material=str(number))) for number in range(5)))
    assert list(taken.services.arrivals_folder.iterdir()) == []


async def test_looking_again_while_answers_are_being_written_charges_none_of_them_twice(taken: Taken) -> None:
    rest, run_id, model = taken.services.rest, taken.lease.run_id, Counting()
    remembering = Remembering(model, Failing(rest, committed=False), run_id, PRICES, taken.arrivals)
    with pytest.raises(StoreUnavailable):
        await remembering.complete(REQUEST)
    assert await remembering.recall() == 0
    await remembering.complete(REQUEST)
    bill = await taken.services.costs.bill(run_id)
    assert bill["extract"] == {"calls": 1, "input_tokens": 10, "output_tokens": 2, "dollars": 20.0}


@pytest.mark.parametrize("stopped", ["cancelled", "handed back"])
async def test_a_run_that_was_stopped_pays_for_its_open_question_and_asks_no_other(taken: Taken, stopped: str) -> None:
    services, run_id, model = taken.services, taken.lease.run_id, Counting()
    remembering = Remembering(model, services.rest, run_id, PRICES, taken.arrivals)
    await remembering.complete(REQUEST)
    if stopped == "cancelled":
        await services.runs.stop(run_id, "cancelled", "x")
    else:
        await services.hand_backs.begin(run_id)
    await remembering.complete(replace(REQUEST, material="Was on its way."))
    with pytest.raises(StaleRun):
        await remembering.complete(replace(REQUEST, material="Never asked."))
    assert model.asked == 2
    bill = await services.costs.bill(run_id)
    assert isinstance(bill["extract"], dict)
    assert bill["extract"]["calls"] == 2
    assert await services.rest.select("pipeline_replies", {"run_id": f"eq.{run_id}"}) == []


async def test_within_one_execution_a_question_is_paid_for_once(taken: Taken) -> None:
    model = Counting()
    remembering = Remembering(model, taken.services.rest, taken.lease.run_id, PRICES, taken.arrivals)
    assert await remembering.complete(REQUEST) == await remembering.complete(REQUEST)
    assert model.asked == 1


async def test_equal_questions_asked_at_once_are_paid_for_once(taken: Taken) -> None:
    model = Counting()
    remembering = Remembering(model, taken.services.rest, taken.lease.run_id, PRICES, taken.arrivals)
    first, *others = await asyncio.gather(*(remembering.complete(REQUEST) for _ in range(5)))
    assert others == [first] * 4
    assert model.asked == 1


async def test_a_question_whose_equal_failed_is_asked_itself(taken: Taken) -> None:
    model = Counting(failing=True)
    remembering = Remembering(model, taken.services.rest, taken.lease.run_id, PRICES, taken.arrivals)
    ended = await asyncio.gather(*(remembering.complete(REQUEST) for _ in range(3)), return_exceptions=True)
    assert [type(end) for end in ended] == [ModelUnavailable] * 3
    assert model.asked == 3


async def test_a_failed_call_is_not_kept(taken: Taken) -> None:
    remembering = Remembering(Counting(failing=True), taken.services.rest, taken.lease.run_id, PRICES, taken.arrivals)
    with pytest.raises(ModelUnavailable):
        await remembering.complete(REQUEST)
    assert await taken.services.costs.bill(taken.lease.run_id) == {}


def test_all_that_shapes_an_answer_is_in_the_hash() -> None:
    changed = [
        replace(REQUEST, instruction="x"),
        replace(REQUEST, material="x"),
        replace(REQUEST, schema={}),
        replace(REQUEST, max_tokens=1),
        replace(REQUEST, repair=Repair("no json", "it is not JSON")),
    ]
    assert len({request_hash(request) for request in [REQUEST, *changed]}) == len(changed) + 1
    assert request_hash(REQUEST) == request_hash(replace(REQUEST))


@given(
    st.sampled_from(Outcome),
    st.none() | st.dictionaries(st.text(max_size=5), st.integers() | st.booleans(), max_size=3),
    st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
)
def test_replies_come_back_from_json_as_they_were(outcome: Outcome, data: JsonObject | None, usage: Usage) -> None:
    storable = (
        None
        if data is None
        else {key.replace("\x00", "").encode("utf-8", "replace").decode(): value for key, value in data.items()}
    )
    reply = ModelReply(outcome, storable, usage, "detail")
    assert reply_from_json(reply_to_json(reply)) == reply
