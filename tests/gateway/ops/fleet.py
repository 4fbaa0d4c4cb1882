"""A fleet of proxy workers for tests: says what it is told to."""


class StandInFleet:
    """Two workers at one generation; `is_ready` can be turned off."""

    def __init__(self) -> None:
        self.is_ready = True

    async def snapshots(self) -> list[dict[str, object]]:
        return [{"pid": 1, "generation": 1}, {"pid": 2, "generation": 1}]

    async def exposition(self) -> bytes:
        return b"# TYPE up gauge\nup 1\n"

    async def ready(self) -> bool:
        return self.is_ready
