"""Tables: one row a proxy, dashes where nothing was measured, and Markdown that stays a table."""

from __future__ import annotations

from bench.page import render
from bench.results import Failure, Results, Sample
from bench.tables import Table, failure_table, markdown, number, peer_tables, target_table

RESULTS = Results(
    [
        Sample(0, "get", "nginx", {"cpu_us": 10.0, "rps": 58_500.0}),
        Sample(0, "get", "gateway", {"cpu_us": 17.0, "rps": 40_000.0}),
        Sample(0, "get", "direct", {"rps": 120_000.0}),
    ],
    [Failure(0, "rate", "caddy", "a | b"), Failure(1, "rate", "caddy", "a | b")],
)
SETTING = {
    "date": "2030-01-01 10:00 UTC",
    "processor": "Some Chip",
    "processors": 2,
    "memory_gb": 8,
    "kernel": "6.1",
    "python": "3.11.7",
    "optimised_python": True,
    "load_before": 0.5,
    "load_after": 1.5,
    "seconds": 2.0,
    "versions": {"nginx": "1.22.1", "envoy-lua": "1.40.0"},
}


def test_numbers_have_separators_and_missing_ones_a_dash() -> None:
    assert (number(58_500.4, 0), number(1.005, 1), number(None, 2)) == ("58,500", "1.0", "–")


def test_a_peer_table_has_a_row_for_whoever_was_measured() -> None:
    (table,) = peer_tables(RESULTS)
    assert [row[0] for row in table.rows] == ["direct, no proxy", "nginx", "the gateway"]


def test_ratios_stand_beside_their_figures() -> None:
    (table,) = peer_tables(RESULTS)
    gateway = dict(zip(table.columns, table.rows[-1], strict=True))
    assert (gateway["CPU µs"], gateway["x nginx"], gateway["req/s"]) == ("17.0", "1.70", "40,000")
    assert table.rows[0][1:3] == ("–", "–"), "direct has no proxy whose time could be measured"


def test_targets_say_met_not_met_or_not_measured() -> None:
    rows = {row[0]: row[1:] for row in target_table(RESULTS).rows}
    assert rows["CPU per small GET, against nginx"] == ("at most 1.80x", "1.70x", "met")
    assert rows["CPU per small GET, against Envoy"] == ("at most 0.50x", "–", "not measured")


def test_a_failure_is_told_once_with_its_count() -> None:
    assert failure_table(RESULTS).rows == (("caddy", "rate", "2", "a | b"),)


def test_markdown_keeps_its_columns_whatever_the_cells_say() -> None:
    table = Table("t", ("proxy", "n"), (("a | b", "1"),))
    assert markdown(table).splitlines() == ["| proxy | n |", "| --- | ---: |", "| a / b | 1 |"]


def test_the_page_names_machine_versions_absences_and_notes() -> None:
    page = render(RESULTS, SETTING, {"traefik": "traefik is not installed"}, "## Notes\n\nThe kernel is most of it.")
    for part in ("Some Chip", "nginx 1.22.1.", "traefik is not installed", "load average before 0.50", "The kernel is"):
        assert part in page
