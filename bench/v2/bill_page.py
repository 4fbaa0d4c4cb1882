"""bench/v2/COSTS.md: dollars per import, and how vectors are written; from what `costs` and `vectors` found last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any  # what was found, read back from JSON

from bench.places import BENCH
from bench.tables import Table, markdown
from bench.v2.results import recall

PAGE = BENCH / "v2" / "COSTS.md"
HEAD = """# Costs of an import

Written by `python -m bench.v2.costs` and `python -m bench.v2.vectors`; do not edit.
"""
COSTS = """## Dollars

Reckoned, not billed: {conversations} generated conversations ({messages:,} messages, {characters:,} characters), all of
them read on both sides, at the service's default prices (of {prices_as_of}; a batch costs half). The former pipeline is
reckoned from its published sizes over the same text: chunks of 2000 tokens with 200 of overlap and an instruction of
390; 154,000 tokens for the sections. Both answer 300 tokens for 2000 of text. Questions of v2 are its own requests,
schema included. The first profile and the embeddings, about $0.06 each on either side, are left out of both.

{table}

With batches the chunks, MEMORY and the sections are asked at half the price; what a batch leaves unanswered is asked by
single calls at the whole. Neighbouring chunks of one conversation share a question, up to 6000 tokens. Not taken:
several conversations in one question. It saves some hundred tokens of each, but each fact must then name its
conversation, which costs nearly as much in answers, at five times the price.
"""
VECTORS = """## Writing vectors

{rows} vectors of 1024 numbers into rows of a staged generation, through the sandbox's PostgREST front on its real
PostgreSQL, as one PATCH each and as the service does it, {page} in one call; in turns, {rounds} rounds, median.
Processor time is that of the caller, the front and the database together. {setting}

{table}
"""


def write_page() -> None:
    """The page, from whatever has run."""
    parts = [HEAD]
    costs, vectors = recall("costs"), recall("vectors")
    if costs is not None:
        parts.append(costs_section(costs))
    if vectors is not None:
        parts.append(vectors_section(vectors))
    PAGE.write_text("\n".join(parts))


def costs_section(found: Mapping[str, Any]) -> str:
    """One row for each way to ask."""
    heads = ("", "questions", "extraction", "MEMORY", "sections", "total", "of the former")
    rows = tuple(
        (
            str(row["pipeline"]),
            f"{row['questions']:,}",
            *(f"${row[name]:.3f}" for name in ("extract", "memory", "sections", "total")),
            f"{row['ratio']:.0%}",
        )
        for row in found["rows"]
    )
    return COSTS.format(**{**found, "table": markdown(Table("", heads, rows))})


def vectors_section(found: Mapping[str, Any]) -> str:
    """One row for each way to write."""
    heads = ("", "seconds", "rows a second", "processor seconds", "times as fast", "times less processor time")
    slow = found["one_by_one"]
    rows = tuple(
        (
            name.replace("_", " "),
            f"{found[name]['seconds']:.2f}",
            f"{found['rows'] / found[name]['seconds']:.0f}",
            f"{found[name]['cpu_seconds']:.2f}",
            f"{slow['seconds'] / found[name]['seconds']:.1f}",
            f"{slow['cpu_seconds'] / found[name]['cpu_seconds']:.1f}",
        )
        for name in ("one_by_one", "in_bulk")
    )
    setting = found["setting"]
    words = f"{setting['date']}, {setting['processors']} processors, load average at the end {setting['load']}."
    return VECTORS.format(**{**found, "setting": words, "table": markdown(Table("", heads, rows))})
