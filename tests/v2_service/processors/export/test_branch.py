"""The active branch: sound graphs, and each way in which a real file's graph is not sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import message, node
from v2_service.contract import JsonObject, JsonValue
from v2_service.processors.export.branch import active_branch


def graph(*nodes: JsonObject) -> JsonObject:
    return {str(one["id"]): one for one in nodes}


def said(text: str, time: JsonValue = None) -> JsonObject:
    return message(text, create_time=time)


FORK = graph(
    node("root", None, ["q"]),
    node("q", "root", ["old", "new"], said("q", 1)),
    node("old", "q", [], said("old", 2)),
    node("new", "q", ["end"], said("new", 3)),
    node("end", "new", [], said("end", 4)),
)


def test_the_walk_goes_back_from_current_node() -> None:
    assert active_branch(FORK, "old") == ["root", "q", "old"]
    assert active_branch(FORK, "end") == ["root", "q", "new", "end"]


def test_without_current_node_the_newest_leaf_is_the_tip() -> None:
    assert active_branch(FORK, None) == ["root", "q", "new", "end"]


def test_a_current_node_that_does_not_exist_is_inferred() -> None:
    assert active_branch(FORK, "gone") == ["root", "q", "new", "end"]
    assert active_branch(FORK, 7) == ["root", "q", "new", "end"]


def test_the_newest_leaf_wins_even_when_it_is_the_first_child() -> None:
    forked = graph(node("r", None, ["a", "b"]), node("a", "r", [], said("a", 9)), node("b", "r", [], said("b", 5)))
    assert active_branch(forked, None) == ["r", "a"]


def test_without_times_the_last_child_is_taken() -> None:
    forked = graph(node("r", None, ["a", "b"]), node("b", "r", [], said("b")), node("a", "r", [], said("a")))
    assert active_branch(forked, None) == ["r", "b"]


def test_children_that_only_name_their_parent_are_found() -> None:
    loose = graph(node("r", None), node("a", "r", [], said("a")), node("b", "a", [], said("b")))
    assert active_branch(loose, None) == ["r", "a", "b"]


def test_parents_that_only_list_their_children_are_found() -> None:
    loose = graph(node("r", None, ["a"]), node("a", None, ["b"], said("a")), node("b", None, [], said("b")))
    assert active_branch(loose, None) == ["r", "a", "b"]
    assert active_branch(loose, "b") == ["r", "a", "b"]


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_roots_the_one_with_the_newest_message_counts(order: int) -> None:
    trees = [node("r1", None, ["a"]), node("a", "r1", [], said("a", 5)), node("r2", None, ["b"])]
    trees.append(node("b", "r2", [], said("b", 3)))
    assert active_branch(graph(*trees[::order]), None) == ["r1", "a"]


def test_an_empty_stray_root_never_wins() -> None:
    stray = graph(node("r", None, ["a"]), node("a", "r", [], said("a")), node("stray", None))
    assert active_branch(stray, None) == ["r", "a"]


def test_a_broken_link_ends_the_walk_without_an_error() -> None:
    broken = graph(node("a", "gone", ["b"], said("a")), node("b", "a", [], said("b")))
    assert active_branch(broken, "b") == ["a", "b"]


def test_l_55_a_parent_cycle_ends_the_walk() -> None:
    cycle = graph(node("a", "b", ["b"], said("a")), node("b", "a", ["a"], said("b")))
    assert sorted(active_branch(cycle, "b")) == ["a", "b"]
    assert sorted(active_branch(cycle, None)) == ["a", "b"]


def test_a_node_that_is_its_own_parent_is_a_root() -> None:
    assert active_branch(graph(node("a", "a", ["a"], said("a"))), None) == ["a"]


def test_a_mapping_without_links_is_read_by_time() -> None:
    flat = graph(node("x", None, [], said("x", 2)), node("y", None, [], said("y", 1)))
    assert active_branch(flat, None) == ["y", "x"]


def test_a_mapping_without_links_and_times_is_read_in_file_order() -> None:
    flat = graph(node("x", None, [], said("x")), node("y", None, [], said("y", 1)))
    assert active_branch(flat, None) == ["x", "y"]


def test_nodes_and_links_of_any_type_are_survived() -> None:
    odd: JsonObject = {
        "a": None,
        "b": 3,
        "c": {"parent": 5, "children": "x", "message": said("c")},
        "d": {"children": [1]},
    }
    assert active_branch(odd, None) == ["c"]
    assert active_branch({}, None) == []
    assert active_branch({}, "x") == []


def test_a_chain_of_ten_thousand_nodes_is_walked() -> None:
    keys = [f"n{index}" for index in range(10_000)]
    long: JsonObject = {
        key: node(key, keys[index - 1] if index else None, keys[index + 1 : index + 2], said("x"))
        for index, key in enumerate(keys)
    }
    assert active_branch(long, keys[-1]) == keys
    assert active_branch(long, None) == keys


@st.composite
def trees(draw: st.DrawFn) -> list[int | None]:
    """Parent index of each node; node 0 is the root."""
    size = draw(st.integers(1, 30))
    return [None, *(draw(st.integers(0, index - 1)) for index in range(1, size))]


def tree_graph(parents: list[int | None], order: list[int], *, listed: bool) -> JsonObject:
    children: dict[int, list[str]] = {index: [] for index in range(len(parents))}
    for index, parent in enumerate(parents):
        if parent is not None and listed:
            children[parent].append(f"n{index}")
    return {
        f"n{index}": node(
            f"n{index}",
            None if parents[index] is None else f"n{parents[index]}",
            children[index],
            said(str(index), index + 1) if index else None,
        )
        for index in order
    }


@given(trees(), st.data(), st.booleans())
def test_any_tip_gives_its_ancestors_in_any_file_order(
    parents: list[int | None], data: st.DataObject, listed: bool
) -> None:
    order = data.draw(st.permutations(range(len(parents))))
    tip = data.draw(st.integers(0, len(parents) - 1))
    expected: list[str] = []
    at: int | None = tip
    while at is not None:
        expected.insert(0, f"n{at}")
        at = parents[at]
    assert active_branch(tree_graph(parents, order, listed=listed), f"n{tip}") == expected


@given(trees(), st.data())
def test_the_inferred_tip_is_a_leaf_and_the_newest(parents: list[int | None], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(parents))))
    path = active_branch(tree_graph(parents, order, listed=True), None)
    # Times grow with the index and a child comes after its parent: the newest leaf is the last node.
    assert path[-1:] == ([f"n{len(parents) - 1}"] if len(parents) > 1 else [])


links = st.one_of(st.none(), st.integers(0, 9).map(lambda index: f"n{index}"), st.just("gone"), st.integers())


@given(
    st.dictionaries(
        st.integers(0, 9).map(lambda index: f"n{index}"),
        st.fixed_dictionaries({"parent": links, "children": st.one_of(st.none(), st.lists(links, max_size=4))}),
    ),
    links,
)
def test_no_graph_loops_or_visits_a_node_twice(mapping: JsonObject, current: JsonValue) -> None:
    path = active_branch(mapping, current)
    assert len(path) == len(set(path))
    assert set(path) <= mapping.keys()
