"""The page of the service's benches: what was found is there, and what never ran is named."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any  # findings

import pytest

from bench.v2.kill_report import Report
from bench.v2.page import SECTIONS, render
from bench.v2.results import PAGE, keep, recall

COUNTS = {"conversations": 2, "messages": 6, "chunks": 8, "medium": 2, "macro": 1, "micro": 5, "facts": 3}
KILLS = {
    **asdict(Report(kills=7, imports=3, complete=3, paid_answers=30, paid_answers_of_twins=30, looks=9)),
    "holds": True,
    "killed_at": {"embed": 2, "extract": 5},
}
MEMORY = {
    "rows": [
        {
            "megabytes": 1000,
            "imports": 1,
            "status": ["complete"],
            "coverage": 1.0,
            "counts": COUNTS,
            "seconds": 9.5,
            "cpu_ms_per_mb": 21.5,
            "load": 1.5,
            "before_mib": 100.0,
            "peak_mib": 123.4,
            "readers_mib": 25.5,
            "after_mib": 120.0,
            "health_p50_ms": 1.0,
            "health_p99_ms": 17.25,
            "health_max_ms": 30.0,
            "health_failures": 0,
            "idle_p99_ms": 3.0,
            "idle_max_ms": 4.0,
        }
    ]
}
SAMPLES = {
    "rows": [
        {
            "file": "a.zip",
            "status": "complete",
            "counts": COUNTS,
            "drops": {"dropped": {"other_branch": 4}},
            "coverage": 1,
            "error_message": None,
        },
        {
            "file": "b.json",
            "status": "failed",
            "counts": {},
            "drops": None,
            "coverage": None,
            "error_message": "The file is not valid JSON. It may be incomplete.",
        },
    ]
}


@pytest.mark.parametrize(
    ("name", "found", "lines"),
    [
        (
            "kills",
            KILLS,
            [
                "| kills | 7 |",
                "| verdict | all holds |",
                "| imports that were running at the kills, by step | extract 5, embed 2 |",
            ],
        ),
        (
            "memory",
            MEMORY,
            [
                "| 1 x 1000 MB | complete | 8 | 100% | 100.0 | 123.4 | 25.5 | 120.0 | 9.5 | 21.5 | 1.0 | 17.25 | 30.0 ",
            ],
        ),
        (
            "samples",
            SAMPLES,
            [
                "| a.zip | complete | 2 | 6 | other branch 4 | 8 (2, 1, 5) | 3 | 100% |",
                "| b.json | failed: The file is not valid JSON | – | – | – | – | – | – |",
            ],
        ),
    ],
)
def test_what_was_found_is_on_the_page(name: str, found: dict[str, Any], lines: list[str], tmp_path: Path) -> None:
    keep(name, found, tmp_path)
    kept = recall(name, tmp_path)
    assert kept is not None
    page = render({name: kept})
    assert f"## {SECTIONS[name][0]}" in page
    assert [line for line in lines if line not in page] == []
    assert all(
        title in page.partition("Not run here: ")[2] for other, (title, _, _) in SECTIONS.items() if other != name
    )


def test_a_bench_that_never_ran_has_left_nothing(tmp_path: Path) -> None:
    assert recall("kills", tmp_path) is None


def test_what_a_bench_found_elsewhere_stays_on_the_page(tmp_path: Path) -> None:
    for name, found in (("kills", KILLS), ("samples", SAMPLES)):
        keep(name, found, tmp_path)
    kills, samples = recall("kills", tmp_path), recall("samples", tmp_path)
    assert kills is not None
    assert samples is not None
    whole = render({"kills": kills, "samples": samples})
    assert render({}, whole) == whole
    again = render({"kills": {**kills, "kills": 8}}, whole)
    assert again == whole.replace("| kills | 7 |", "| kills | 8 |")


def test_the_page_in_the_repository_can_be_taken_apart_and_put_together() -> None:
    page = PAGE.read_text()
    assert render({}, page) == page
