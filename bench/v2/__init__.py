"""Benchmarks and campaigns of the v2 service, against a sandbox on this machine."""
