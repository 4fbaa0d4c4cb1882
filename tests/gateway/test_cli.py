"""The command line of the gateway."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from tests.gateway.proxy.wire import flags_document

run = CliRunner().invoke
ROUTE = '[[route]]\nname = "a"\npath = "/a"\nflag = "f"\n'


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("GATEWAY_FLAGS", "GATEWAY_ROUTES"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "flags.json").write_text(flags_document(10))
    (tmp_path / "routes.toml").write_text(ROUTE)
    return ["--flags", str(tmp_path / "flags.json"), "--routes", str(tmp_path / "routes.toml")]


def test_check_says_that_all_is_well(files: list[str]) -> None:
    result = run(app, ["check", *files])
    assert result.exit_code == 0
    assert result.output.startswith("ok: 1 routes")


def test_check_names_every_broken_setting(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text(
        '[[route]]\nname = "A"\npath = "x"\n[[route]]\nname = "b"\npath = "/b"\nidle = -1\n'
    )
    result = run(app, ["check", *files, "--legacy", "nowhere", "--listen", "80"])
    assert result.exit_code == 2
    for part in ("listen", "legacy", "'name' must be", "'path' must begin", "'idle' must be"):
        assert part in result.output


def test_check_misses_a_flag_that_a_route_asks_for(files: list[str], tmp_path: Path) -> None:
    document = json.loads((tmp_path / "flags.json").read_text()) | {
        "features": [{"name": "g", "enabled": True, "strategies": []}]
    }
    (tmp_path / "flags.json").write_text(json.dumps(document))
    result = run(app, ["check", *files])
    assert result.exit_code == 2
    assert "asks for the flag 'f'" in result.output


def test_a_taken_address_is_said_plainly(files: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(app, ["serve", *files, "--listen", f"127.0.0.1:{port}", "--ops", "127.0.0.1:0"])
    assert result.exit_code == 3
    assert "cannot listen" in result.output


def test_version_is_printed() -> None:
    assert run(app, ["version"]).output.strip().count(".") == 2


@pytest.mark.parametrize("command", [[], ["serve"], ["check"], ["version"]])
def test_help_is_there(command: list[str]) -> None:
    assert run(app, [*command, "--help"]).exit_code == 0


def test_check_names_all_problems_at_once_unknown_variables_among_them(
    files: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GATEWAY_LEGCY", "http://monolith:1")
    monkeypatch.setenv("GATEWAY_TRUSTED_HOPS", "-1")
    (tmp_path / "gateway.env").write_text("GATEWAY_KEEPALIVE=9\nOTHER=1\n")
    result = run(app, ["check", *files, "--v2", "ftp://x", "--env-file", str(tmp_path / "gateway.env")])
    assert result.exit_code == 2
    for said in ("v2: ", "trusted_hops: ", "did you mean GATEWAY_LEGACY?", "did you mean GATEWAY_KEEP_ALIVE?"):
        assert said in result.output
    assert "OTHER" not in result.output
