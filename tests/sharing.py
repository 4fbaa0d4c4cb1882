"""How the tests are shared out over processes: `pytest -n auto`. A file's tests stay together, and some folders' too.

pytest-xdist would give out the files with the most tests first. But the dear files have few tests: a rollback under
load is one. Then the last minutes belong to one process, and the other is idle. So the dear ones come first, in this
order; what is cheap fills up the end.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/deploy/", "tests/security/", "tests/contract/")
"""Folders whose files share a machine or a house: in two processes it would be started twice."""

DEAREST_FIRST = (
    "tests/deploy/",
    "tests/gateway/ops/test_unleash_rollback.py",
    "tests/flags/test_real_unleash.py",
    "tests/contract/",
    "tests/v2_service/jobs/",
    "tests/security/",
    "tests/behaviour/",
    "tests/gateway/ops/",
    "tests/gateway/proof/",
    "tests/sandbox/",
    "tests/v2_service/",
)
"""Beginnings of paths, the dearest first."""


def processes(processors: int) -> int:
    """How many processes share the tests: half as many again as processors, for tests wait more than they compute."""
    return processors + max(1, processors // 2)


def rank(path: str) -> int:
    """The place of a file, or of a test in it, in that order."""
    return next((place for place, start in enumerate(DEAREST_FIRST) if path.startswith(start)), len(DEAREST_FIRST))


def shared_by(file: str) -> str:
    """The name of what is given to one process as a whole."""
    return next((folder for folder in TOGETHER if file.startswith(folder)), file)


class Sharing(LoadFileScheduling):
    """By file, and by folder where it says so."""

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(super()._split_scope(nodeid))
