"""Start a built image without an engine, run its own health check, stop it: `try_image.py NAME BUILD_DIR`.

The counterpart of deploy/build_images.sh, which calls it. It runs the image's own command, user, environment and
health check in a chroot, on a free port, and wants the process to end by itself on SIGTERM.
"""

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

# What each image needs to come up. SUPABASE_URL is added: the address of an empty database.
NEEDED = {
    "gateway": {"GATEWAY_OPS": "127.0.0.1:0", "GATEWAY_WORKERS": "1"},
    "v2": {
        "SUPABASE_SERVICE_KEY": "not-a-key",
        "ANTHROPIC_API_KEY": "not-a-key",
        "V2_SERVICE_KEYS": '{"gateway": "not-a-key-but-long-enough"}',
    },
    "legacy": {"SUPABASE_SERVICE_KEY": "not-a-key"},
    "sandbox": {},
}
# uvicorn ends an app by the signal that it got, after a clean shutdown; buildah reports that as 1.
ENDS_BY_SIGNAL = {"legacy"}
SECONDS_TO_START, SECONDS_TO_STOP = 240, 60
BANYAN_USER = 10001


class EmptyDatabase(http.server.BaseHTTPRequestHandler):
    """Answers every GET with no rows: enough for a service that looks for unfinished jobs when it starts."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 -- the name is the standard library's
        """Say nothing."""


class Trial:
    """One container of an image, run by buildah."""

    def __init__(self, name: str, build: Path, database: str) -> None:
        self.buildah = ["buildah", "--root", str(build / "store"), "--runroot", str(build / "run")]
        self.container = self._ask("from", "--pull-never", f"banyan-{name}")
        self.config = json.loads(self._ask("inspect", self.container))["Docker"]["config"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.environment = NEEDED[name] | {"PORT": str(self.port), "SUPABASE_URL": database}

    def _ask(self, *arguments: str) -> str:
        return subprocess.run([*self.buildah, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def command(self, arguments: list[str]) -> list[str]:
        settings = [f"--env={name}={value}" for name, value in self.environment.items()]
        return [*self.buildah, "run", "--isolation", "chroot", *settings, self.container, "--", *arguments]

    def healthy(self) -> bool:
        check: list[str] = self.config["Healthcheck"]["Test"]
        assert check[0] == "CMD", "the health check is not in exec form"
        return subprocess.run(self.command(check[1:]), check=False, capture_output=True).returncode == 0

    def megabytes(self) -> float:
        root = Path(self._ask("mount", self.container)) / "opt/banyan"
        return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file()) / 1e6

    def remove(self) -> None:
        self._ask("rm", self.container)


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, itself left out."""
    children = [int(word) for task in Path(f"/proc/{pid}/task").glob("*/children") for word in task.read_text().split()]
    return children + [pid for child in children for pid in descendants(child)]


def service_processes(pid: int) -> list[int]:
    """The processes of the image's user below `pid`, first the one that a container would have as process 1."""
    return [
        child
        for child in descendants(pid)
        if Path(f"/proc/{child}").stat().st_uid == BANYAN_USER
        # buildah's own starter also has the user already; it is no part of the image.
        and not Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"buildah")
    ]


def try_image(name: str, build: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyDatabase)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    trial = Trial(name, build, f"http://127.0.0.1:{server.server_port}")
    try:
        running = subprocess.Popen(trial.command(trial.config["Cmd"]), stdout=sys.stderr)
        try:
            started = time.monotonic()
            while not trial.healthy():
                if running.poll() is not None or time.monotonic() - started > SECONDS_TO_START:
                    raise SystemExit(f"banyan-{name} did not become healthy")
                time.sleep(0.5)  # the check has its own timeout; this only spaces the tries
            processes = service_processes(running.pid)
            if not processes:
                raise SystemExit(f"banyan-{name} does not run as user {BANYAN_USER}")
            os.kill(processes[0], signal.SIGTERM)
            code = running.wait(SECONDS_TO_STOP)
        finally:
            for pid in [*service_processes(running.pid), running.pid] if running.poll() is None else []:
                os.kill(pid, signal.SIGKILL)
        if code != (1 if name in ENDS_BY_SIGNAL else 0):
            raise SystemExit(f"banyan-{name} ended with {code} on SIGTERM")
        print(
            f"banyan-{name}: healthy as user {BANYAN_USER}, stopped with {code}, {trial.megabytes():.0f} MB of its own"
        )
    finally:
        trial.remove()
        server.shutdown()


if __name__ == "__main__":
    try_image(sys.argv[1], Path(sys.argv[2]))
