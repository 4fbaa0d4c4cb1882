"""`python -m bench.guard`: simulate, print, and write bench/guard/RESULTS.md. Fixed seeds."""

import argparse
import os
import sys
from pathlib import Path

from bench.guard.page import render
from bench.guard.study import study

PAGE = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run the whole study; fewer runs are for trying it out and are never written."""
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="runs of each scenario (default: 10000)")
    parser.add_argument("--processes", type=int, default=1, help="processes that share the work (default: 1)")
    arguments = parser.parse_args()
    os.nice(10)
    page = render(study(arguments.runs, arguments.processes, _tell))
    page += f"\n{_minutes():.0f} min of processor time.\n"
    print(page)
    if arguments.runs >= 10_000:
        PAGE.write_text(page)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _minutes() -> float:
    spent = os.times()
    return (spent.user + spent.children_user) / 60


if __name__ == "__main__":
    main()
