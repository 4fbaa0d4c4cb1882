"""The loop around the guard: it lets others know, and does not depend on being heard."""

import threading
from pathlib import Path

import pytest

from gateway.rollout.bulletin import BulletinBoard
from gateway.rollout.guard import Post
from gateway.rollout.steps import Phase
from gateway.rollout.watch import watch
from tests.gateway.ops.documents import flag_file, stored
from tests.gateway.rollout.scripted import Scene


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return flag_file(tmp_path, "0")


def watch_until_it_goes_up(path: Path) -> Phase | None:
    """Guard until the first step is entered."""
    scene, stop = Scene(path), threading.Event()
    post = Post(scene.plan, path, scene.controls, scene.evidence, lambda: scene.now)

    def told(_: str) -> None:
        stop.set()

    return watch(post, stop, told)


def test_what_the_guard_does_is_posted(path: Path) -> None:
    phase = watch_until_it_goes_up(path)

    bulletin = BulletinBoard(path).read()
    assert bulletin is not None
    assert (bulletin.progress.phase, bulletin.progress.expected, bulletin.progress.step) == (phase, 10, 0)
    assert {finding.rule for finding in bulletin.findings} >= {"user-mix", "jobs-failed"}


def test_a_board_that_cannot_be_written_does_not_stop_the_guard(path: Path) -> None:
    BulletinBoard(path).path.mkdir()

    assert watch_until_it_goes_up(path) is Phase.WATCHING
    assert stored(path)[1] == "10"
