"""Nothing that is sent to an address somebody typed reaches a private network."""

from __future__ import annotations

import socket
import threading

import pytest

from webapp.hosts import public_addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "::1", "::", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::1", "ff02::1", "/run/docker.sock",
        "localhost", "",
    ],
)  # fmt: skip
def test_a_private_address_is_not_public(address):
    assert not public_addresses.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is(address):
    assert public_addresses.is_public(address)


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


def test_a_connection_inside_the_network_is_refused_before_it_is_made(listener):
    listener.setblocking(False)

    with public_addresses.only() as guard, pytest.raises(public_addresses.NotPublic):
        socket.create_connection(listener.getsockname(), timeout=5)

    assert guard.refused == ["127.0.0.1"]
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_a_socket_of_this_machine_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as client, public_addresses.only():  # noqa: SIM117
        with pytest.raises(public_addresses.NotPublic):
            client.connect(str(tmp_path / "socket"))


def test_other_threads_connect_as_before(listener):
    def connect() -> None:
        socket.create_connection(listener.getsockname(), timeout=5).close()

    thread = threading.Thread(target=connect)
    with public_addresses.only():
        thread.start()
        thread.join()
    connection, _ = listener.accept()
    connection.close()


def test_afterwards_everything_is_as_before(listener):
    with public_addresses.only():
        pass

    socket.create_connection(listener.getsockname(), timeout=5).close()
    listener.accept()[0].close()
