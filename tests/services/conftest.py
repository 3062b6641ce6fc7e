"""What tests of the engine room need: tenants, a site to protect, and a worker at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from webapp.domain.actors import SYSTEM
from webapp.domain.permissions import Permission
from webapp.extensions import db
from webapp.models import Run, Source
from webapp.services import access as gate
from webapp.services import sources, work
from webapp.services.access import Access

Enter = Callable[..., Access]
Work = Callable[[], None]


@pytest.fixture
def enter(people: dict[str, str], context: None) -> Enter:
    """Let somebody of the cast into Acme; without a name, whoever runs the command line."""

    def enter(name: str = "", *, tenant: str = "acme", to: Permission = Permission.VIEW) -> Access:
        actor = gate.actor_called(f"{name}@example.com") if name else SYSTEM
        return gate.enter(actor, tenant, to)

    return enter


@pytest.fixture
def www(tmp_path: Path, people: dict[str, str]) -> Path:
    """A folder of Acme with a few files in it."""
    folder = tmp_path / "acme" / "www"
    (folder / "img").mkdir(parents=True)
    for number in range(5):
        (folder / f"page{number}.html").write_text(f"<p>{number}</p>\n")
    (folder / "img" / "a.png").write_bytes(bytes(range(256)) * 8)
    return folder


@pytest.fixture
def website(enter: Enter, www: Path) -> Source:
    return sources.add(enter(), kind="files", name="website", config={"path": str(www)})


@pytest.fixture
def work_off(rings: list[str]) -> Work:
    """Do everything whose doorbell rang, in order, as a worker would."""

    def work_off() -> None:
        while rings:
            work.carry_out(UUID(rings.pop(0)), owner="test")
        db.session.rollback()

    return work_off


def again(run: Run) -> Run:
    """The run as the database has it now."""
    db.session.rollback()
    return db.session.get_one(Run, run.id, populate_existing=True)
