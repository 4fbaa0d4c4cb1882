"""Benchmarks: the gateway beside other proxies, in one run. `make bench` starts them; RESULTS.md is what came out."""
