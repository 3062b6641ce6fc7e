"""Restoring the console itself: on an empty machine, with the master key off the recovery sheet.

What went on after the backup is not known here. So whatever was under way ends, and says why;
nothing that writes to a customer's data begins by itself; and everybody signs in again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, or_, select, update

from webapp.domain.actors import Actor
from webapp.domain.outcomes import Counted
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState, RunType
from webapp.errors import Refused
from webapp.extensions import db
from webapp.items import Json
from webapp.models import (
    ChannelMessage,
    MessageState,
    ProcessSign,
    RestorePlan,
    Run,
    Tenant,
    VaultRecord,
)
from webapp.services import audit, installation, keys, plan_states, run_ends
from webapp.services.console_backups import make_whole
from webapp.services.moving import sqlite_file
from webapp.services.run_ends import CLOSERS, Ending
from webapp.settings import Settings

CODE = "console_restored"
STAGING = ".restoring"
RESTORED = "restored"
_MAY_BE_THERE = {"vaults", "lost+found", "master.key", "secret.key", STAGING, RESTORED}
_WRITES = (RunType.RESTORE, RunType.BULK)
_RAN = "It was under way when the console was backed up, on {}. What became of it is not known."
_WAITED = (
    "It waited when the console was backed up, on {}, and may have been carried out since. Start "
    "it again if it is still wanted."
)
_NOT_SENT = "The console was restored from a backup; this may have been sent before."


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What was done to the rows of a restored console.

    Attributes:
        ended: runs that were under way, or might have written.
        waiting: runs that a worker will begin.
        away: tenants whose vault is not in the data folder, and where it belongs.
    """

    ended: int
    waiting: int
    plans: int
    away: dict[str, str]


def require_room(settings: Settings) -> None:
    """Make sure that nothing is overwritten. Tenants' vaults and the keys may be there already.

    Raises:
        Refused: ``not_empty``.
    """
    home, file = settings.home, sqlite_file(settings.database_url)
    found = sorted({one.name for one in home.iterdir()} - _MAY_BE_THERE) if home.is_dir() else []
    if home.exists() and not home.is_dir():
        raise Refused("not_empty", f"{home} is a file. Name a folder.")
    if found:
        raise Refused("not_empty", f"{home} is not empty: it holds {found[0]}. Name a new folder.")
    if file is not None and file.exists():
        raise Refused("not_empty", f"There is a database already: {file}.")


def require_key(settings: Settings, text: str, *, facts: Json) -> bytes:
    """The master key that *text* holds, if it is the one that the backup needs.

    Raises:
        Refused: ``wrong_key``.
    """
    needed = str(facts.get("key_fingerprint", ""))
    master = keys.parsed(text)
    if keys.fingerprint_of(master) != needed:
        raise Refused(
            "wrong_key",
            f"This is the master key {keys.fingerprint_of(master)}, but the backup needs "
            f"{needed}: take it from the recovery sheet of that console.",
        )
    there = settings.master_key_file
    if there.exists() and keys.fingerprint_of(keys.parsed(there.read_text())) != needed:
        raise Refused("wrong_key", f"{there} holds another master key. Move it away first.")
    return master


def settle(actor: Actor, *, facts: Json, snapshot_id: str, at: datetime) -> Settled:
    """Make the rows true for a console that begins again, and commit.

    Args:
        facts: what the backup says of itself.
    """
    copied_at = datetime.fromisoformat(str(facts["copied_at"]))
    keys.adopt_secret(installation.ring())
    _forget_what_was_said()
    plans = _expire_plans()
    ended = _end_runs(copied_at)
    db.session.execute(delete(ProcessSign))
    details = {"snapshot_id": snapshot_id, "copied_at": copied_at.isoformat(), "ended": ended}
    audit.record(actor, "console.restored", tenant=None, details=details)
    db.session.commit()
    waits = select(func.count(Run.id)).where(Run.status == RunState.QUEUED)
    waiting = db.session.scalar(waits) or 0
    settled = Settled(ended=ended, waiting=waiting, plans=plans, away=dict(_away()))
    db.session.rollback()
    return settled


def put_in_place(staged: Path, place: Path) -> None:
    """Move the database to where it is used; the last step, after which all is there."""
    make_whole(staged)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.move(staged, place)


def _forget_what_was_said() -> None:
    """Messages that waited may have gone out since."""
    waits = ChannelMessage.state == MessageState.WAITING
    given_up = {"state": MessageState.GIVEN_UP, "last_error": _NOT_SENT}
    db.session.execute(update(ChannelMessage).where(waits).values(given_up))


def _expire_plans() -> int:
    """A preview shows a target as it was before the backup."""
    found = db.session.scalars(
        update(RestorePlan)
        .where(RestorePlan.state.in_(plan_states.OPEN))
        .values(state=PlanState.EXPIRED)
        .returning(RestorePlan.id)
        .execution_options(synchronize_session=False)
    )
    return len(found.all())


def _end_runs(copied_at: datetime) -> int:
    """End what was under way, and of what waited that which writes outside the vault."""
    might = (Run.status == RunState.QUEUED) & Run.run_type.in_(_WRITES)
    query = select(Run).where(or_(Run.status == RunState.RUNNING, might))
    runs = db.session.scalars(query.order_by(Run.queued_at, Run.id)).all()
    for run in runs:
        _end(run, copied_at)
    return len(runs)


def _end(run: Run, copied_at: datetime) -> None:
    words = _RAN if run.status is RunState.RUNNING else _WAITED
    also = CLOSERS.get(run.run_type)
    done = run.succeeded if also or run.run_type is RunType.MAINTENANCE else 0
    if done and run.status is RunState.QUEUED:
        run.move_to(RunState.RUNNING, at=copied_at)  # it had begun, and waited for its next try
    counted = Counted(done=done, error_code=CODE)
    sentence = words.format(f"{copied_at:%Y-%m-%d %H:%M} UTC")
    run_ends.end(run, Ending(counted=counted, error_code=CODE, failure_reason=sentence, also=also))


def _away() -> Iterator[tuple[str, str]]:
    vaults = installation.settings().vaults
    query = select(Tenant.slug, VaultRecord.location).join(
        VaultRecord, VaultRecord.tenant_id == Tenant.id
    )
    for slug, location in db.session.execute(query.order_by(Tenant.slug)):
        if not (vaults / location).is_dir():
            yield slug, str(vaults / location)
