"""bench/v2/RESULTS.md: one section for each bench of the service that has run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any  # what was found, read back from JSON

from bench.tables import Table, markdown

Found = Mapping[str, Any]
HEAD = """# Results of the import service

Written by `python -m bench.v2 page` from what the benches left behind; do not edit.

Everything runs on one machine over loopback: the service as it is shipped in a process of its own, against the sandbox
(a real PostgreSQL with pgvector behind a PostgREST front, Storage, and stand-ins for the paid models). The stand-in for
the language model is a small deterministic extractor and no language model.
"""
REPEAT = """## How to repeat it

    .venv/bin/python -m bench.v2 kills --kills 110     # kill -9, and the twins (ten minutes and more)
    .venv/bin/python -m bench.v2 memory                # whole imports of 10, 100 and 1000 MB, and five at once
    .venv/bin/python -m bench.v2 parsing               # parsing and chunking alone
    .venv/bin/python -m bench.v2 rate                  # an import under a rate limit
    .venv/bin/python -m bench.v2 samples               # every real export that ships with the tests
    .venv/bin/python -m bench.quality                  # planted facts; --help says how to ask a real model
    .venv/bin/python -m bench.v2 page                  # this page
"""
KILLS = """Users who already have chunks import a larger export, three at once, while the service is killed with
`kill -9` at random moments and started again on the same state. Afterwards every one of those exports is imported once
more, for another user and undisturbed: its **twin**. A meter stands between the service and the models and writes down
every answer, and whether the service had read it before it died: a socket that is closed with something unread in it is
reset. Another connection looks at the users' chunks fifty times a second. Bills are compared import by import and step
by step."""
MEMORY = """Exports as large users have them: conversations of a megabyte, of which a few kilobytes are talk and the
rest is what tools wrote, edits and hidden messages. A new service for each row; three model calls at once. Memory is
resident memory: the service's own peak is the kernel's (VmHWM), and the highest sum of the processes that read exports
for it is added. /health is asked up to twenty times a second
meanwhile, in turn with a process that does nothing else: its column is what the machine itself makes everybody wait
(see the load average: two processors)."""
PARSING = """Nearly every byte is talk on the active path. Processor time of a process that does nothing else."""
RATE = """The sandbox lets so many questions pass in a minute (a bucket that is full at the beginning) and answers the
others with 429. Timed at the meter from the first question about a chunk to the last answer."""
SAMPLES = """What `v2 import` reports for each file of tests/data/exports. Two of them are no exports, on purpose."""
QUALITY = """An export with planted facts, imported whole. Coverage, evidence and leaks are found again in the requests
that the models were sent, not taken from the service's own counters. Off the active path stand decoys: the same
sentences with other names in edited questions, regenerated answers, hidden, system and tool messages."""
NONE = "–"


def render(found: Mapping[str, Found], earlier: str = "") -> str:
    """The whole page. What a bench found on another day or machine stays as the `earlier` page has it."""
    parts, missing, kept = [HEAD], [], sections_of(earlier)
    for name, (title, words, table) in SECTIONS.items():
        if name in found:
            parts.append(f"## {title}\n\n{words}\n\n{_setting(found[name])}\n\n{markdown(table(found[name]))}\n")
        elif title in kept:
            parts.append(kept[title])
        else:
            missing.append(title)
    if missing:
        parts.append(f"Not run here: {'; '.join(missing)}.\n")
    return "\n".join([*parts, REPEAT])


def sections_of(page: str) -> dict[str, str]:
    """The sections of a page by title, each from its heading to the next one."""
    _, *parts = page.split("\n## ")
    sections = {part.partition("\n")[0]: part.partition("\nNot run here: ")[0] for part in parts}
    return {title: f"## {text.rstrip()}\n" for title, text in sections.items()}


def _setting(found: Found) -> str:
    setting = found["setting"]
    return f"{setting['date']} · {setting['processors']} processors · load average at the end {setting['load']}"


def kills_table(found: Found) -> Table:
    """What a campaign saw, one line each."""
    steps = ", ".join(f"{step} {count}" for step, count in sorted(found["killed_at"].items(), key=lambda one: -one[1]))
    by_step = ", ".join(f"{step} {count}" for step, count in sorted(found["paid_by_step"].items()))
    waited = found["longest_wait_to_be_kept_ms"]
    rows: list[tuple[str, object]] = [
        ("verdict", "all holds" if found["holds"] else "NOT all holds"),
        ("kills", found["kills"]),
        ("imports that were running at the kills, by step", steps),
        ("imports, of which complete with coverage 1", f"{found['imports']}, {found['complete']}"),
        ("paid answers of the model, and of the twins", f"{found['paid_answers']}, {found['paid_answers_of_twins']}"),
        ("by step", by_step),
        ("imports and steps whose bill differs from the twin's", len(found["bills_that_differ"])),
        ("questions asked that the twins were not, or the other way round", found["questions_that_differ"]),
        ("vectors paid, and of the twins", f"{found['vectors_paid']}, {found['vectors_paid_of_twins']}"),
        (
            "answers of the model lost in flight (the service died before it read them)",
            found["answers_lost_on_the_way"],
        ),
        (
            "answers that it was reading when it died, and the longest time from coming to the kill",
            f"{found['answers_lost_before_they_were_kept']}, {waited} ms",
        ),
        ("answers of the model lost without a kill", found["answers_lost_without_a_kill"]),
        ("vectors lost in flight", found["vectors_lost_on_the_way"]),
        ("vectors that it was reading when it died", found["vectors_lost_before_they_were_kept"]),
        ("users whose chunks differ from the twin's", found["users_with_wrong_chunks"]),
        (
            "looks at the database, of which found a user without chunks",
            f"{found['looks']}, {found['looks_without_chunks']}",
        ),
        ("web app told once, told twice", f"{found['told_once']}, {found['told_twice']}"),
        ("imports killed while the web app was being told, which is never done again", found["told_perhaps"]),
    ]
    return Table("", ("what", "seen"), tuple((what, str(seen)) for what, seen in rows))


def memory_table(found: Found) -> Table:
    """One row for each set of imports."""
    heads = {
        "before MiB": "before_mib",
        "peak MiB": "peak_mib",
        "of it readers MiB": "readers_mib",
        "after MiB": "after_mib",
        "seconds": "seconds",
        "CPU ms/MB": "cpu_ms_per_mb",
        "/health p50 ms": "health_p50_ms",
        "p99 ms": "health_p99_ms",
        "max ms": "health_max_ms",
        "failures": "health_failures",
        "idle process p99 ms": "idle_p99_ms",
        "its max ms": "idle_max_ms",
        "load": "load",
    }
    rows = tuple(
        (
            f"{row['imports']} x {row['megabytes']} MB",
            ", ".join(row["status"]),
            f"{row['counts']['chunks']:,}",
            f"{row['coverage']:.0%}",
            *(str(row.get(name, NONE)) for name in heads.values()),
        )
        for row in found["rows"]
    )
    return Table("", ("imports at once", "status", "chunks each", "coverage", *heads), rows)


def plain_table(names: Sequence[str]) -> Callable[[Found], Table]:
    """One row for each of `rows`, with these fields."""

    def table(found: Found) -> Table:
        rows = tuple(tuple(_cell(row[name]) for name in names) for row in found["rows"])
        return Table("", tuple(name.replace("_", " ") for name in names), rows)

    return table


def pairs_table(names: Sequence[str]) -> Callable[[Found], Table]:
    """One line for each of these fields."""

    def table(found: Found) -> Table:
        rows = tuple((name.replace("_", " "), _cell(found[name])) for name in names if name in found)
        return Table("", ("what", "found"), rows)

    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(one)}" for name, one in value.items()) or NONE
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def samples_table(found: Found) -> Table:
    """One row for each file."""
    heads = (
        "file",
        "status",
        "conversations",
        "messages",
        "left out",
        "chunks (medium, macro, micro)",
        "facts",
        "coverage",
    )
    return Table("", heads, tuple(_sample(row) for row in found["rows"]))


def _sample(row: Found) -> tuple[str, ...]:
    counts = row["counts"] or {}
    if "chunks" not in counts:
        reason = str(row["error_message"]).partition(". ")[0]
        return (row["file"], f"{row['status']}: {reason}", *(NONE,) * 6)
    dropped = (row["drops"] or {}).get("dropped") or {}
    tiers = f"{counts['chunks']} ({counts['medium']}, {counts['macro']}, {counts['micro']})"
    left_out = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in dropped.items())
    numbers = (str(counts["conversations"]), str(counts["messages"]), left_out or "nothing", tiers)
    return (row["file"], row["status"], *numbers, str(counts["facts"]), f"{row['coverage']:.0%}")


_QUALITY = (
    "model",
    "conversations",
    "coverage",
    "facts_planted",
    "evidence_reached_extraction",
    "material_days_wrong",
    "recall",
    "recall_by_kind",
    "precision",
    "in_memory",
    "days_told",
    "days_wrong",
    "values_changed",
    "latest_value_wins",
    "duplicates",
    "decoys_planted",
    "decoys_that_leaked",
    "decoys_believed",
    "run_to_run_stability",
    "runs",
    "dropped",
    "counts",
    "cost",
)
_PARSING = (
    "megabytes",
    "talk_megabytes",
    "chunks",
    "parse_ms_per_mb",
    "parse_and_chunk_ms_per_mb",
    "before_mib",
    "peak_mib",
    "load",
)
_RATE = ("status", "concurrency", "per_minute", "answered", "throttled", "least_seconds", "seconds", "ratio", "load")
SECTIONS: dict[str, tuple[str, str, Callable[[Found], Table]]] = {
    "kills": ("kill -9", KILLS, kills_table),
    "memory": ("Whole imports: memory, time, /health", MEMORY, memory_table),
    "parsing": ("Parsing and chunking alone", PARSING, plain_table(_PARSING)),
    "rate": ("Under a rate limit", RATE, pairs_table(_RATE)),
    "quality": ("Planted facts", QUALITY, pairs_table(_QUALITY)),
    "quality-real": ("Planted facts, real model", QUALITY, pairs_table(_QUALITY)),
    "samples": ("Real exports", SAMPLES, samples_table),
}
