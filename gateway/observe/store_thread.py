"""The one thread that touches the evidence's file: a slow disk delays the evidence, and nothing else."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class StoreThread:
    """Runs blocking calls one after another. The file's first user opens it in here."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "evidence")

    async def run(self, call: Callable[[], Result]) -> Result:
        """The call's result, or what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def close(self) -> None:
        """Wait for what runs."""
        self._executor.shutdown()
