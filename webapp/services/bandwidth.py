"""How fast captures read: one budget for the installation, one a customer, one a host.

A budget is shared by all captures on one machine, whichever worker process does them (see
``hosts.pacing``). A capture pays into all three, so the smallest decides. What is set or lifted
while it runs holds within seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from sqlalchemy import and_, or_, select

from webapp.extensions import db
from webapp.hosts.pacing import Bucket, Pace
from webapp.models import Limit, LimitScope
from webapp.services import installation
from webapp.services.claims import Claim

REFRESH_SECONDS = 5.0
_SLICE_SECONDS = 0.2  # a wait is interrupted that soon, by who stops the run

Subject = tuple[LimitScope, str]


def subjects_of(tenant_id: UUID, host: str) -> tuple[Subject, ...]:
    """Whose limits hold for a capture, as the rows of limits name them."""
    return (
        (LimitScope.INSTALLATION, ""),
        (LimitScope.TENANT, str(tenant_id)),
        (LimitScope.HOST, f"{tenant_id}/{host}"),
    )


class Budget:
    """What a capture tells of each stretch that it read; waits if that was too fast.

    Raises from its calls what ``Claim.check`` does. A fork of the process has it, too, and asks
    the database nothing.
    """

    def __init__(
        self,
        claim: Claim,
        host: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._claim, self._monotonic, self._sleep = claim, monotonic, sleep
        self._subjects = subjects_of(claim.tenant_id, host)
        folder = installation.settings().home / "bandwidth"
        self._buckets = {
            subject: Bucket(path=_file(folder, subject), monotonic=monotonic)
            for subject in self._subjects
        }
        self._pace = Pace(tuple(self._buckets.values()), rest=self._rest)
        self._process, self._next_look = os.getpid(), 0.0
        self.bytes_per_second: int | None = None
        self.refresh()

    def __call__(self, size_bytes: int) -> None:
        if self._monotonic() >= self._next_look and os.getpid() == self._process:
            self.refresh()
        self._pace(size_bytes)

    def refresh(self) -> None:
        """Take over what the limits say now."""
        rates = _rates(self._subjects)
        for subject, bucket in self._buckets.items():
            bucket.set_rate(rates.get(subject))
        self.bytes_per_second = min(rates.values(), default=None)
        self._next_look = self._monotonic() + REFRESH_SECONDS

    def _rest(self, seconds: float) -> None:
        until = self._monotonic() + seconds
        while (left := until - self._monotonic()) > 0:
            self._claim.check()
            self._sleep(min(left, _SLICE_SECONDS))


def _rates(subjects: Iterable[Subject]) -> dict[Subject, int]:
    """The limits that are set. Leaves no transaction open."""
    named = [and_(Limit.scope == scope, Limit.subject == subject) for scope, subject in subjects]
    query = select(Limit.scope, Limit.subject, Limit.bytes_per_second).where(or_(*named))
    db.session.rollback()
    rows = db.session.execute(query)
    found = {(scope, subject): rate for scope, subject, rate in rows if rate is not None}
    db.session.rollback()
    return found


def _file(folder: Path, subject: Subject) -> Path:
    """Names of hosts may hold anything, and be of any length."""
    scope, name = subject
    tenant, _, host = name.partition("/")
    of_host = f"-{sha256(host.encode()).hexdigest()[:24]}" if host else ""
    return folder / f"{scope}-{tenant}{of_host}"
