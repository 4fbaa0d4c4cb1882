"""One gigabyte through a gateway worker, up and down: every byte is compared, and the worker's peak memory is read.

Run as `python -m bench.gigabyte [BYTES]`; the exit code is 1 if a byte is missing or the peak is beyond the limit. A
whole gigabyte also writes bench/GIGABYTE.md.
"""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.errors import Unmeasured
from bench.procfs import forget_peak, peak_kib, resident_kib

SIZE = 1_000_000_000
LIMIT_MIB = 64.0
PIECE = bytes(range(256)) * 1024
Run = Callable[[io.BufferedRWPair, int], None]
_ROUTES = '[defaults]\nmax_body = 10_000_000_000\n[[route]]\nname = "x"\npath = "/x"\n'
_LENGTH = re.compile(rb"(?im)^content-length: *([0-9]+)\r$")
_CHUNKED = re.compile(rb"(?im)^transfer-encoding: *chunked\r$")
PAGE = Path(__file__).with_name("GIGABYTE.md")


def send(out: io.BufferedRWPair, size: int, *, chunked: bool = False) -> int:
    """Write `size` bytes; their checksum."""
    checksum, left = 0, size
    while left:
        piece = PIECE[: min(left, len(PIECE))]
        checksum = zlib.crc32(piece, checksum)
        if chunked:
            out.write(b"%x\r\n" % len(piece))
        out.write(piece)
        if chunked:
            out.write(b"\r\n")
        left -= len(piece)
    if chunked:
        out.write(b"0\r\n\r\n")
    out.flush()
    return checksum


def take(source: io.BufferedRWPair, size: int, checksum: int = 0) -> int:
    """Read `size` bytes; their checksum. Raises Unmeasured if there are fewer."""
    left = size
    while left:
        piece = source.read(min(left, len(PIECE)))
        if not piece:
            raise Unmeasured(f"{left:,} bytes are missing")
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return checksum


def take_body(source: io.BufferedRWPair, head: bytes) -> tuple[int, int]:
    """Read the body that `head` announces; its length and checksum. Raises Unmeasured if it is cut short."""
    if not _CHUNKED.search(head):
        size = announced(head)
        return size, take(source, size)
    total, checksum = 0, 0
    while size := int(source.readline(100) or b"0", 16):
        checksum = take(source, size, checksum)
        total += size
        if source.read(2) != b"\r\n":
            raise Unmeasured("a chunk does not end where it said")
    if source.readline(100) != b"\r\n":
        raise Unmeasured("the last chunk is missing")
    return total, checksum


def read_head(source: io.BufferedRWPair) -> bytes:
    """A message's head. Raises Unmeasured if it does not come."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = source.readline(65_536)
        if not line:
            raise Unmeasured("the connection ended before a head came")
        head += line
    return head


def announced(head: bytes) -> int:
    """The Content-Length of a head, 0 if there is none."""
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


def framing(size: int, *, chunked: bool) -> bytes:
    """The field that says how a body ends."""
    return b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size


def answer_once(listener: socket.socket, size: int) -> None:
    """The origin: takes a body and answers its checksum, or a GET with `size` bytes, framed as its query asks."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        head = read_head(stream)
        if head.startswith(b"GET"):
            chunked = head.startswith(b"GET /x?chunked")
            stream.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n%b\r\n\r\n" % framing(size, chunked=chunked))
            send(stream, size, chunked=chunked)
        else:
            said = b"%d %d" % take_body(stream, head)
            stream.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))


def download(stream: io.BufferedRWPair, size: int, *, chunked: bool = False) -> None:
    """A GET whose answer is compared. Raises Unmeasured if it differs."""
    stream.write(b"GET /x%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"?chunked" if chunked else b""))
    stream.flush()
    head = read_head(stream)
    expected, left = 0, size
    while left:
        expected = zlib.crc32(PIECE[: min(left, len(PIECE))], expected)
        left -= min(left, len(PIECE))
    if bool(_CHUNKED.search(head)) is not chunked or take_body(stream, head) != (size, expected):
        raise Unmeasured("the download differs from what was sent")


def upload(stream: io.BufferedRWPair, size: int, *, chunked: bool = False) -> None:
    """A POST whose length and checksum the origin repeats. Raises Unmeasured if they differ."""
    stream.write(b"POST /x HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % framing(size, chunked=chunked))
    sent = send(stream, size, chunked=chunked)
    length = announced(read_head(stream))
    if stream.read(length) != b"%d %d" % (size, sent):
        raise Unmeasured("the upload differs from what was sent")


def worker_mib(kib: dict[int, int], supervisor: int) -> float:
    """The largest process of the gateway but for its supervisor: the worker."""
    return max(size for process, size in kib.items() if process != supervisor) / 1024


def through(gateway: int, port: int, listener: socket.socket, size: int, run: Run) -> float:
    """One run; the worker's peak memory meanwhile, in MiB."""
    origin = threading.Thread(target=answer_once, args=(listener, size), daemon=True)
    origin.start()
    forget_peak(gateway)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as one, one.makefile("rwb") as stream:
        run(stream, size)
    origin.join(60)
    return worker_mib(peak_kib(gateway), gateway)


@contextmanager
def running_gateway(origin: int) -> Iterator[tuple[int, int]]:
    """Process id and public port of a gateway with one worker. Raises Unmeasured if it does not start."""
    with tempfile.TemporaryDirectory() as folder:
        routes, flags = Path(folder, "routes.toml"), Path(folder, "flags.json")
        routes.write_text(_ROUTES)
        flags.write_text('{"version": 2, "generation": 1, "features": []}')
        command = [sys.executable, "-m", "gateway", "serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0"]
        command += ["--workers", "1", "--routes", str(routes), "--flags", str(flags), "--no-access-log"]
        command += ["--legacy", f"http://127.0.0.1:{origin}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
            try:
                said = gateway.stdout.readline() if gateway.stdout else ""
                ready = re.search(r"public http://127\.0\.0\.1:([0-9]+)", said)
                if ready is None:
                    raise Unmeasured("the gateway did not start")
                yield gateway.pid, int(ready[1])
            finally:
                gateway.terminate()


def page(rows: list[tuple[str, float, float]], size: int) -> str:
    """bench/GIGABYTE.md."""
    lines = [f"| {name} | {before:.1f} | {peak:.1f} |" for name, before, peak in rows]
    return "\n".join(
        [
            "# A gigabyte each way",
            "",
            "Written by `python -m bench.gigabyte`; do not edit.",
            "",
            f"{size:,} bytes through one worker, over loopback; both ends compare length and checksum. Memory is",
            f"resident, of the worker's process, in MiB; the peak has to stay below {LIMIT_MIB:.0f}.",
            "",
            "| direction and framing | before | peak |",
            "| --- | ---: | ---: |",
            *lines,
            "",
        ]
    )


def main() -> int:
    """Measure both ways in both framings and print a line for each."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    rows: list[tuple[str, float, float]] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with running_gateway(listener.getsockname()[1]) as (gateway, port):
            for chunked in (False, True):
                for name, way in (("download", download), ("upload", upload)):
                    before = worker_mib(resident_kib(gateway), gateway)
                    peak = through(gateway, port, listener, size, partial(way, chunked=chunked))
                    title = f"{name}, {'chunked' if chunked else 'content-length'}"
                    rows.append((title, before, peak))
                    print(f"{title}: {size:,} bytes, all equal; {before:.1f} MiB before, peak {peak:.1f} MiB")
    if size == SIZE:
        PAGE.write_text(page(rows, size))
    return 0 if all(peak < LIMIT_MIB for _, _, peak in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
