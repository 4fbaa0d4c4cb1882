"""What the gateway sees of itself: counters in the workers, their sum as Prometheus text, the access log."""
