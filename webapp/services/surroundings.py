"""Where a connector may go for a tenant, and the scratch folder of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from webapp.connectors.base import Surroundings
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Run, Tenant
from webapp.services import installation
from webapp.services.claims import Claim


def of(tenant: Tenant, scratch: Path) -> Surroundings:
    """The folders granted to *tenant*, and our own that nothing may reach into.

    The demo's site lies in the data folder; it is open to the demo tenant only.
    """
    settings = installation.settings()
    return Surroundings(
        roots=tuple(Path(root) for root in tenant.granted_roots),
        own_data=settings.own_data,
        exempt=(settings.demo_site,) if tenant.is_demo else (),
        scratch=scratch,
    )


@contextmanager
def prepared(claim: Claim) -> Iterator[Surroundings]:
    """The surroundings of a run, with a private scratch folder that is gone afterwards.

    Ends the transaction under way.
    """
    tenant = db.session.get_one(Tenant, claim.tenant_id)
    scratch = installation.settings().scratch / f"{claim.run_id}.{claim.fence}"
    around = of(tenant, scratch)
    db.session.rollback()
    scratch.parent.mkdir(mode=0o700, exist_ok=True)
    scratch.mkdir(mode=0o700)
    try:
        yield around
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def tidy() -> int:
    """Remove the scratch folders that dead workers left behind; return how many."""
    base = installation.settings().scratch
    if not base.is_dir():
        return 0
    folders = list(base.iterdir())  # before the query: a folder made later is not looked at
    running = {
        f"{run_id}.{fence}"
        for run_id, fence in db.session.execute(
            select(Run.id, Run.fence).where(Run.status == RunState.RUNNING)
        )
    }
    db.session.rollback()
    leftovers = [found for found in folders if found.name not in running and _is_ours(found)]
    for found in leftovers:
        shutil.rmtree(found, ignore_errors=True)
    return len(leftovers)


def _is_ours(found: Path) -> bool:
    name, _, fence = found.name.partition(".")
    try:
        return bool(UUID(name)) and fence.isdecimal()
    except ValueError:
        return False
