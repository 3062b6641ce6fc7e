"""Which names are one to a folder that folds."""

from __future__ import annotations

import os

import pytest

from webapp.hosts import folding
from webapp.hosts.folding import Folding

CAFE, CAFE_APART = "caf\u00e9".encode(), "cafe\u0301".encode()


@pytest.mark.parametrize(
    ("rule", "one", "other", "same"),
    [
        (Folding.NONE, b"A", b"a", False),
        (Folding.CASE, b"A", b"a", True),
        (Folding.CASE, "Straße".encode(), b"STRASSE", True),
        (Folding.CASE, CAFE, CAFE_APART, False),
        (Folding.CASE_AND_FORM, CAFE, CAFE_APART, True),
        (Folding.CASE_AND_FORM, CAFE.upper(), CAFE_APART, True),
        (Folding.CASE_AND_FORM, "CAF\u00c9".encode(), CAFE_APART, True),
        (Folding.CASE_AND_FORM, b"\xff", b"\xfe", False),
        (Folding.CASE, b"a", b"b", False),
    ],
)
def test_names_are_compared_as_the_folder_does(rule, one, other, same):
    assert (rule.key(one) == rule.key(other)) is same


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("ext4", Folding.NONE),
        ("vfat", Folding.CASE),
        ("cifs", Folding.CASE),
        ("hfsplus", Folding.CASE_AND_FORM),
    ],
)
def test_a_file_system_is_known_by_its_type(tmp_path, monkeypatch, kind, rule):
    monkeypatch.setattr(folding, "_type_of", lambda _: kind)
    folder = os.open(tmp_path, os.O_RDONLY)

    found = folding.folding_of(folder)

    os.close(folder)
    assert found is rule


def test_an_ext4_folder_that_folds_is_known_by_its_flag(tmp_path, monkeypatch):
    def flags(_, request, answer, change):
        answer[0] = 0x40000000

    monkeypatch.setattr(folding.fcntl, "ioctl", flags)
    folder = os.open(tmp_path, os.O_RDONLY)

    found = folding.folding_of(folder)

    os.close(folder)
    assert found is Folding.CASE_AND_FORM


@pytest.mark.parametrize("inside", [[], ["Name"], ["name", "NAME"], ["1"]])
def test_a_folder_of_unknown_kind_that_is_exact_is_known_by_trying(tmp_path, monkeypatch, inside):
    monkeypatch.setattr(folding, "_type_of", lambda _: "fuse.any")
    for name in inside:
        (tmp_path / name).touch()
    folder = os.open(tmp_path, os.O_RDONLY)

    found = folding.folding_of(folder)

    os.close(folder)
    assert found is Folding.NONE
    assert sorted(os.listdir(tmp_path)) == sorted(inside)


def test_an_absent_folder_takes_after_the_one_above(tmp_path):
    root = os.open(tmp_path, os.O_RDONLY)

    found = [folding.folds(root, b"absent", unless=unless) for unless in (True, False)]

    os.close(root)
    assert found == [True, False]
