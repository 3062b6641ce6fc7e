"""``lastgood vault sheet``: what is on paper opens a vault that has lost its keys."""

from __future__ import annotations

import json
import re
import shutil
from xml.etree import ElementTree

import pytest
import zxingcpp

from tests.cli.vault.test_reader import read  # noqa: F401, a fixture
from tests.vault.sources import MemorySource, Notes, file
from webapp.vault import Damaged, LocalStorage, Passphrase, Vault, documents
from webapp.vault.transfer import sheets

PASSPHRASE = "correct horse"


@pytest.fixture
def filled(place):
    """A vault with a snapshot."""
    opened = Vault.open(LocalStorage(place), wrap=Passphrase(PASSPHRASE))
    opened.backup(MemorySource((file(b"tree/a"), b"content")), name="a", report=Notes())
    return place


def lose_keys(place):
    shutil.rmtree(place / "keys")
    shutil.rmtree(place / "keys-copy")


def test_a_vault_without_keys_asks_for_the_sheet_and_not_for_the_passphrase(vault, filled):
    lose_keys(filled)

    ended = vault("snapshots", filled)

    assert ended.code == 12
    assert "lastgood vault key restore VAULT SHEET" in ended.err
    assert "Check" not in ended.err


def decoded(rows: list[list[bool]]) -> str:
    """What a scanner reads, given the dark places of a picture."""
    dots = [
        [0 if dark else 255 for dark in row for _ in range(4)] for row in rows for _ in range(4)
    ]
    image = memoryview(b"".join(map(bytes, dots))).cast("B", shape=[len(dots), len(dots[0])])
    (found,) = zxingcpp.read_barcodes(image)
    return found.text


def code_in_html(text: str) -> str:
    """Draws the page's picture: horizontal strokes, each ``M x y h length``."""
    svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", text, re.DOTALL)[0])
    side = int(svg.get("width")) // 4
    rows = [[False] * side for _ in range(side)]
    path = svg.find(".//{*}path").get("d")
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            for at in range(int(x), int(x + values[0])):
                rows[int(y)][at] = True
            x += values[0]
    return decoded(rows)


def code_in_text(text: str) -> str:
    lines = text[text.index(sheets.END) :].splitlines()[2:]
    width = max(map(len, lines)) + 4
    pairs = [[" ▀▄█".index(mark) for mark in line.ljust(width)] for line in lines]
    rows = [[bool(both & bit) for both in line] for line in pairs for bit in (1, 2)]
    empty = [[False] * width] * 4
    return decoded([*empty, *rows, *empty])


@pytest.mark.parametrize(
    ("ending", "scan"), [("html", code_in_html), ("txt", code_in_text)], ids=["html", "text"]
)
def test_what_the_code_says_opens_a_vault_without_keys(vault, filled, tmp_path, ending, scan):
    sheet = tmp_path / f"sheet.{ending}"
    assert vault("sheet", filled, "--output", sheet).code == 0
    lose_keys(filled)
    assert vault("snapshots", filled).code == 12

    (tmp_path / "code").write_text(scan(sheet.read_text()))
    assert vault("key", "restore", filled, tmp_path / "code").code == 0

    assert vault("verify", filled, "--read-data").code == 0
    assert len(json.loads(vault("snapshots", filled, "--json").out)) == 1


@pytest.mark.parametrize("ending", ["html", "txt"])
def test_the_sheet_itself_is_enough_for_the_reader(vault, filled, read, tmp_path, ending):  # noqa: F811
    sheet = tmp_path / f"sheet.{ending}"
    (tmp_path / "same").write_text(PASSPHRASE)
    label = ("--label", "a <b> & c   d", "--new-passphrase-file", tmp_path / "same")
    assert vault("key", "rotate", filled, *label).code == 0
    assert vault("sheet", filled, "--output", sheet).code == 0
    lose_keys(filled)

    ended = read(filled, "--sheet", sheet, "restore", "latest", tmp_path / "out")
    wrong = read(filled, "--sheet", sheet, "list", passphrase="wrong")

    assert (ended.returncode, wrong.returncode) == (0, 12)
    assert (tmp_path / "out" / "tree" / "a").read_bytes() == b"content"


def test_the_sheet_alone_opens_nothing_and_holds_no_passphrase(vault, filled, tmp_path):
    vault("sheet", filled, "--output", tmp_path / "sheet.html")
    text = (tmp_path / "sheet.html").read_text()
    master = Vault.open(LocalStorage(filled), wrap=Passphrase(PASSPHRASE))._engine.ring.master

    assert PASSPHRASE not in text
    assert master.hex() not in text
    assert (tmp_path / "sheet.html").stat().st_mode & 0o777 == 0o600


def test_the_page_needs_nothing_else_and_runs_nothing(vault, filled, tmp_path):
    vault("sheet", filled, "--output", tmp_path / "sheet.html")
    text = (tmp_path / "sheet.html").read_text()

    links = re.findall(r"(?:src|href|url)\s*[=(]", text)
    assert links == []
    assert "<script" not in text
    for word in (str(filled), "lastgood-reader.py", "lastgood vault key restore"):
        assert word in text


def test_without_a_file_it_is_printed(vault, filled):
    ended = vault("sheet", filled)
    facts = json.loads(vault("sheet", filled, "--json").out)

    assert ended.code == 0
    assert code_in_text(ended.out) == facts["code"]
    assert sheets.read(ended.out)["id"] == facts["key"]


def test_an_existing_file_and_another_kind_are_refused(vault, filled, tmp_path):
    (tmp_path / "there.txt").write_text("mine")

    there = vault("sheet", filled, "--output", tmp_path / "there.txt")
    other = vault("sheet", filled, "--output", tmp_path / "sheet.pdf")

    assert (there.code, other.code) == (2, 2)
    assert (tmp_path / "there.txt").read_text() == "mine"


@pytest.mark.parametrize("label", ["", "a" * 200, "many   spaces " * 30, "<b>&amp;</b>", "ä\n"])
def test_a_slot_comes_back_from_its_lines(label):
    slot = {"what": "lastgood key", "id": "ab", "label": label, "box": "f" * 96}

    text = sheets.block(slot)

    assert sheets.read(text) == slot
    assert sheets.read(text.replace("\n", "  \r\n\n ")) == slot
    assert sheets.read(sheets.exact(slot)) == slot
    assert max(map(len, text.splitlines())) <= 64
    assert documents.encode(slot).decode() == sheets.exact(slot)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n",
        sheets.BEGIN,
        sheets.exact({"what": "lastgood vault", "id": "ab"}),
        sheets.exact({"what": "lastgood key", "id": "../ab"}),
        sheets.block({"what": "lastgood key", "id": "ab"}).replace("ab", "ac"),
    ],
)
def test_what_is_no_slot_is_refused(text):
    with pytest.raises(Damaged):
        sheets.read(text)


def test_the_address_leads_there_from_any_folder(vault, filled, monkeypatch):
    monkeypatch.chdir(filled.parent)

    printed = vault("sheet", filled.name).out

    assert f"Address:     {filled}" in printed
