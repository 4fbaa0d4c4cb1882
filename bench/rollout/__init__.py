"""A whole rollout in fast time on the running stack: up by itself, and back from a v2 that is broken in three ways."""
