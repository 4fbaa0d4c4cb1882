"""Results as tables of text, for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.lineup import DIRECT, PEERS
from bench.results import Figure, Results
from bench.targets import TARGETS, How, Target, Verdict, judge

NONE = "–"


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a head and rows; the first column is text, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A head, and how a peer's cell is found: a median, or a ratio to nginx of the same round."""

    head: str
    scenario: str
    metric: str
    digits: int = 0
    ratio: bool = False

    def cell(self, results: Results, peer: str) -> str:
        """The text for one peer."""
        figure = Figure(peer, self.scenario, self.metric)
        if self.ratio:
            return number(results.ratio(figure, figure._replace(peer="nginx")), 2)
        return number(results.median(figure), self.digits)


REQUEST_COLUMNS = (
    Column("CPU µs", "get", "cpu_us", 1),
    Column("x nginx", "get", "cpu_us", ratio=True),
    Column("x, 12 headers", "get-headers", "cpu_us", ratio=True),
    Column("x, heads that vary", "get-varied", "cpu_us", ratio=True),
    Column("req/s", "get", "rps"),
    Column("p50 µs", "get", "p50_us"),
    Column("p99 µs", "get", "p99_us"),
    Column("p50 µs, c=1", "get-one", "p50_us"),
    Column("p99 µs, c=1", "get-one", "p99_us"),
)
POST_COLUMNS = (
    Column("POST µs", "post", "cpu_us", 1),
    Column("x nginx", "post", "cpu_us", ratio=True),
    Column("/process-full µs", "process-full", "cpu_us", 1),
    Column("ids routed right of 200", "routing", "right"),
    Column("µs at 1,600/s", "rate", "cpu_us", 1),
    Column("x nginx", "rate", "cpu_us", ratio=True),
    Column("p50 µs", "rate", "p50_us"),
    Column("p99 µs", "rate", "p99_us"),
)
BODY_COLUMNS = (
    Column("10 MiB down, CPU ms", "download", "cpu_ms", 1),
    Column("x nginx", "download", "cpu_ms", ratio=True),
    Column("50 MB up, CPU ms", "upload", "cpu_ms", 1),
    Column("adds MB", "upload", "peak_mb", 1),
    Column("first event ms", "events", "first_ms", 2),
    Column("idle MB (resident)", "idle", "rss_mb", 1),
    Column("idle MB (shared once)", "idle", "pss_mb", 1),
    Column("serving process MB", "idle", "serving_mb", 1),
    Column("1,000 idle connections, MB", "idle", "held_mb", 1),
    Column("stalled reader, MB", "stalled", "reader_mb", 2),
)
LONG_COLUMNS = (
    Column("requests", "million", "requests"),
    Column("MB at the end", "million", "end_mb", 1),
    Column("MB added after 100,000", "million", "grown_mb", 2),
    Column("MB after 10,000 lost clients", "disconnects", "end_mb", 1),
    Column("MB added after 1,000", "disconnects", "grown_mb", 2),
    Column("upstream connections left", "disconnects", "left"),
)
TABLES = (
    ("Small GET, 653-byte answer; 32 connections unless said otherwise", REQUEST_COLUMNS),
    ("POST, body-routed POST and a fixed rate", POST_COLUMNS),
    ("Bodies, streams and memory", BODY_COLUMNS),
    ("Long runs", LONG_COLUMNS),
)


def number(value: float | None, digits: int) -> str:
    """A number with thousands separators, or a dash."""
    return NONE if value is None else f"{value:,.{digits}f}"


def peer_table(results: Results, title: str, columns: Sequence[Column]) -> Table:
    """One row for each peer that has a figure in it."""
    names = [(DIRECT, "direct, no proxy"), *((peer.name, peer.title) for peer in PEERS)]
    rows = [(title, *(column.cell(results, name) for column in columns)) for name, title in names]
    heads = ("proxy", *(column.head for column in columns))
    return Table(title, heads, tuple(row for row in rows if set(row[1:]) != {NONE}))


def peer_tables(results: Results) -> list[Table]:
    """All tables that have rows."""
    return [table for title, columns in TABLES if (table := peer_table(results, title, columns)).rows]


def target_table(results: Results, targets: Sequence[Target] = TARGETS) -> Table:
    """Each target with what was found."""
    rows = tuple(_target_row(judge(results, target)) for target in targets)
    return Table("Targets", ("target", "limit", "found", "verdict"), rows)


def _target_row(verdict: Verdict) -> tuple[str, ...]:
    target = verdict.target
    show = _formats(target)
    bound = "at least" if target.at_least else "at most"
    word = {True: "met", False: "NOT met", None: "not measured"}[verdict.met]
    return (target.text, f"{bound} {show(target.limit)}", NONE if verdict.value is None else show(verdict.value), word)


def _formats(target: Target) -> Callable[[float], str]:
    unit = "x" if target.how is How.RATIO else f" {target.unit}" if target.unit else ""
    return lambda value: f"{value:,.2f}{unit}"


def failure_table(results: Results) -> Table:
    """What could not be measured: how often, and the last reason."""
    seen: dict[tuple[str, str], list[str]] = {}
    for failure in results.failures:
        seen.setdefault((failure.peer, failure.scenario), []).append(failure.reason)
    rows = tuple((peer, scenario, str(len(reasons)), reasons[-1]) for (peer, scenario), reasons in seen.items())
    return Table("What gave no figure", ("proxy", "scenario", "times", "reason"), rows)


def markdown(table: Table) -> str:
    """The table in Markdown, numbers to the right."""
    lines = [_line(table.columns), _line(("---", *("---:" for _ in table.columns[1:])))]
    return "\n".join([*lines, *(_line(row) for row in table.rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
