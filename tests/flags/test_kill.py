"""The kill is a file: there or not there, whatever is in it, across restarts."""

from pathlib import Path

import pytest

from flags.errors import StoreFailedError
from flags.kill import KillSwitch


@pytest.fixture
def switch(tmp_path: Path) -> KillSwitch:
    return KillSwitch(tmp_path / "features.json")


def test_it_is_seen_at_the_next_look_by_another_process(switch: KillSwitch, tmp_path: Path) -> None:
    other = KillSwitch(tmp_path / "features.json")
    assert not other.poll()
    assert switch.engage(who="ann", why="errors")
    assert other.poll()
    assert other.engaged
    assert not other.poll()
    assert switch.release()
    assert other.poll()
    assert not other.engaged


def test_it_survives_a_restart(switch: KillSwitch, tmp_path: Path) -> None:
    switch.engage(who="ann", why="errors")
    restarted = KillSwitch(tmp_path / "features.json")
    restarted.poll()
    assert restarted.engaged


def test_the_note_says_who_and_why(switch: KillSwitch) -> None:
    assert switch.note() is None
    switch.engage(who="ann", why='said "stop"')
    note = switch.note()
    assert note is not None
    assert (note.who, note.why) == ("ann", 'said "stop"')
    assert note.at.endswith("+00:00")


def test_the_second_kill_changes_nothing(switch: KillSwitch) -> None:
    switch.engage(who="ann", why="first")
    assert not switch.engage(who="bob", why="second")
    note = switch.note()
    assert note is not None
    assert note.who == "ann"


def test_reviving_twice_is_harmless(switch: KillSwitch) -> None:
    switch.engage(who="ann", why="")
    assert switch.release()
    assert not switch.release()


@pytest.mark.parametrize("content", [b"", b"stop!", b"[]", b"\xff", b"{"])
def test_a_file_made_by_hand_kills_too(switch: KillSwitch, content: bytes) -> None:
    switch.path.write_bytes(content)
    assert switch.poll()
    assert switch.engaged
    note = switch.note()
    assert note is not None
    assert note.who == ""


def test_a_dangling_link_or_a_folder_kills_too(switch: KillSwitch) -> None:
    switch.path.symlink_to("nowhere")
    switch.poll()
    assert switch.engaged
    switch.path.unlink()
    switch.path.mkdir()
    switch.poll()
    assert switch.engaged
    with pytest.raises(StoreFailedError, match="cannot be removed"):
        switch.release()


def test_where_nothing_can_be_created_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreFailedError, match="cannot be created"):
        KillSwitch(tmp_path / "missing" / "features.json").engage(who="ann", why="")


def test_if_the_place_cannot_be_looked_into_the_state_stays(switch: KillSwitch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    lost = KillSwitch(tmp_path / "file" / "features.json")
    lost.engaged = True
    assert not lost.poll()
    assert lost.engaged
