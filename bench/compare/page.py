"""bench/compare/RESULTS.md: what the comparison says of every example export."""

from __future__ import annotations

from pathlib import Path

from bench.machine import Setting
from gateway.observe.side_by_side import Report
from gateway.ops.compare_report import markdown

PAGE = Path(__file__).parent / "RESULTS.md"
HEAD = """# Comparison of both pipelines on the example exports

Written by `python -m bench.compare`; do not edit.

Every file of `tests/data/exports` is imported by legacy for {users} new users, and tried by v2 in a dry run for the
first of them, in the form in which the web app uploads it: one plain JSON list. Two files are no exports, on purpose,
and are uploaded as they are. All pairs of legacy's own imports of one file ({repeats}) say what is noise. The
comparison is that of `rollout compare`, whose words [docs/compare.md](../../docs/compare.md) explains.

The models are the sandbox's stand-ins: small deterministic extractors, no language models, and vectors made of words.
So the profiles say how both pipelines use a model, not how well one writes. Legacy's pauses between its calls are
shortened to 2 %, so its seconds are no measure of production; what it paid, it does not record.

{setting}
"""
TAIL = """### How to repeat it

    .venv/bin/python -m bench.compare
"""


def page(report: Report, users: int, setting: Setting) -> str:
    """The whole page."""
    where = f"{setting.date}, {setting.processor}, {setting.processors} processors, load {setting.load_before:.0f}."
    head = HEAD.format(users=users, repeats=report.comparisons.repeated, setting=where)
    return f"{head}\n{markdown(report)}\n{TAIL}"
