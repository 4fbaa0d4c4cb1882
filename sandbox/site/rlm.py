"""A stand-in for the memory library that the monolith probes by import and never calls."""


class RLM:
    """Its presence is all that is asked for."""
