"""The active branch of a conversation's message graph: what the person saw, root first.

Theory: a message graph should be one tree whose tip is `current_node`; edits and regenerated answers fork it.
Walking back from the tip therefore finds the branch and leaves abandoned ones out. Real files break each part of that
sentence, so links are first made consistent (one parent each), and a missing tip is inferred. Everything is iterative
and linear: chains of 10,000 nodes occur. Counterpart: `conversation` reads the messages on the branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from v2_service.contract import JsonValue

Node = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class _Leaf:
    """The newest tip of one tree. `time` is its own or its nearest dated ancestor's, in epoch seconds."""

    id: str
    has_message: bool
    time: float
    depth: int

    @property
    def rank(self) -> tuple[bool, float, int]:
        return self.has_message, self.time, self.depth


def active_branch(mapping: Mapping[str, JsonValue], current_node: JsonValue) -> list[str]:
    """Node ids from the first to the tip. Ends early, never loops, where links are broken or cyclic (L-55)."""
    nodes = {key: value for key, value in mapping.items() if isinstance(value, dict)}
    if isinstance(current_node, str) and current_node in nodes:
        path = _follow_own_links(current_node, nodes)
        return path if path is not None else _walk_back(current_node, _parents(nodes))
    parents = _parents(nodes)
    if not any(parents.values()):
        return _by_time(nodes)
    leaves = _best_leaves(nodes, parents)
    if not leaves:
        return []
    return _walk_back(max(leaves, key=lambda leaf: leaf.rank).id, parents)


def _follow_own_links(tip: str, nodes: Mapping[str, Node]) -> list[str] | None:
    """The walk of a sound file, which needs no index of all nodes; None as soon as a link is unsound."""
    path = [tip]
    seen = {tip}
    parent = nodes[tip].get("parent")
    while parent is not None:
        if not isinstance(parent, str) or parent not in nodes or parent in seen:
            return None
        seen.add(parent)
        path.append(parent)
        parent = nodes[parent].get("parent")
    # A real root is an empty node. A message without a parent may have lost it: then somebody lists it as a child.
    root = path[-1]
    if nodes[root].get("message") is not None and any(root in _children(node) for node in nodes.values()):
        return None
    path.reverse()
    return path


def _parents(nodes: Mapping[str, Node]) -> dict[str, str | None]:
    """One parent per node: its own link where that leads somewhere, else whoever lists it as a child."""
    listed: dict[str, str] = {}
    for key, node in nodes.items():
        for child in _children(node):
            listed.setdefault(child, key)
    parents: dict[str, str | None] = {}
    for key, node in nodes.items():
        own = node.get("parent")
        parents[key] = own if isinstance(own, str) and own in nodes and own != key else listed.get(key)
        if parents[key] == key:
            parents[key] = None
    return parents


def _children(node: Node) -> list[str]:
    children = node.get("children")
    return [child for child in children if isinstance(child, str)] if isinstance(children, list) else []


def _walk_back(tip: str, parents: Mapping[str, str | None]) -> list[str]:
    path: list[str] = []
    seen: set[str] = set()
    at: str | None = tip
    while at is not None and at not in seen:
        seen.add(at)
        path.append(at)
        at = parents[at]
    path.reverse()
    return path


def _by_time(nodes: Mapping[str, Node]) -> list[str]:
    """A mapping without a single link says nothing about branches: all of it, by time where every message has one."""
    with_message = [key for key, node in nodes.items() if isinstance(node.get("message"), dict)]
    times = {key: _time(nodes[key]) for key in with_message}
    if any(time is None for time in times.values()):
        return with_message
    return sorted(with_message, key=lambda key: times[key] or 0.0)


def _best_leaves(nodes: Mapping[str, Node], parents: Mapping[str, str | None]) -> list[_Leaf]:
    """The best tip of each tree: the newest, and among equals the last child, because siblings are stored in order."""
    children = _ordered_children(nodes, parents)
    roots = [key for key in nodes if parents[key] is None]
    seen: set[str] = set()
    leaves = [leaf for root in roots if (leaf := _best_leaf(root, nodes, children, seen))]
    # What no root reaches is a cycle; it is entered at its first node in file order.
    cycles = (_best_leaf(key, nodes, children, seen) for key in nodes if key not in seen)
    return leaves + [leaf for leaf in cycles if leaf]


def _ordered_children(nodes: Mapping[str, Node], parents: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Children as listed, then those that only point at their parent (some exporters leave the lists empty)."""
    ordered: dict[str, dict[str, None]] = {key: {} for key in nodes}
    for key, node in nodes.items():
        for child in _children(node):
            if parents.get(child) == key:
                ordered[key][child] = None
    for key, parent in parents.items():
        if parent is not None:
            ordered[parent].setdefault(key, None)
    return {key: list(children) for key, children in ordered.items()}


def _best_leaf(root: str, nodes: Mapping[str, Node], children: Mapping[str, list[str]], seen: set[str]) -> _Leaf | None:
    best: _Leaf | None = None
    stack: list[tuple[str, bool, float, int]] = [(root, False, float("-inf"), 0)]
    while stack:
        key, has_message, time, depth = stack.pop()
        if key in seen:
            continue
        seen.add(key)
        has_message = has_message or isinstance(nodes[key].get("message"), dict)
        own = _time(nodes[key])
        time = time if own is None else own
        below = [child for child in children[key] if child not in seen]
        if below:
            stack.extend((child, has_message, time, depth + 1) for child in reversed(below))
            continue
        leaf = _Leaf(key, has_message, time, depth)
        if best is None or leaf.rank[:2] >= best.rank[:2]:
            best = leaf
    return best


def _time(node: Node) -> float | None:
    message = node.get("message")
    time = message.get("create_time") if isinstance(message, dict) else None
    return time if isinstance(time, (int, float)) and not isinstance(time, bool) else None
