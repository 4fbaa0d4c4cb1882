"""Looking at a service from outside."""

from __future__ import annotations

import os

import httpx

from bench.v2.sampling import Sampler, Seen, idle_server, percentile


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (51.0, 100.0, 100.0)
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) == 0.0


def test_memory_and_processor_time_of_a_process_are_read_and_a_dead_service_counts_as_failures() -> None:
    with Sampler(os.getpid(), "http://127.0.0.1:9") as sampler:
        held = bytearray(30 * 1024 * 1024)
        while not sampler.seen.idle_ms:
            sum(held[:100_000])
    assert sampler.seen.peak_mib >= sampler.seen.before_mib > 10
    assert sampler.seen.cpu_seconds > 0
    assert sampler.seen.health_failures == len(sampler.seen.health_ms) > 0


def test_the_idle_process_answers() -> None:
    with idle_server() as url:
        assert httpx.get(f"{url}/health", trust_env=False).text == "ok"


def test_the_summary_has_the_slowest_answer() -> None:
    assert Seen(health_ms=[1.0, 250.04]).summary()["health_max_ms"] == 250.0
