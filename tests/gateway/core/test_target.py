"""Paths as backends may read them that tidy them up."""

import pytest

from gateway.core.target import plain_path


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        (b"/a/b", b"/a/b"),
        (b"/", b"/"),
        (b"//a///b//", b"/a/b"),
        (b"/./a/./b/.", b"/a/b"),
        (b"/x/../a/y/../b", b"/a/b"),
        (b"/../../a/b", b"/a/b"),
        (b"/a%2Fb", b"/a/b"),
        (b"/a%2fb", b"/a/b"),
        (b"/%61/b", b"/a/b"),
        (b"/a;x=1/b;y", b"/a/b"),
        (b"/x/..;/a/b", b"/a/b"),
        (b"/a\\b", b"/a/b"),
        (b"/a/b\x00c", b"/a/b"),
        (b"/a/b?c", b"/a/b"),
    ],
)
def test_a_path_is_tidied_up_as_some_backends_do(path: bytes, plain: bytes) -> None:
    assert plain_path(path) == plain
