"""Ports of the stack: the documented ones when they are free, announced others when they are not."""

from __future__ import annotations

import socket

from sandbox.stack.ports import LOOPBACK, Ports, choose, is_free

WANTED = Ports()


def test_free_defaults_are_kept_in_silence() -> None:
    said: list[str] = []
    assert choose(WANTED, said.append, free=lambda port: True) == WANTED
    assert said == []


def test_a_taken_port_is_replaced_and_named() -> None:
    said: list[str] = []
    chosen = choose(WANTED, said.append, free=lambda port: port != WANTED.public)
    assert chosen.public != WANTED.public
    assert (chosen.ops, chosen.legacy, chosen.v2, chosen.sandbox) == (9090, 10000, 8002, 54321)
    assert said == [f"port 8080 (public) is taken; using {chosen.public} instead"]


def test_zero_means_any_port_and_is_not_worth_a_word() -> None:
    said: list[str] = []
    chosen = choose(Ports(0, 0, 0, 0, 0), said.append)
    assert len({chosen.public, chosen.ops, chosen.legacy, chosen.v2, chosen.sandbox}) == 5
    assert said == []


def test_two_listeners_never_share_a_port() -> None:
    chosen = choose(Ports(public=8080, ops=8080), lambda _: None, free=lambda port: True)
    assert chosen.public == 8080
    assert chosen.ops != 8080


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)
