"""Child processes: waited for, watched, stopped in reverse order, with their last words in the error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sandbox.stack.ports import LOOPBACK, any_port
from sandbox.stack.processes import Processes, Service, ServiceFailed

SERVER = """
import http.server, pathlib, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
def stop(*_):
    with open(sys.argv[2], "a") as file: file.write(sys.argv[3] + "\\n")
    raise SystemExit(0)
signal.signal(signal.SIGTERM, stop)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def server(name: str, record: Path) -> Service:
    port = any_port(set())
    argv = (sys.executable, "-c", SERVER, str(port), str(record), name)
    return Service(name, argv, f"http://{LOOPBACK}:{port}/")


def test_services_stop_in_reverse_order_of_starting(tmp_path: Path) -> None:
    record = tmp_path / "stopped"
    with Processes(tmp_path / "logs") as processes:
        for name in ("first", "second"):
            processes.start(server(name, record))
        processes.wait_ready()
        processes.check_alive()
    assert record.read_text().split() == ["second", "first"]


def test_services_are_stopped_when_the_body_raises(tmp_path: Path) -> None:
    record = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt), Processes(tmp_path / "logs") as processes:
        processes.start(server("only", record))
        processes.wait_ready()
        raise KeyboardInterrupt
    assert record.read_text().split() == ["only"]


def test_a_service_that_dies_is_named_with_its_last_words(tmp_path: Path) -> None:
    dying = Service("dying", (sys.executable, "-c", "import sys; sys.exit('no database there')"), "http://127.0.0.1:9/")
    with Processes(tmp_path / "logs") as processes:
        processes.start(dying)
        with pytest.raises(ServiceFailed, match=r"dying stopped with exit code 1(.|\n)*no database there"):
            processes.wait_ready()


def test_a_service_that_never_answers_is_named(tmp_path: Path) -> None:
    mute = Service("mute", (sys.executable, "-c", "import threading; threading.Event().wait()"), "http://127.0.0.1:9/")
    with Processes(tmp_path / "logs") as processes:
        processes.start(mute)
        with pytest.raises(ServiceFailed, match="mute is not healthy"):
            processes.wait_ready(timeout=0.3)
