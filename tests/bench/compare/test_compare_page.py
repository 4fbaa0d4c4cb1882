"""The page of the comparison says how it came about, beside what it found."""

from __future__ import annotations

from bench.compare.page import page
from bench.machine import Setting
from gateway.observe.side_by_side import Report
from tests.gateway.observe.test_side_by_side import pair

SETTING = Setting("2026-11-30", "a processor", 2, 8, "6.1", "3.11", optimised_python=True, load_before=3.0)


def test_the_page_names_imports_repeats_and_machine() -> None:
    report = Report()
    report.compare(pair())
    report.repeat(pair())
    text = page(report, 3, SETTING)
    assert "imported by legacy for 3 new users" in text
    assert "one file (1) say what is noise" in text
    assert "a processor" in text
    assert "**v2 is behind in nothing.**" in text
