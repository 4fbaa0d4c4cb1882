"""The package's public face."""

from __future__ import annotations

import subprocess
import sys

import v2_service.processors as processors


def test_s_13_every_public_name_exists_once() -> None:
    assert all(hasattr(processors, name) for name in processors.__all__)
    assert len(set(processors.__all__)) == len(processors.__all__)


def test_s_78_each_processor_can_be_imported_alone() -> None:
    """Each in a fresh interpreter's module table: a circular import shows only in the module that is imported first."""
    modules = (
        *("conversation_chunker", "fact_extractor", "memory_generator", "v2_regenerator", "quick_pass", "full_pass"),
        *("export", "consolidate", "reduce", "sections", "soulprint", "sampling", "errors"),
    )
    script = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    for loaded in [m for m in sys.modules if m.startswith('v2_service')]: del sys.modules[loaded]\n"
        "    importlib.import_module('v2_service.processors.' + name)\n"
        "strays = {'fastapi', 'httpx', 'dbos', 'anthropic', 'boto3', 'pydantic', 'main'} & set(sys.modules)\n"
        "assert not strays, strays\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
