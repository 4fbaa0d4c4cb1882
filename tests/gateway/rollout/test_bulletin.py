"""What the guard lets others know."""

from pathlib import Path

import pytest

from gateway.rollout.bulletin import Bulletin, BulletinBoard, Opinion
from gateway.rollout.steps import Phase, Progress
from gateway.rollout.verdict import Finding, Severity, Verdict

FINDING = Finding("user-mix", Severity.SIGNAL, Verdict.RUNNING, 0.25, "as many users as expected")


def test_what_was_posted_is_read(tmp_path: Path) -> None:
    board = BulletinBoard(tmp_path / "flags.json")
    board.post(Bulletin.of(Progress(Phase.WATCHING, step=1, expected=50, watched=60.0), [FINDING], 1000.0))

    opinion = Opinion("user-mix", Severity.SIGNAL, Verdict.RUNNING, 0.25)
    assert board.read() == Bulletin(1000.0, Phase.WATCHING, 1, 50, 60.0, (opinion,))


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"at": 1, "phase": "dancing", "opinions": []}'])
def test_nothing_or_nonsense_is_no_bulletin(tmp_path: Path, content: bytes | None) -> None:
    board = BulletinBoard(tmp_path / "flags.json")
    if content is not None:
        board.path.write_bytes(content)

    assert board.read() is None
