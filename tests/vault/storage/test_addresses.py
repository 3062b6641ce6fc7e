"""What people write to say where a vault lies."""

from __future__ import annotations

import pytest

from webapp.vault.errors import BadAddress
from webapp.vault.storage.addresses import open_storage


def test_a_folder_need_not_exist_and_is_not_made_yet(tmp_path):
    storage = open_storage(str(tmp_path / "new" / "vault"))

    assert not (tmp_path / "new").exists()
    storage.put("a", b"1")
    assert (tmp_path / "new/vault/a").read_bytes() == b"1"


def test_a_relative_folder_stays_the_same_when_the_program_moves(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    storage = open_storage("../vault")
    monkeypatch.chdir("/")

    storage.put("a", b"1")

    assert (tmp_path / "vault/a").read_bytes() == b"1"


def test_a_tilde_is_the_home_folder(tmp_path):
    open_storage("~/vault", {"HOME": str(tmp_path)}).put("a", b"1")

    assert (tmp_path / "vault/a").read_bytes() == b"1"


@pytest.mark.parametrize("below", ["", "/vault"], ids=["itself", "below it"])
def test_a_file_is_no_vault(tmp_path, below):
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(BadAddress, match=r"notes.txt is a file. A vault is a folder"):
        open_storage(f"{tmp_path}/notes.txt{below}")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "no place for a vault"),
        ("  ", "no place for a vault"),
        ("a\0b", "no place for a vault"),
        ("ftp://host/path", "cannot lie at ftp://"),
        ("~nobody-of-this-name/vault", "Nobody here is called nobody-of-this-name"),
    ],
)
def test_says_what_is_wrong_with_an_address(address, words):
    with pytest.raises(BadAddress, match=words):
        open_storage(address)


def test_what_stands_before_an_unknown_scheme_is_all_that_is_repeated():
    with pytest.raises(BadAddress) as caught:
        open_storage("sftp://me:secret@host/path")

    assert "secret" not in str(caught.value)
