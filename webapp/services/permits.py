"""The authority that a writer asks before every change: does the database still say yes?"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, select, update

from webapp import clock
from webapp.connectors.permits import Permit, PermitRefused
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import RestorePlan, RestoreRun, Run
from webapp.services import installation

_NO = "This run may not write any more; nothing was changed by this step."


class DatabaseAuthority:
    """Believes the database, not the permit.

    Made in the job's context; asks on connections of its own, since the job holds no transaction
    while it writes. That the rows still are what was approved is looked at once, at the start:
    the whole digest is recomputed there, and the plan cannot change its state back after.
    """

    def __init__(self) -> None:
        self._engine = db.engine
        self._lease = timedelta(seconds=installation.settings().lease_seconds)
        self._question = (
            select(
                Run.status, Run.fence, Run.lease_until, RestorePlan.state,
                RestorePlan.approved_digest,
            )
            .join(RestoreRun, RestoreRun.run_id == Run.id)
            .join(RestorePlan, RestorePlan.id == RestoreRun.plan_id)
            .where(
                Run.id == bindparam("run_id"),
                RestorePlan.id == bindparam("plan_id"),
                ~RestoreRun.is_dry_run,
            )
        )  # fmt: skip

    def confirm(self, permit: Permit) -> None:
        """Return if the run is running, owns the fence, and executes the approved plan with this
        digest. Renews the lease.

        Raises:
            PermitRefused: it does not.
        """
        asked = {"run_id": permit.run_id, "plan_id": permit.plan_id}
        expected = (RunState.RUNNING, permit.fence, PlanState.EXECUTING, permit.digest)
        now = clock.now()
        with self._engine.begin() as connection:
            row = connection.execute(self._question, asked).one_or_none()
            if row is None or not permit.digest:
                raise PermitRefused(_NO)
            status, fence, lease_until, state, digest = row
            if (status, fence, state, digest) != expected:
                raise PermitRefused(_NO)
            if lease_until is None or lease_until - now < self._lease / 2:
                connection.execute(
                    update(Run)
                    .where(Run.id == permit.run_id, Run.fence == permit.fence)
                    .values(lease_until=now + self._lease)
                )
