"""The strangler-fig gateway: a proxy in front of a monolith and its successor, and a flag that divides the users."""
