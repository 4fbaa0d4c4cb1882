"""What clients do to a proxy: closed-loop load, a fixed rate, long bodies, event streams, idle and lost connections."""
