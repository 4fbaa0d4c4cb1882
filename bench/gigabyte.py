"""One gigabyte through a gateway worker, up and down: every byte is compared, and the worker's peak memory is read.

Run as `python -m bench.gigabyte [BYTES]`; the exit code is 1 if a byte is missing or the peak is beyond the limit.
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
from collections.abc import Callable
from pathlib import Path

from bench.errors import Unmeasured
from bench.procfs import forget_peak, peak_kib, resident_kib

SIZE = 1_000_000_000
LIMIT_MIB = 64.0
PIECE = bytes(range(256)) * 1024
_ROUTES = '[defaults]\nmax_body = 10_000_000_000\n[[route]]\nname = "x"\npath = "/x"\n'
_LENGTH = re.compile(rb"(?im)^content-length: *([0-9]+)\r$")


def send(out: io.BufferedRWPair, size: int) -> int:
    """Write `size` bytes; their checksum."""
    checksum, left = 0, size
    while left:
        piece = PIECE[: min(left, len(PIECE))]
        checksum = zlib.crc32(piece, checksum)
        out.write(piece)
        left -= len(piece)
    out.flush()
    return checksum


def take(source: io.BufferedRWPair, size: int) -> int:
    """Read `size` bytes; their checksum. Raises Unmeasured if there are fewer."""
    checksum, left = 0, size
    while left:
        piece = source.read(min(left, len(PIECE)))
        if not piece:
            raise Unmeasured(f"{left:,} bytes are missing")
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return checksum


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


def answer_once(listener: socket.socket, size: int) -> None:
    """The origin: takes a body and answers its checksum, or answers a GET with `size` bytes."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb") as stream:
        head = read_head(stream)
        if head.startswith(b"GET"):
            stream.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
            send(stream, size)
        else:
            said = b"%d" % take(stream, announced(head))
            stream.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))


def download(stream: io.BufferedRWPair, size: int) -> None:
    """A GET whose answer is compared. Raises Unmeasured if it differs."""
    stream.write(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    stream.flush()
    length = announced(read_head(stream))
    expected, left = 0, size
    while left:
        expected = zlib.crc32(PIECE[: min(left, len(PIECE))], expected)
        left -= min(left, len(PIECE))
    if length != size or take(stream, size) != expected:
        raise Unmeasured("the download differs from what was sent")


def upload(stream: io.BufferedRWPair, size: int) -> None:
    """A POST whose checksum the origin repeats. Raises Unmeasured if it differs."""
    stream.write(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    sent = send(stream, size)
    length = announced(read_head(stream))
    if stream.read(length) != b"%d" % sent:
        raise Unmeasured("the upload differs from what was sent")


def worker_mib(kib: dict[int, int], supervisor: int) -> float:
    """The largest process of the gateway but for its supervisor: the worker."""
    return max(size for process, size in kib.items() if process != supervisor) / 1024


def through(
    gateway: int, port: int, listener: socket.socket, size: int, run: Callable[[io.BufferedRWPair, int], None]
) -> float:
    """One run; the worker's peak memory meanwhile, in MiB."""
    origin = threading.Thread(target=answer_once, args=(listener, size), daemon=True)
    origin.start()
    forget_peak(gateway)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as one, one.makefile("rwb") as stream:
        run(stream, size)
    origin.join(60)
    return worker_mib(peak_kib(gateway), gateway)


def main() -> int:
    """Measure both ways and print a line for each."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    good = True
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        routes, flags = Path(folder, "routes.toml"), Path(folder, "flags.json")
        routes.write_text(_ROUTES)
        flags.write_text('{"version": 2, "generation": 1, "features": []}')
        command = [sys.executable, "-m", "gateway", "serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0"]
        command += ["--workers", "1", "--routes", str(routes), "--flags", str(flags), "--no-access-log"]
        command += ["--legacy", f"http://127.0.0.1:{listener.getsockname()[1]}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as gateway:
            try:
                said = gateway.stdout.readline() if gateway.stdout else ""
                ready = re.search(r"public http://127\.0\.0\.1:([0-9]+)", said)
                if ready is None:
                    raise Unmeasured("the gateway did not start")
                for run in (download, upload):
                    before = worker_mib(resident_kib(gateway.pid), gateway.pid)
                    peak = through(gateway.pid, int(ready[1]), listener, size, run)
                    good = good and peak < LIMIT_MIB
                    print(f"{run.__name__}: {size:,} bytes, all equal; {before:.1f} MiB before, peak {peak:.1f} MiB")
            finally:
                gateway.terminate()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
