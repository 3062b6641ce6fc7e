"""``lastgood tenant`` and ``lastgood user``."""

from __future__ import annotations

import pytest

PASSWORD = "a rather long sentence\n"


def test_a_folder_that_cannot_be_granted_leaves_no_tenant_behind(shell, settings):
    ended = shell("tenant", "add", "acme", "--name", "Acme", "--grant-root", str(settings.home))

    assert ended.code == 1
    assert "its own data" in ended.err
    assert shell("tenant", "list", "--json").data == []


def test_a_tenant_is_added_with_its_folder(shell, acme):
    found = shell("tenant", "list", "--json").data

    assert [(row["slug"], row["granted_roots"]) for row in found] == [("acme", [str(acme)])]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("tenant", "add", "acme", "--name", "Again"), 1),
        (("tenant", "add", "Bad Slug", "--name", "X"), 1),
        (("tenant", "add", "x", "--name", "X", "--timezone", "Mars/Olympus"), 1),
        (("tenant", "add", "x"), 2),
        (("tenant", "grant-root", "acme", "/no/such/folder"), 2),
        (("tenant", "grant-root", "acme", "/"), 1),
        (("tenant", "suspend", "nowhere"), 4),
        (("tenant", "activate", "acme"), 4),
        (("user", "add", "nonsense"), 2),
        (("user", "add", "x@example.com", "--tenant", "acme"), 2),
        (("user", "add", "x@example.com", "--tenant", "acme", "--role", "king"), 2),
        (("user", "disable", "nobody@example.com"), 4),
        (("audit", "verify", "nowhere"), 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_what_cannot_be_done_exits_as_promised(shell, acme, arguments, code):
    ended = shell(*arguments)

    assert ended.code == code
    assert ended.err
    assert "Traceback" not in ended.err


def test_a_link_is_followed_once_so_that_what_is_granted_is_what_was_meant(shell, acme, tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)

    granted = shell("tenant", "grant-root", "acme", str(link), "--json").data["granted_roots"]

    assert str(real) in granted
    assert str(link) not in granted


def test_a_link_into_our_own_data_is_seen_through(shell, acme, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "home")

    assert shell("tenant", "grant-root", "acme", str(link)).code == 1


def test_a_folder_that_another_customer_has_is_granted_with_a_warning(shell, acme):
    shell("tenant", "add", "globex", "--name", "Globex")

    ended = shell("tenant", "grant-root", "globex", str(acme))

    assert ended.code == 0
    assert "Careful: Acme" in ended.err


def test_a_tenant_can_rest_and_come_back(shell, acme):
    assert shell("tenant", "suspend", "acme", "--json").data["status"] == "suspended"
    assert shell("tenant", "activate", "acme", "--json").data["status"] == "active"
    assert shell("tenant", "leave", "acme", "--json").data["status"] == "leaving"


def test_a_person_is_added_with_role_and_password(shell, acme):
    made = shell(
        "user", "add", "Olga@Example.com", "--tenant", "acme", "--role", "operator",
        "--password-stdin", "--json", stdin=PASSWORD,
    ).data  # fmt: skip

    assert made["email"] == "olga@example.com"
    assert made["has_password"]
    assert made["link"] is None
    assert made["memberships"] == [{"tenant": "acme", "role": "operator", "content": False}]


def test_a_person_without_a_password_gets_a_link(shell, acme):
    made = shell("user", "add", "olga@example.com", "--admin", "--json").data

    assert "/link/" in made["link"]


def test_a_password_never_stands_in_the_output(shell, acme):
    ended = shell("user", "add", "olga@example.com", "--password-stdin", stdin=PASSWORD)

    assert PASSWORD.strip() not in ended.out + ended.err


def test_as_a_manager_one_has_a_manager_s_rights(shell, acme):
    shell("user", "add", "anna@example.com", "--tenant", "acme", "--role", "manager")
    invite = ("user", "add", "bob@example.com", "--tenant", "acme", "--role", "viewer")

    assert shell(*invite, "--as", "anna@example.com").code == 0
    assert shell("user", "list", "--as", "anna@example.com").code == 4
    assert shell("tenant", "suspend", "acme", "--as", "anna@example.com").code == 4
    assert shell("tenant", "list", "--as", "nobody@example.com").code == 4


def test_the_actor_is_named_in_the_audit_log(shell, acme):
    shell("user", "add", "anna@example.com", "--tenant", "acme", "--role", "manager")
    invite = ("user", "add", "bob@example.com", "--tenant", "acme", "--role", "viewer")
    shell(*invite, "--as", "anna@example.com")

    entries = shell("audit", "list", "acme", "--json").data

    assert entries[0]["actor"] == "anna@example.com"
    assert entries[-1]["actor"].startswith("cli:")


def test_a_disabled_person_acts_no_more(shell, acme):
    shell("user", "add", "anna@example.com", "--tenant", "acme", "--role", "manager")

    assert shell("user", "disable", "anna@example.com", "--json").data["is_disabled"]

    assert shell("tenant", "list", "--as", "anna@example.com").code == 4
