"""The sharing out of tests over processes names what is there, and keeps together what shares a machine."""

from __future__ import annotations

import pytest

from tests.house.sources import REPOSITORY
from tests.sharing import DEAREST_FIRST, TOGETHER, processes, rank, shared_by


def test_what_is_named_is_there() -> None:
    assert [start for start in (*DEAREST_FIRST, *TOGETHER) if not (REPOSITORY / start).exists()] == []


def test_what_shares_a_machine_or_a_house_for_more_than_a_file_stays_together() -> None:
    shared = {
        f"{path.parent.relative_to(REPOSITORY)}/"
        for path in (REPOSITORY / "tests").rglob("conftest.py")
        if 'scope="package"' in path.read_text() or "running_house" in path.read_text()
    }
    assert shared - set(TOGETHER) == set()


@pytest.mark.parametrize(
    ("file", "unit"),
    [("tests/deploy/test_smoke.py", "tests/deploy/"), ("tests/flags/test_kill.py", "tests/flags/test_kill.py")],
)
def test_the_rest_is_shared_out_by_file(file: str, unit: str) -> None:
    assert shared_by(file) == unit


@pytest.mark.parametrize(("processors", "wanted"), [(1, 2), (2, 3), (4, 6)])
def test_there_are_more_processes_than_processors(processors: int, wanted: int) -> None:
    assert processes(processors) == wanted


def test_a_longer_beginning_is_named_before_a_shorter_one() -> None:
    """Else it would never be asked."""
    late = [
        (one, other)
        for place, one in enumerate(DEAREST_FIRST)
        for other in DEAREST_FIRST[place + 1 :]
        if other.startswith(one)
    ]
    assert late == []
    assert rank("tests/flags/test_kill.py::test_x") == len(DEAREST_FIRST)
