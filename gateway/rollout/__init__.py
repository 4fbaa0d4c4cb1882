"""The guard: evidence of both pipelines, tests that may be looked at every second, and a plan that moves by itself."""
