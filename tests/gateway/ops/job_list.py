"""A v2 for tests of the ops plane: lists jobs in pages, cancels them, hands them back, and can be in trouble."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import Queue
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from gateway.ops.jobs import V2Jobs
from gateway.proxy.address import Address
from gateway.proxy.question import Questions

Reply = tuple[int, object]


@dataclass
class JobList:
    """Jobs by id, with their users. `over` are jobs that end by themselves when somebody wants to stop them.

    `trouble` answers everything, `broken` single jobs. What was asked is in `asked`, who asked in `keys`. An import is
    taken as the next job, unless `taking` is off: then it answers as the backends of `running` do.
    """

    jobs: dict[str, str] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    broken: dict[str, Reply] = field(default_factory=dict)
    trouble: Reply | None = None
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    on_end: Callable[[], None] = lambda: None
    port: int = 0

    def start(self, *users: str) -> None:
        """One more job for each of these users."""
        for user in users:
            self.jobs[f"job-{len(self.jobs) + len(self.ended) + 1}"] = user

    @property
    def client(self) -> V2Jobs:
        """The client under test."""
        return V2Jobs(lambda: Questions(Address(host="127.0.0.1", port=self.port), key="0123456789abcdef"))

    def answer(self, method: str, target: str, body: bytes) -> Reply:
        """Status and JSON."""
        parts = urlsplit(target)
        if parts.path == "/process-full":
            user = json.loads(body)["user_id"]
            if user not in self.jobs.values():
                self.start(user)
            return 200, {"status": "processing", "pipeline": "v2"}
        self.asked.append(f"{method} {target}")
        if self.trouble is not None:
            return self.trouble
        if method == "GET":
            return 200, self._page({name: values[0] for name, values in parse_qs(parts.query).items()})
        _, _, job, verb = parts.path.split("/")
        return self._end(job, verb)

    def _page(self, query: dict[str, str]) -> dict[str, object]:
        found = [job for job, user in self.jobs.items() if query.get("user_id", user) == user]
        start, limit = int(query.get("after", 0)), int(query["limit"])
        shown, more = found[start : start + limit], start + limit < len(found)
        rows = [{"job_id": job, "user_id": self.jobs[job], "status": "running"} for job in shown]
        return {"jobs": rows, "next": str(start + limit) if more else None, "running": len(self.jobs)}

    def _end(self, job: str, verb: str) -> Reply:
        self.on_end()
        if job in self.broken:
            return self.broken[job]
        if job not in self.jobs:
            return 404, {"detail": "There is no such job."}
        del self.jobs[job]
        if job in self.over:
            self.ended[job] = "complete"
            return (200, {"status": "complete"}) if verb == "cancel" else (409, {"code": "already_over"})
        self.ended[job] = "cancelled" if verb == "cancel" else "handed_back"
        return (200, {"status": "cancelled"}) if verb == "cancel" else (202, {"status": "handing_back"})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                method, target, _ = head.split(" ", 2)
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                self.keys.add(fields.get("x-service-key", ""))
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                status, content = self.answer(method, target, body)
                sent = json.dumps(content).encode()
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(sent), sent))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the caller has hung up, or the test is over
        finally:
            writer.close()


@asynccontextmanager
async def job_list(*users: str) -> AsyncIterator[JobList]:
    """A v2 with one running job for each of these users, on a loopback port."""
    found = JobList()
    found.start(*users)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


@contextmanager
def serving_jobs(*users: str) -> Iterator[JobList]:
    """The same in a thread of its own, for callers that run no loop, or one that is not theirs."""
    found: Queue[JobList] = Queue()
    stop: Queue[Callable[[], object]] = Queue()

    async def serve() -> None:
        end = asyncio.Event()
        stop.put(partial(asyncio.get_running_loop().call_soon_threadsafe, end.set))
        async with job_list(*users) as v2:
            found.put(v2)
            await end.wait()

    thread = Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield found.get(timeout=10)
    finally:
        stop.get(timeout=10)()
        thread.join()
