"""Limits and tasks: what the pipeline's own code must never do, checked on its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.sources import Module, modules

STARTERS = {"create_task", "ensure_future"}
DOORS = {"Semaphore", "BoundedSemaphore", "ThreadPoolExecutor", "ProcessPoolExecutor"}


def called(node: ast.AST) -> str:
    """The last name of what a call calls; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def dropped_tasks(module: Module) -> list[str]:
    """Tasks whose handle nobody keeps: they may vanish while they run, and nothing can wait for them."""
    groups = set(task_groups(module))
    return [
        f"{module.path}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Expr) and called(node.value) in STARTERS and owner(node.value) not in groups
    ]


def task_groups(module: Module) -> Iterator[str]:
    """Names of groups, which hold their tasks themselves and wait for them."""
    for node in ast.walk(module.tree):
        for item in node.items if isinstance(node, ast.AsyncWith) else ():
            if called(item.context_expr) == "TaskGroup" and isinstance(item.optional_vars, ast.Name):
                yield item.optional_vars.id


def owner(node: ast.expr) -> str:
    """`group` in `group.create_task(…)`."""
    function = node.func if isinstance(node, ast.Call) else None
    value = function.value if isinstance(function, ast.Attribute) else None
    return value.id if isinstance(value, ast.Name) else ""


def fixed_doors(module: Module) -> list[str]:
    """Limits of concurrency that are written as a number where they are used."""
    return [
        f"{module.path}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and called(node) in DOORS
        and any(isinstance(given, ast.Constant) and isinstance(given.value, int) for given in arguments(node))
    ]


def test_l_69_every_task_of_the_service_is_held() -> None:
    assert [place for module in modules("v2_service", "gateway") for place in dropped_tasks(module)] == []


def test_l_21_no_limit_of_concurrency_is_written_where_it_is_used() -> None:
    assert [place for module in modules("v2_service") for place in fixed_doors(module)] == []


def test_both_checks_see_what_they_look_for() -> None:
    text = "asyncio.create_task(work())\nplaces = asyncio.Semaphore(10)\nkept = asyncio.create_task(work())"
    module = Module("sample.py", text, ast.parse(text))
    assert (dropped_tasks(module), fixed_doors(module)) == (["sample.py:1"], ["sample.py:2"])
