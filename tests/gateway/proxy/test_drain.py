"""A listener that is about to close takes no new connection, so that the process beside it gets them all."""

import ctypes
import socket
import struct
import sys

import pytest

from gateway.proxy.drain import SO_ATTACH_FILTER, _turn_deaf


def may_filter() -> bool:
    """Whether this kernel lets this user attach the smallest filter, one that takes everything."""
    code = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0xFFFF_FFFF))
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(code)))
        except OSError:
            return False
    return True


linux = pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: the kernel's packet filter is Linux's")
filtering = pytest.mark.skipif(
    sys.platform == "linux" and not may_filter(), reason="NOT TESTED: this kernel lets no ordinary user filter packets"
)


def listener(port: int = 0) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    made.settimeout(5)
    return made


@linux
@filtering
def test_a_deaf_listener_keeps_what_it_has_and_takes_nothing_new() -> None:
    with listener() as leaving:
        address = leaving.getsockname()
        with socket.create_connection(address) as early:
            assert _turn_deaf(leaving)
            accepted, _ = leaving.accept()
            with accepted:
                early.sendall(b"still here")
                assert accepted.recv(10) == b"still here"
        with pytest.raises(TimeoutError):
            socket.create_connection(address, timeout=0.2)


@linux
@filtering
def test_a_connection_tried_meanwhile_reaches_the_other_listener_once_the_deaf_one_is_gone() -> None:
    leaving = listener()
    address = leaving.getsockname()
    assert _turn_deaf(leaving)
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(address)
        with listener(address[1]) as staying:
            leaving.close()
            accepted, peer = staying.accept()
            accepted.close()
            assert peer == client.getsockname()


def test_a_unix_listener_cannot_be_filtered() -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        assert not _turn_deaf(unix)
