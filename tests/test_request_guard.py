"""The guard that watches requests notices what it must, or the tests that use it prove nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.request_guard import watching


def open_a_file(path):
    path.read_text()


def list_a_folder(path):
    os.listdir(path.parent)


def start_a_program(_path):
    subprocess.run([sys.executable, "--version"], check=True, capture_output=True)


def connect(_path):
    with socket.socket() as one:
        one.connect_ex(("127.0.0.1", 9))


@pytest.mark.parametrize("act", [open_a_file, list_a_folder, start_a_program, connect])
def test_reaching_for_more_than_the_database_is_noticed(tmp_path, act):
    path = tmp_path / "customer.txt"
    path.write_text("theirs")

    with watching(tmp_path / "lastgood.db") as reached_for:
        act(path)

    assert reached_for != []


def test_what_happens_before_and_after_is_not_noticed(tmp_path):
    with watching(tmp_path / "lastgood.db") as reached_for:
        pass
    (tmp_path / "later.txt").write_text("later")

    assert reached_for == []
