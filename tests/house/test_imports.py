"""The arrows between the rooms, and what a sans-I/O core may not touch."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.house.sources import ROOMS, Module, modules

# room -> rooms of ours that it may import
ARROWS = {
    "flags": {"flags"},
    "gateway": {"gateway", "flags"},
    "v2_service": {"v2_service"},
    "legacy": {"legacy"},
    "sandbox": {"sandbox"},
}

# Folders and files that decide and never act.
# The guard's statistics, judgement and plan are pure too; beside them stand the files that run it.
GUARD = (
    *("beta", "bets", "cohorts", "durations", "errors", "evidence", "failure_count", "failures", "history"),
    *("job_queue", "judge", "plan", "plots", "rule", "rule_table", "shares", "slowness", "steps", "tallies"),
    *("user_mix", "users", "verdict"),
)
CORES = ("gateway/core/", "v2_service/processors/", *(f"gateway/rollout/{name}.py" for name in GUARD))
CORE_FORBIDDEN = {
    "asyncio",
    "concurrent",
    "httpx",
    "logging",
    "multiprocessing",
    "os",
    "random",
    "requests",
    "secrets",
    "select",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "time",
    "urllib.request",
    "uvloop",
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_along_its_arrows(room: str) -> None:
    strays = [
        f"{module.path} imports {name}"
        for module in modules(room)
        for name in module.imports()
        if name.partition(".")[0] in ROOMS and name.partition(".")[0] not in ARROWS[room]
    ]
    assert strays == []


def test_no_room_imports_the_tests() -> None:
    strays = [module.path for module in modules(*ROOMS) for name in module.imports() if name.startswith("tests")]
    assert strays == []


def core_modules() -> list[Module]:
    return [module for module in modules("gateway", "v2_service") if module.path.startswith(CORES)]


def test_cores_do_no_io_and_hold_no_clock_dice_or_logger() -> None:
    strays = [
        f"{module.path} imports {name}"
        for module in core_modules()
        for name in module.imports()
        if name in CORE_FORBIDDEN or name.partition(".")[0] in CORE_FORBIDDEN
    ]
    assert strays == []


def test_cores_are_not_async() -> None:
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    strays = [
        module.path for module in core_modules() if any(isinstance(node, kinds) for node in ast.walk(module.tree))
    ]
    assert strays == []


def test_the_cores_exist() -> None:
    """Guards the tests above: they would pass on an empty folder."""
    paths = [module.path for module in core_modules()]
    assert {prefix for prefix in CORES if any(path.startswith(prefix) for path in paths)} == set(CORES)


def test_legacy_is_one_file() -> None:
    assert [module.path for module in modules("legacy") if module.text.strip()] == ["legacy/main.py"]


def test_the_proxy_worker_loads_no_framework() -> None:
    """Worker processes stay small because FastAPI and pydantic live in the supervisor alone."""
    forbidden = {"fastapi", "pydantic", "pydantic_settings", "prometheus_client", "starlette", "typer", "rich"}
    strays = [
        f"{module.path} imports {name}"
        for module in modules("gateway/core", "gateway/proxy")
        for name in module.imports()
        if name.partition(".")[0] in forbidden
    ]
    assert strays == []


def test_a_worker_loads_the_cryptography_library_only_for_routes_that_want_tokens() -> None:
    command = (
        "import sys, gateway.proxy.worker, gateway.app; sys.exit(bool({'jwt', 'cryptography'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


def test_no_wildcard_or_relative_imports() -> None:
    strays = [
        f"{module.path}:{node.lineno}"
        for module in modules(*ROOMS, "tests")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.level or any(alias.name == "*" for alias in node.names))
    ]
    assert strays == []


def test_importing_the_pipeline_alone_succeeds() -> None:
    """S-77, S-78: no processor needs the service, and none imports a `main`."""
    command = [sys.executable, "-c", "import v2_service.processors.full_pass"]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""
