"""Text diffs that can be shown."""

from __future__ import annotations

import time

import pytest

from webapp.connectors import diff


@pytest.mark.parametrize(
    "line",
    [
        "password = hunter2", "DB_PASSWORD=hunter2", "password: hunter2", '"api_key": "hunter2",',
        "define('AUTH_SALT', 'hunter2');", "'secret' => 'hunter2',", "token:hunter2",
        "db.pass = hunter2", "url = mysql://shop:hunter2@localhost/shop",
        "$key = 'hunter2';", "AWS_SECRET_ACCESS_KEY=hunter2", "passwords: hunter2",
    ],
)  # fmt: skip
def test_secrets_are_masked(line):
    (shown,) = diff.masked([line])

    assert "hunter2" not in shown
    assert "[masked]" in shown


@pytest.mark.parametrize(
    "line",
    [
        "author: Ada",
        "monkey = 1",
        "tokenize: x",
        "secretary: Bob",
        "keyboard: qwerty",
        "compass: north",
        "<h1>Shop</h1>",
        "a = b",
    ],
)  # fmt: skip
def test_other_lines_are_shown_as_they_are(line):
    assert diff.masked([line]) == [line]


def test_a_private_key_is_masked_as_a_whole():
    lines = ["-----BEGIN PRIVATE KEY-----\n", "aGVsbG8\n", "-----END PRIVATE KEY-----\n", "x\n"]

    assert diff.masked(lines) == [lines[0], "[masked]\n", lines[2], "x\n"]


def test_a_change_deep_in_a_file_names_its_lines():
    now = [f"{number}\n" for number in range(1000)]
    then = [*now[:500], "changed\n", *now[501:]]

    text = diff.unified("".join(now), "".join(then))

    assert text.splitlines() == [
        "--- now", "+++ backup", "@@ -498,7 +498,7 @@",
        " 497", " 498", " 499", "-500", "+changed", " 501", " 502", " 503",
    ]  # fmt: skip


def test_a_file_without_its_last_newline_is_said_to_be():
    assert "\\ No newline at end of file" in diff.unified("a\nb", "a\nc\n")


def test_a_diff_stays_small():
    text = diff.unified("x" * 200_000 + "\n", "y" * 200_000 + "\n")

    assert len(text) <= diff.LARGEST_DIFF_BYTES
    assert text.endswith("left out]\n")


@pytest.mark.parametrize("part", ["x", "key", "pass_", "://", "a-", "password ", "://a:"])
def test_a_line_as_long_as_a_file_takes_no_time(part):
    line = (part * 250_000)[:250_000]
    began = time.process_time()

    diff.masked([line])

    assert time.process_time() - began < 2


def test_two_texts_with_nothing_in_common_are_not_compared():
    now, then = ("".join(f"{letter}{n}\n" for n in range(9000)) for letter in "ab")

    assert diff.unified(now, then) is None


@pytest.mark.parametrize(
    "data", [b"a\x00b", b"\xff\xfe", b"x" * (256 * 1024 + 1)], ids=["zero", "not utf-8", "large"]
)
def test_what_is_no_short_text_is_not_compared(data):
    assert diff.text_of(data) is None
