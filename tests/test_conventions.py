"""House rules that a machine can hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from webapp.assets import icon_names
from webapp.cli import lastgood
from webapp.cli.vault import VERBS
from webapp.settings import VARIABLES

ROOT = Path(__file__).parent.parent
WEBAPP = ROOT / "webapp"
MODULES = sorted(WEBAPP.rglob("*.py"))
TEMPLATES = sorted((WEBAPP / "templates").rglob("*.html"))
README = (ROOT / "README.md").read_text()

LONGEST_MODULE, LONGEST_FUNCTION, LONGEST_PAGE, LONGEST_FRAGMENT = 300, 40, 150, 60


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, without the docstring."""
    whole = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return whole - ((first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_outgrows_its_budget(path):
    text = path.read_text()
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert text.count("\n") <= LONGEST_MODULE
    assert [f.name for f in functions if lines_of_code(f) > LONGEST_FUNCTION] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_third_parameter_is_named_by_its_caller(path):
    functions = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]

    def is_too_wide(function: ast.FunctionDef) -> bool:
        named = [a.arg for a in function.args.args if a.arg not in {"self", "cls"}]
        return len(named) + len(function.args.kwonlyargs) > 6

    assert [f.name for f in functions if is_too_wide(f)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_no_template_outgrows_its_budget(path):
    limit = LONGEST_FRAGMENT if path.name.startswith("_") else LONGEST_PAGE

    assert path.read_text().count("\n") <= limit


def test_nothing_is_left_to_do_later():
    files = [*MODULES, *TEMPLATES, *sorted((ROOT / "tests").rglob("*.py"))]
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")

    assert [name_of(path) for path in files if marks.search(path.read_text())] == []


def test_locks_hold_no_addresses():
    locks = [*(ROOT / "requirements").glob("*.lock"), WEBAPP / "assets" / "package-lock.json"]

    assert len(locks) == 3
    assert [name_of(path) for path in locks if "://" in path.read_text()] == []


def test_every_icon_that_a_page_names_is_in_the_list():
    named = {
        name
        for path in TEMPLATES
        for name in re.findall(r"\bicon\(\s*['\"]([a-z0-9-]+)['\"]", path.read_text())
    }

    assert named - set(icon_names()) == set()


def members(group: click.Group) -> dict[str, click.Command]:
    """A group's commands; those that are imported when used, too."""
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def commands(group: click.Group, prefix: str = "") -> Iterator[str]:
    """Every command's words, such as ``restore preview``."""
    for name, command in members(group).items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


def test_the_readme_names_every_command():
    listed = set(re.findall(r"^lastgood ([a-z][a-z-]*(?: [a-z-]+)?)", README, re.MULTILINE))

    # Of ``vault key add`` and the like, ``vault key`` is enough.
    missing = [name for name in commands(lastgood) if " ".join(name.split()[:2]) not in listed]

    assert missing == []


def test_the_readme_names_no_command_that_is_not_there():
    groups = [name for name, one in members(lastgood).items() if isinstance(one, click.Group)]
    real = {*commands(lastgood), *groups, *(f"vault {verb}" for verb in VERBS)}
    listed = re.findall(r"^lastgood ([a-z][a-z-]*)(?: ([a-z-]+))?", README, re.MULTILINE)

    unknown = [
        f"{noun} {verb}".strip()
        for noun, verb in listed
        if (f"{noun} {verb}" if noun in groups else noun) not in real
    ]

    assert unknown == []


def test_every_command_has_an_example():
    def leaves(group: click.Group) -> Iterator[click.Command]:
        for command in members(group).values():
            if isinstance(command, click.Group):
                yield from leaves(command)
            else:
                yield command

    assert [c.name for c in leaves(lastgood) if "Example" not in (c.help or "")] == []


def test_the_readme_names_every_setting_and_no_other():
    listed = set(re.findall(r"^\| `LASTGOOD_([A-Z_]+)`", README, re.MULTILINE))

    assert listed == set(VARIABLES)


DELETING = {"removing.py", "storage"}  # below the vault's folder
MAY_DELETE = {"ground", "self._ground", "self"}  # a prune's own, which removes like all others


def deletes(tree: ast.AST) -> Iterator[str]:
    """Whose ``delete`` is named anywhere in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "delete":
            yield ast.unparse(node.value)


def test_only_one_function_of_the_vault_deletes():
    """It reads ``config`` again before each, so that no release collects a later one's data."""
    vault = WEBAPP / "vault"
    modules = [
        path
        for folder in (vault, WEBAPP / "standalone", WEBAPP / "cli" / "vault")
        for path in sorted(folder.rglob("*.py"))
        if path.relative_to(folder).parts[0] not in DELETING
    ]

    found = {
        name_of(path): others
        for path in modules
        if (others := set(deletes(ast.parse(path.read_text()))) - MAY_DELETE)
    }

    assert len(modules) > 100
    assert found == {}
