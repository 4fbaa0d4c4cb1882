"""One idea per file, short functions, the domain's names, nothing unfinished."""

from __future__ import annotations

import re
import subprocess

from tests.house.installed import installed
from tests.house.sources import REPOSITORY, ROOMS, modules

MAX_LINES = 400
MAX_FUNCTION_LINES = 60
# May only shrink. The monolith is one file because that is what a monolith is.
LONG_FILES = {"legacy/main.py"}
LONG_FUNCTIONS: set[str] = set()
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "lib"}


def test_no_file_outgrows_one_idea() -> None:
    long = {module.path for module in modules(*ROOMS, "tests") if module.lines > MAX_LINES}
    assert long - LONG_FILES == set()


def test_no_function_outgrows_a_screen() -> None:
    long = {
        f"{module.path}:{function.name}"
        for module in modules(*ROOMS)
        for function in module.functions()
        if (function.end_lineno or 0) - function.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long - LONG_FUNCTIONS == set()


def test_files_and_folders_are_named_with_nouns_of_the_domain() -> None:
    vague = [
        module.path
        for module in modules(*ROOMS, "tests")
        if VAGUE_NAMES & set(module.path.removesuffix(".py").split("/"))
    ]
    assert vague == []


def test_every_module_says_what_it_is() -> None:
    import ast

    silent = [
        module.path for module in modules(*ROOMS, "tests") if module.text.strip() and not ast.get_docstring(module.tree)
    ]
    assert silent == []


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
    found = [module.path for module in modules(*ROOMS, "bench") if marks.search(module.text)]
    assert found == []


def test_silenced_checks_give_their_reason() -> None:
    silenced = re.compile(r"#\s*(noqa|type:\s*ignore)")
    reasoned = re.compile(r"#\s*(noqa: [A-Z0-9, ]+|type:\s*ignore\[[a-z-, ]+\])\s*(--?|#)\s*\S+")
    found = [
        f"{module.path}:{number}"
        for module in modules(*ROOMS, "tests")
        for number, line in enumerate(module.text.splitlines(), 1)
        if silenced.search(line) and not reasoned.search(line) and "re.compile" not in line
    ]
    assert found == []


def test_the_repository_names_no_machine_and_no_package_host() -> None:
    """The clone stands alone: no absolute path of anybody's machine, no package registry's address."""
    hosts = "|".join(("py" + "pi.org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian"))
    paths = "|".join(("/" + "work/", "/" + "root/", "/" + "home/[a-z]"))
    found = subprocess.run(
        [installed("git"), "grep", "-nIE", f"({hosts}|{paths})", "--", ".", ":!tests/data"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert found.stdout == ""
