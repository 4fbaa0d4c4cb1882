"""The hands of ops: the ops API, the `rollout` command line. Counterparts: `flags` and the fleet."""
