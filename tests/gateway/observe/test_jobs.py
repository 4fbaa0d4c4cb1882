"""Rows of both pipelines in one shape."""

import pytest

from gateway.observe.jobs import Figures, JobState, Pipeline, read_job

LEGACY = {
    "id": "11111111-1111-4111-8111-111111111111", "user_id": "22222222-2222-4222-8222-222222222222",
    "status": "processing", "current_step": "chunking", "error_message": None, "attempts": 1,
    "created_at": "2026-11-22T08:00:00.5+00:00", "updated_at": "2026-11-22T08:00:10+00:00", "completed_at": None,
}  # fmt: skip
V2 = {
    "id": "11111111-1111-4111-8111-111111111111", "user_id": "22222222-2222-4222-8222-222222222222",
    "status": "running", "step": "chunk", "error_code": None, "kind": "import", "counts": {}, "coverage": None,
    "cost": {}, "callback_outcome": None, "created_at": "2026-11-22T08:00:00.5+00:00",
    "updated_at": "2026-11-22T08:00:10+00:00", "heartbeat_at": "2026-11-22T08:05:10+00:00", "completed_at": None,
}  # fmt: skip
BEGAN = 1795334400.5


def test_an_open_job_of_legacy() -> None:
    job = read_job(Pipeline.LEGACY, LEGACY)
    assert (job.state, job.accepted_at, job.changed_at, job.ended_at) == (JobState.RUNNING, BEGAN, BEGAN + 9.5, None)
    assert job.profile_at is None


@pytest.mark.parametrize(
    ("pipeline", "row", "status", "state"),
    [
        (Pipeline.LEGACY, LEGACY, "pending", JobState.ACCEPTED),
        (Pipeline.LEGACY, LEGACY, "complete", JobState.COMPLETE),
        (Pipeline.LEGACY, LEGACY, "failed", JobState.FAILED),
        (Pipeline.LEGACY, LEGACY, "a word nobody knows", JobState.RUNNING),
        (Pipeline.V2, V2, "accepted", JobState.ACCEPTED),
        (Pipeline.V2, V2, "handing_back", JobState.RUNNING),
        (Pipeline.V2, V2, "degraded", JobState.DEGRADED),
        (Pipeline.V2, V2, "cancelled", JobState.CANCELLED),
        (Pipeline.V2, V2, "handed_back", JobState.HANDED_BACK),
    ],
)
def test_statuses_become_the_same_words(
    pipeline: Pipeline, row: dict[str, object], status: str, state: JobState
) -> None:
    assert read_job(pipeline, row | {"status": status}).state is state


def test_the_first_profile_is_there_when_a_later_step_runs() -> None:
    assert read_job(Pipeline.LEGACY, LEGACY | {"current_step": "embedding"}).profile_at == BEGAN + 9.5
    assert read_job(Pipeline.V2, V2).profile_at == BEGAN + 9.5
    assert read_job(Pipeline.V2, V2 | {"step": "quick_pass"}).profile_at is None
    assert read_job(Pipeline.LEGACY, LEGACY | {"current_step": "embedding", "status": "complete"}).profile_at is None


def test_a_job_is_stuck_after_silence_and_a_heartbeat_is_no_silence() -> None:
    legacy, v2 = read_job(Pipeline.LEGACY, LEGACY), read_job(Pipeline.V2, V2)
    assert not legacy.stuck(BEGAN + 9.5 + 1800, 1800)
    assert legacy.stuck(BEGAN + 9.6 + 1800, 1800)
    assert not v2.stuck(BEGAN + 9.6 + 1800, 1800)
    assert not read_job(Pipeline.LEGACY, LEGACY | {"status": "complete"}).stuck(BEGAN + 1e6, 1800)


def test_what_people_wrote_never_becomes_a_rule() -> None:
    def rule(message: str) -> str:
        return read_job(Pipeline.LEGACY, LEGACY | {"status": "failed", "error_message": message}).rule

    assert rule("Failed to download from storage: 404") == "download-failed"
    assert rule("SoulPrint generation failed after 3 attempts") == "profile-failed"
    assert rule("list index out of range: Ada's secret diary") == "other"
    failed = V2 | {"status": "failed"}
    assert read_job(Pipeline.V2, failed | {"error_code": "export_empty"}).rule == "export-empty"
    assert read_job(Pipeline.V2, failed | {"error_code": "Ada's secret diary"}).rule == "other"


def test_figures_are_read_where_they_are_known() -> None:
    cost = {"llm_input_tokens": 10, "llm_output_tokens": 5, "embedding_input_tokens": 7, "total_cost_usd": 0.25}
    counted = V2 | {"counts": {"chunks": 3, "facts": 0}, "coverage": 1, "cost": cost}
    assert read_job(Pipeline.V2, counted).figures == Figures(3, 0, 1.0, 17, 5, 0.25)
    assert read_job(Pipeline.LEGACY, LEGACY).figures == Figures()


def test_a_callback_is_settled_or_nothing() -> None:
    def callback(outcome: str | None) -> str | None:
        return read_job(Pipeline.V2, V2 | {"callback_outcome": outcome}).callback

    assert [callback(one) for one in (None, "sending", "delivered", "failed: The web app answered 500.")] == [
        None,
        None,
        "delivered",
        "failed",
    ]


def test_times_without_a_zone_are_utc() -> None:
    assert read_job(Pipeline.LEGACY, LEGACY | {"created_at": "2026-11-22T08:00:00.5"}).accepted_at == BEGAN


@pytest.mark.parametrize("broken", [{"id": None}, {"user_id": None}, {"created_at": "yesterday"}])
def test_a_row_that_is_no_job_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="job"):
        read_job(Pipeline.LEGACY, LEGACY | broken)
