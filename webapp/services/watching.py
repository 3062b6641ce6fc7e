"""Workers and the scheduler watch each other, and say so when the other has fallen silent. Where
the scheduler is dead a worker goes on telling people."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from webapp import clock
from webapp.domain import alerts as rules
from webapp.domain.channels import AT_ONCE
from webapp.extensions import db
from webapp.models import Channel, ProcessSign, User
from webapp.services import alerts
from webapp.services.notify import messages
from webapp.services.notify.bell import CONSOLE
from webapp.services.processes import SCHEDULER, WORKER, Presence, is_ahead


class _Process:
    presence: Presence | None = None
    looked_first_at: datetime | None = None


def scheduler_lives(at: datetime) -> None:
    """A step of the scheduler: say so, and look whether a worker lives, too."""
    db.session.rollback()
    _Process.presence = _Process.presence or Presence(db.engine, SCHEDULER)
    _Process.presence.show()
    _tell_of(WORKER, at=at)


def look_after_scheduler() -> None:
    """What each worker does once a minute: where the scheduler is dead, look for alerts and send
    what waits in its place."""
    at = clock.now()
    if _tell_of(SCHEDULER, at=at):
        alerts.check(at)
        messages.send_due()


def silent(*, at: datetime) -> list[str]:
    """What to say of processes that have fallen silent; nothing where all is well."""
    said = (rules.process_silent(name, since, at=at) for name, since in _seen().items())
    return [text for text in said if text]


def _tell_of(name: str, *, at: datetime) -> bool:
    """Say whether *name* is silent, and write that to MSP admins: once for each silence.

    A process that has only just started waits with its judgement: all of them may start at once.
    One that has never shown itself is not blamed for it.
    """
    since = _seen().get(name, at)
    text = rules.process_silent(name, since, at=at)
    if text is None or at - _begun(at) < rules.PROCESS_GRACE:
        db.session.rollback()
        return False
    for channel_id in _of_admins():
        messages.add(
            channel_id,
            f"silent:{name}:{since.isoformat()}",
            tenant_id=None,
            subject=f"The {name} is silent",
            body="\n".join([text, *messages.link("")]),
            at=at,
        )
    db.session.commit()
    return True


def _seen() -> dict[str, datetime]:
    """When the newest process of each sort last showed itself."""
    newest = select(ProcessSign.kind, func.max(ProcessSign.seen_at)).where(~is_ahead())
    rows = db.session.execute(newest.group_by(ProcessSign.kind))
    return {row[0]: row[1] for row in rows}


def _of_admins() -> list[UUID]:
    rows = db.session.execute(
        select(Channel.id, Channel.rules)
        .join(User, User.id == Channel.user_id)
        .where(Channel.is_enabled, Channel.kind != CONSOLE)
        .where(User.is_msp_admin, User.is_disabled.is_(False))
    )
    return [row.id for row in rows if row.rules.get("alerts") == AT_ONCE]


def _begun(at: datetime) -> datetime:
    """When this process looked for the first time."""
    _Process.looked_first_at = _Process.looked_first_at or at
    return _Process.looked_first_at
