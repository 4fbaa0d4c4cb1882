"""A process that lacks a module never starts, and a run that meets a bug of ours never stays in processing."""

from __future__ import annotations

import logging
from typing import cast

import pytest

from tests.v2_service.stubs import lease, settings
from v2_service import app
from v2_service.errors import SettingsInvalid
from v2_service.jobs import ending, workflow
from v2_service.jobs.profile import Phase
from v2_service.jobs.session import Session


async def test_l_41_and_s_56_a_process_whose_processors_do_not_import_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "import_problems", lambda: {"export": "ok", "reduce": "ImportError: No module named 'x'"})
    made = app.create_app(settings())
    with pytest.raises(SettingsInvalid, match="reduce"):
        async with made.router.lifespan_context(made):
            pass


class Stand:
    """As much of a session as the end of a run looks at."""

    def __init__(self) -> None:
        self.lease = lease()
        self.phase = Phase.QUICK


async def test_l_17_a_bug_of_ours_ends_as_a_failed_run_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[tuple[str, str]] = []

    async def broken(_: Session) -> str:
        raise KeyError("somebody's words")

    async def fail(_: Session, code: str, sentence: str) -> None:
        ended.append((code, sentence))

    monkeypatch.setattr(workflow, "steps", broken)
    monkeypatch.setattr(ending, "fail", fail)
    with caplog.at_level(logging.ERROR, logger="v2"):
        assert await workflow.carried_through(cast("Session", Stand())) == "failed"
    assert ended == [("internal_error", workflow.BUG_SENTENCE)]
    assert [record.getMessage() for record in caplog.records] == ["run stopped at a bug"]
