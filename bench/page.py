"""bench/RESULTS.md: the page that a complete run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping

from bench.lineup import PEERS
from bench.results import Results
from bench.scenarios import SCENARIOS
from bench.tables import failure_table, markdown, peer_tables, target_table

HEAD = """# Results

Written by `make bench`; do not edit (the notes at the end come from [NOTES.md](NOTES.md)).

Everything runs on one machine, over loopback. The upstream of requests and downloads is one nginx worker with
keep-alive; that of uploads and streams is a small process of our own. Every proxy has one worker, upstream keep-alive
and **no** access log. The gateway runs **as it is shipped**: metrics, request id, trace context, access log (into a
file), header hygiene, limits and timeouts are on.

**CPU µs** is the processor time, user and system, of the proxy's whole process tree per request: the figure to trust.
Requests per second and latencies also depend on the neighbours, because load, upstream and proxy share the processors.
Rounds are interleaved and the order rotates; figures are medians over the rounds; **x nginx** is the median of the
ratios taken within each round. Differences under 1.3x are ties.

A proxy may remember the last head of a connection, and a benchmark that repeats itself flatters it. In the column
"heads that vary" every request and every answer has a field of its own beside the 12 browser headers.

`/process-full` is routed by the body only where the column "ids routed right" has a number; the others just forward it.
"""

REPEAT = """## How to repeat it

    make bench                                      # everything, five rounds, about half an hour
    .venv/bin/python -m bench --long                # also a million requests and ten thousand lost clients
    .venv/bin/python -m bench --quick               # a look: two short rounds, writes no page
    .venv/bin/python -m bench --only gateway --only get    # some proxies (nginx is always there), some scenarios
    .venv/bin/python -m bench --add --only events          # measure one scenario again, keep the rest

The first start installs the peers: Python packages of `bench/requirements.txt` into `build/bench/venv`, nginx, HAProxy
and wrk from Debian if it may. What cannot be installed is left out and named.
"""


def render(results: Results, setting: Mapping[str, object], absent: Mapping[str, str], notes: str) -> str:
    """The whole page."""
    parts = [HEAD, _machine(results, setting), "## Targets\n", markdown(target_table(results)) + "\n"]
    for table in peer_tables(results):
        parts += [f"## {table.title}\n", markdown(table) + "\n"]
    failures = failure_table(results)
    if failures.rows:
        parts += [f"## {failures.title}\n", markdown(failures) + "\n"]
    if absent:
        parts += ["## Left out\n", "\n".join(f"- {name}: {reason}" for name, reason in absent.items()) + "\n"]
    scenarios = "\n".join(f"- `{one.name}`: {one.title}" for one in SCENARIOS)
    return "\n".join([*parts, REPEAT, f"Scenarios:\n\n{scenarios}\n", notes.strip() + "\n"])


def _machine(results: Results, setting: Mapping[str, object]) -> str:
    versions = setting.get("versions")
    known = versions if isinstance(versions, dict) else {}
    named = [f"{peer.title} {known[peer.name]}" for peer in PEERS if peer.name in known and not peer.only_routing]
    slower = "" if setting["optimised_python"] else " (not configured with --enable-optimizations)"
    return (
        f"{setting['date']} · {setting['processors']} processors ({setting['processor']}), {setting['memory_gb']} GB · "
        f"Linux {setting['kernel']} · Python {setting['python']}{slower} · {results.rounds()} rounds of "
        f"{setting['seconds']} s · load average before {setting['load_before']:.2f}, "
        f"after {setting['load_after']:.2f}\n\n"
        f"Versions: {', '.join(named)}.\n"
    )
