"""The hands of ops: the ops API, the `rollout` command line. Counterparts: `flags` for changes, the fleet for figures."""
