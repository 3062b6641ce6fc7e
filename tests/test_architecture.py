"""What import contracts cannot say: lists of what is allowed, and what lies where."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WEBAPP = ROOT / "webapp"
TOP_LEVEL = {"webapp", "migrations", "tests", "docs", "bench"}
BUILT = {"build", "dist", "instance"}

# package: what of ours it may import. The contracts in pyproject.toml say what of others not.
ALLOWED = {
    "vault/storage": {"vault.storage", "vault.errors"},
    "vault": {"vault", "items", "clock"},
    "hosts": {"hosts", "errors", "items"},
    "connectors": {"connectors", "hosts", "items", "errors", "clock"},
    "domain": {"domain", "errors"},
    "forms": {"forms", "domain", "errors"},
    "models": {"models", "domain", "extensions", "clock"},
}


def imported(path: Path) -> set[str]:
    """The full names that *path* imports, also those inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_its_layer_may(package):
    allowed = {f"webapp.{name}" for name in ALLOWED[package]}

    strays = [
        (path.relative_to(WEBAPP).as_posix(), name)
        for path in sorted((WEBAPP / package).rglob("*.py"))
        for name in sorted(imported(path))
        if within(name, {"webapp"}) and not within(name, allowed)
    ]

    assert strays == []


def test_boto3_is_loaded_by_the_s3_storage_alone():
    users = [
        path.relative_to(WEBAPP).as_posix()
        for path in sorted(WEBAPP.rglob("*.py"))
        if any(within(name, {"boto3", "botocore"}) for name in imported(path))
    ]

    assert [user for user in users if not user.startswith("vault/storage/s3")] == []


def test_folders_that_hold_code_are_the_agreed_ones():
    folders = [path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."]

    holders = {folder.name for folder in folders if sorted(folder.rglob("*.py"))}

    assert holders - TOP_LEVEL - BUILT == set()


def test_no_page_brings_style_or_script_of_its_own():
    inline = [
        path.relative_to(WEBAPP).as_posix()
        for path in sorted((WEBAPP / "templates").rglob("*.html"))
        if any(mark in path.read_text() for mark in ("style=", "<style", "<script>", "onclick="))
    ]

    assert inline == []


def test_only_the_carrying_out_of_a_restore_opens_a_writer():
    openers = [
        path.relative_to(WEBAPP).as_posix()
        for path in sorted(WEBAPP.rglob("*.py"))
        if "webapp.connectors.writing.open_for_writing" in imported(path)
    ]

    assert openers == ["services/applying.py"]
