"""What people expect of a command: it says which vault, whom to ask, and can be quiet."""

from __future__ import annotations

import os
import re
import sys

import pytest

from webapp.standalone.backups import Wish, back_up
from webapp.standalone.vaults import Where
from webapp.vault.errors import StorageUnavailable
from webapp.vault.storage.local import LocalStorage

VARIABLE = "LASTGOOD_VAULT_PASSPHRASE"


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("alpha")
    return data


def test_the_version_is_told():
    from click.testing import CliRunner

    from webapp.cli import lastgood

    ended = CliRunner().invoke(lastgood, ["--version"])

    assert re.fullmatch(r"lastgood (\d+\.\d+\.\d+\S*|of a source tree.*)\n", ended.output)


def test_labels_that_were_given_later_stand_in_the_list(vault, place, data):
    vault("backup", place, data, "--source", "www", "--tag", "first")
    for words in (["tag", "later"], ["pin"], ["hold", "--reason", "case", "--until", "2090-01-31"]):
        assert vault(words[0], place, "latest", *words[1:]).code == 0

    shown = vault("snapshots", place).out
    (one,) = vault("snapshots", place, "--json").data

    assert "www  [pinned]  [held until 2090-01-31]  #first  #later\n" in shown
    assert (one["tags"], one["pinned"], one["good"]) == (["first", "later"], True, True)
    assert [held["reason"] for held in one["holds"]] == ["case"]


def test_the_list_has_a_head_and_tells_what_is_incomplete(vault, place, data):
    assert vault("snapshots", place).out == "0 snapshots\n"
    vault("backup", place, data, data.parent / "none", "--source", "www")

    head, line, count = vault("snapshots", place).out.splitlines()

    assert head.index("Source") == line.index("www")
    assert line.endswith("www  [incomplete]")
    assert count == "1 snapshot"
    assert max(map(len, (head, line))) < 80


def test_the_list_can_be_cut_down(vault, place, data):
    for tags in (["a"], ["a", "b"], ["b"]):
        vault("backup", place, data, *(f"--tag={tag}" for tag in tags))

    assert len(vault("snapshots", place, "--json", "--tag", "a").data) == 2
    assert len(vault("snapshots", place, "--json", "--tag", "a", "--tag", "b").data) == 1
    assert [one["tags"] for one in vault("snapshots", place, "--json", "-n", 1).data] == [["b"]]


def test_names_that_others_chose_cannot_steer_the_terminal(vault, place, data):
    evil = "www\x1b[31m\u202e\n2nd"
    (data / "red\x1b[31m").touch()
    vault("backup", place, data, "--source", evil, "--tag", "t\x07", "--exclude", "red*")
    ended = [
        vault("snapshots", place),
        vault("backup", place, data, "--source", evil, "--exclude", "red*"),
        vault("forget", place, "--keep-last", 1, "--dry-run"),
        vault("find", place, "a"),
        vault("pin", place, "latest"),
    ]

    assert r"www\x1b[31m\x202e\x0a2nd" in ended[0].out
    assert not re.search("[\x07\x1b\u202e]", "".join(one.out + one.err for one in ended))
    assert "left out as asked, the first being /" in ended[1].err


def test_quiet_says_nothing_if_all_goes_well(vault, place, data, tmp_path):
    for words in (
        ["backup", place, data],
        ["restore", place, "latest", "--target", tmp_path / "out"],
        ["verify", place, "--read-data"],
        ["forget", place, "--keep-last", 1],
        ["prune", place],
        ["export", place, "latest", "--output", tmp_path / "a.tar"],
        ["repair", place],
    ):
        ended = vault(*words, "--quiet")
        assert (ended.code, ended.out, ended.err) == (0, "", ""), words


def test_quiet_does_not_speak_of_what_was_left_out_as_asked(vault, place, data):
    (data / "x.tmp").touch()

    loud = vault("backup", place, data, "--exclude", "*.tmp")
    ended = vault("backup", place, data, "--exclude", "*.tmp", "--quiet")

    assert "1 left out as asked" in loud.err
    assert (ended.out, ended.err) == ("", "")


def test_quiet_still_tells_what_is_wrong(vault, place, data):
    ended = vault("backup", place, data, data.parent / "none", "-q")

    assert ended.code == 3
    assert "none does not exist" in ended.err
    assert "1 could not be read" in ended.out


def test_a_command_gives_the_passphrase(vault, place, monkeypatch):
    told = os.environ[VARIABLE]
    monkeypatch.delenv(VARIABLE)
    program = f"{sys.executable} -c 'print(\"{told}\"); print(2)'"

    by_option = vault("snapshots", place, "--passphrase-command", program)
    monkeypatch.setenv(f"{VARIABLE}_COMMAND", program)

    assert by_option.code == 0
    assert vault("snapshots", place).code == 0


@pytest.mark.parametrize(
    ("command", "why"),
    [("false", "ended with code 1"), ("/no/such", "No such file"), ("a 'b", "No closing")],
)
def test_a_command_that_gives_none_is_named(vault, place, command, why):
    ended = vault("snapshots", place, "--passphrase-command", command)

    assert ended.code == 2
    assert command in ended.err
    assert why in ended.err


def test_a_passphrase_comes_from_one_place(vault, place, tmp_path):
    ended = vault(
        "ls", place, "latest", "--passphrase-command", "true", "--passphrase-file", tmp_path / "f"
    )

    assert ended.code == 2
    assert "not both" in ended.err


def test_a_copy_says_which_of_both_vaults_did_not_open(vault, place, tmp_path, monkeypatch):
    second = tmp_path / "second"
    vault("init", second)
    monkeypatch.setenv("LASTGOOD_VAULT_TO_PASSPHRASE", "wrong")

    wrong = vault("copy", place, second)
    none = vault("copy", place, tmp_path / "none")

    assert wrong.code == 12
    assert f"{second}: This passphrase" in wrong.err
    assert "Check LASTGOOD_VAULT_TO_PASSPHRASE." in wrong.err
    assert none.code == 10
    assert f"{tmp_path / 'none'}: There is no vault here." in none.err


def test_a_vault_is_not_copied_into_itself(vault, place, data, monkeypatch):
    vault("backup", place, data)
    monkeypatch.setenv("LASTGOOD_VAULT_TO_PASSPHRASE", os.environ[VARIABLE])

    ended = vault("copy", place, place)

    assert ended.code == 2
    assert "needs a vault of its own" in ended.err


def test_below_a_link_in_the_target_one_line_says_what_is_blocked(vault, place, data, tmp_path):
    (data / "sub").mkdir()
    for number in range(20):
        (data / "sub" / str(number)).touch()
    vault("backup", place, data)
    target = tmp_path / "target"
    (target / str(data)[1:]).mkdir(parents=True)
    (target / str(data)[1:] / "sub").symlink_to(tmp_path)

    ended = vault("restore", place, "latest", "--target", target)

    assert ended.code == 3
    assert ended.err.count("\n") == 1
    assert ended.err.startswith(f"! {data}/sub  There is a link")
    assert "21 blocked, 0 failed." in ended.out


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (["backup", "DATA"], "Nothing unfinished is visible"),
        (["restore", "latest", "--target", "OUT"], "it goes on where it was"),
        (["dump", "latest", "/x"], "not the whole file"),
    ],
)
def test_ctrl_c_says_what_became_of_it(vault, place, data, tmp_path, monkeypatch, verb, words):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("webapp.standalone.vaults.Vault.open", stop)
    known = {"DATA": data, "OUT": tmp_path / "out"}

    ended = vault(verb[0], place, *(known.get(word, word) for word in verb[1:]))

    assert ended.code == 130
    assert words in ended.err


def test_a_new_vault_says_what_to_do_at_once(vault, tmp_path):
    made = vault("init", tmp_path / "with space")

    command = made.out.splitlines()[-1].strip()
    assert command == f"lastgood vault sheet '{tmp_path}/with space' --output sheet.html"
    assert vault("init", tmp_path / "other", "--json").data["vault_id"]


def test_verbose_names_each_entry_that_is_restored(vault, place, data, tmp_path):
    vault("backup", place, data)

    ended = vault("restore", place, "latest", "--target", tmp_path / "out", "-v")

    assert f"+ {data}/a\n" in ended.err
    assert "1 created" not in ended.err


def test_a_verdict_stands_below_its_source(vault, place, data):
    for source in ("a", "b"):
        for _ in range(2):
            vault("backup", place, data, "--source", source)

    lines = vault("forget", place, "--keep-last", 1, "--dry-run").out.splitlines()

    assert [line.split()[0] for line in lines[:-1]] == ["a:", "keep", "drop", "b:", "keep", "drop"]
    assert lines[-1] == "2 kept, 2 would be forgotten."


def test_a_place_that_does_not_answer_is_said_once_while_it_is_tried(vault, place, monkeypatch):
    class Silent(LocalStorage):
        """Answers at the fifth call."""

        calls = 0

        def get(self, name, *, offset=0, length=None):
            Silent.calls += 1
            if Silent.calls < 5:
                raise StorageUnavailable("not now")
            return super().get(name, offset=offset, length=length)

    waited = []
    monkeypatch.setattr("webapp.standalone.vaults.open_storage", lambda *_: Silent(place))
    monkeypatch.setattr("webapp.standalone.vaults.time.sleep", waited.append)

    ended = vault("snapshots", place)

    assert (ended.code, ended.out) == (0, "0 snapshots\n")
    assert ended.err == f"lastgood: {place} does not answer. Trying for a minute …\n"
    assert len(waited) == 4


def test_a_short_pause_is_not_worth_a_word(vault, place, monkeypatch):
    class Hiccup(LocalStorage):
        """Fails once."""

        calls = 0

        def get(self, name, *, offset=0, length=None):
            Hiccup.calls += 1
            if Hiccup.calls == 1:
                raise StorageUnavailable("not now")
            return super().get(name, offset=offset, length=length)

    monkeypatch.setattr("webapp.standalone.vaults.open_storage", lambda *_: Hiccup(place))
    monkeypatch.setattr("webapp.standalone.vaults.time.sleep", lambda seconds: None)

    assert vault("snapshots", place).err == ""
    assert Hiccup.calls > 1


def test_the_bar_takes_it_that_there_is_as_much_as_last_time(vault, place, data):
    told = []
    where = Where(address=str(place), passphrase=os.environ[VARIABLE])

    for estimate, expected in ((True, {0}), (True, {5}), (False, {0})):
        told.clear()
        back_up(
            where,
            Wish(paths=(str(data),), source="www", estimate=estimate),
            say=pytest.fail,
            mention=pytest.fail,
            tell=lambda done, total, words: told.append(total),
        )
        assert set(told) == expected
