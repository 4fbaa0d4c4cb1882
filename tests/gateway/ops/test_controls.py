"""The verbs of ops on files: what they change, what they tell, and that a full disk stops no rollback."""

from pathlib import Path

import pytest

from flags.errors import SourceUnavailableError
from gateway.ops.controls import FileControls
from tests.gateway.ops.documents import FLAG, flag_file, stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path)


@pytest.fixture
def controls(path: Path) -> FileControls:
    return FileControls(path)


def test_status_tells_flags_and_kill(controls: FileControls) -> None:
    report = controls.status()
    (flag,) = report.flags
    assert (flag.name, flag.enabled, flag.percentage, flag.group) == (FLAG, True, 10, FLAG)
    assert (report.generation, report.error, report.kill.engaged) == (1, None, False)


def test_status_of_a_broken_file_tells_the_last_good_flags_and_the_trouble(controls: FileControls, path: Path) -> None:
    controls.status()
    path.write_text("{")
    report = controls.status()
    assert report.flags[0].percentage == 10
    assert report.error is not None
    assert report.source.endswith(".last-good")


def test_status_without_flags(tmp_path: Path) -> None:
    report = FileControls(tmp_path / "features.json").status()
    assert (report.generation, report.flags) == (None, [])
    assert report.error is not None


def test_setting_a_percentage_is_journalled(controls: FileControls, path: Path) -> None:
    report = controls.set_percentage(FLAG, 50, who="ann", why="step")
    assert (report.changed, report.before, report.after, report.generation) == (True, 10, 50, 2)
    assert stored(path) == (2, "50")
    (entry,) = controls.journal(10)
    assert (entry.who, entry.action, entry.before, entry.after, entry.why) == ("ann", "set", 10, 50, "step")


def test_setting_what_it_is_already_is_told_apart(controls: FileControls) -> None:
    assert not controls.set_percentage(FLAG, 10, who="ann", why="").changed


def test_kill_outranks_the_flag_and_explain_says_both(controls: FileControls) -> None:
    controls.set_percentage(FLAG, 100, who="ann", why="")
    assert controls.kill(who="bob", why="errors").changed
    assert not controls.kill(who="bob", why="again").changed
    report = controls.explain("user-1", FLAG)
    assert (report.backend, report.reason, report.killed) == ("legacy", "local-kill", True)
    assert (report.bucket, report.percentage) == (7, 100)
    assert controls.status().kill.who == "bob"
    assert controls.revive(who="bob", why="mended").changed
    assert controls.explain("user-1", FLAG).backend == "v2"
    assert [entry.action for entry in controls.journal(10)] == ["set", "kill", "kill", "revive"]


def test_explain_shows_each_step(controls: FileControls) -> None:
    assert controls.explain("user-42", FLAG).model_dump() == {
        "user_id": "user-42",
        "key": "user-42",
        "flag": FLAG,
        "group": FLAG,
        "hash": "ca4c1a3a",
        "bucket": 83,
        "percentage": 10,
        "backend": "legacy",
        "reason": "percentage-out",
        "generation": 1,
        "killed": False,
        "error": None,
        "pinned": None,
    }


@pytest.mark.parametrize("user_id", ["", "\ud800", "x" * 1000])
def test_explain_of_an_id_that_is_not_used(controls: FileControls, user_id: str) -> None:
    report = controls.explain(user_id, FLAG)
    assert (report.key, report.hash, report.backend, report.reason) == (None, None, "legacy", "id-invalid")


def test_explain_of_an_unknown_flag(controls: FileControls) -> None:
    assert controls.explain("user-1", "nope").reason == "flag-unknown"


def test_a_journal_that_cannot_be_written_stops_no_rollback(controls: FileControls, path: Path) -> None:
    path.with_name("features.json.journal").mkdir()
    assert controls.kill(who="ann", why="errors").journal_error is not None
    assert controls.status().kill.engaged
    assert controls.set_percentage(FLAG, 0, who="ann", why="").journal_error is not None
    assert stored(path) == (2, "0")


def test_validate_tells_problems_and_warnings(controls: FileControls, path: Path) -> None:
    assert controls.validate().valid
    path.write_text('{"features": [{"name": "f", "enabled": true, "strategies": []}]}')
    assert controls.validate().warnings == ["f: has no strategies, which in Unleash means on for everybody"]
    path.write_text('{"features": [{"name": "f", "enabled": 1, "strategies": 2}]}')
    assert len(controls.validate().problems) == 2
    path.unlink()
    with pytest.raises(SourceUnavailableError):
        controls.validate()
