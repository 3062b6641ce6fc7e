"""Messages to channels: written in the transaction of what they tell, sent by the scheduler.

A row is unique by channel and key, so nothing is told twice. Sending claims the row first: of
several schedulers one sends it. What fails is tried again with growing pauses for a day.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from webapp import clock
from webapp.domain.messages import next_try
from webapp.domain.redaction import safe
from webapp.extensions import db
from webapp.models import Channel, ChannelMessage, Membership, MessageState, User
from webapp.services import installation
from webapp.services.notify import outside
from webapp.services.notify.outside import Address, Letter, NotSent

log = logging.getLogger(__name__)

_CLAIMED = timedelta(minutes=10)  # longer than any sending takes
_KEPT = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class _Taken:
    id: UUID
    tries: int
    created_at: datetime
    address: Address
    letter: Letter = field(repr=False)


def add(
    channel_id: UUID, key: str, *, tenant_id: UUID | None, subject: str, body: str, at: datetime
) -> bool:
    """Write a message, unless one with this key is there; say whether it is new. The caller
    commits."""
    message = ChannelMessage(
        channel_id=channel_id,
        tenant_id=tenant_id,
        key=key,
        subject=" ".join(safe(subject).split())[:200],
        body=safe(body),
        next_try_at=at,
        created_at=at,
    )
    try:
        with db.session.begin_nested():
            db.session.add(message)
    except IntegrityError:
        return False
    return True


def link(path: str) -> list[str]:
    """A line with the address of a page, if the installation's own address is known."""
    public = installation.settings().public_url
    return ["", f"{public}/{path}"] if public else []


def send_due(
    *, longest_seconds: float = 30.0, monotonic: Callable[[], float] = time.monotonic
) -> int:
    """Send what is due, one after the other, for no longer than about *longest_seconds*.

    Returns:
        How many went out.
    """
    until, sent = monotonic() + longest_seconds, 0
    while monotonic() < until:
        message_id = _claim(clock.now())
        if message_id is None:
            break
        sent += _send(message_id)
    return sent


def forget_old(at: datetime) -> None:
    """Drop what was sent or given up a month ago. A step of the scheduler; commits."""
    db.session.execute(
        delete(ChannelMessage)
        .where(ChannelMessage.state != MessageState.WAITING, ChannelMessage.created_at < at - _KEPT)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()


def _claim(at: datetime) -> UUID | None:
    """Take the message that has been due the longest. Commits, so that no lock is held while it
    is sent; if this process dies meanwhile, the message is due again later."""
    db.session.rollback()
    is_due = (ChannelMessage.state == MessageState.WAITING) & (ChannelMessage.next_try_at <= at)
    oldest = (
        select(ChannelMessage.id)
        .where(is_due)
        .order_by(ChannelMessage.next_try_at)
        .limit(1)
        .scalar_subquery()
    )
    message_id = db.session.scalar(
        update(ChannelMessage)
        .where(ChannelMessage.id == oldest, is_due)
        .values(next_try_at=at + _CLAIMED, tries=ChannelMessage.tries + 1)
        .returning(ChannelMessage.id)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    return message_id


def _send(message_id: UUID) -> bool:
    taken = _open(message_id)
    if taken is None:
        _note(message_id, state=MessageState.GIVEN_UP, last_error="Nobody is to get it any more.")
        return False
    try:
        outside.send(taken.address, taken.letter)
    except NotSent as problem:
        _failed(taken, problem)
        return False
    except Exception:
        log.exception("message %s was not sent", message_id)
        _failed(taken, NotSent("Something unexpected happened; the log has the details."))
        return False
    _note(message_id, state=MessageState.SENT, sent_at=clock.now(), last_error="")
    return True


def _open(message_id: UUID) -> _Taken | None:
    """What is needed to send it, with no transaction left open; None if it has no reader now."""
    message = db.session.get_one(ChannelMessage, message_id, populate_existing=True)
    channel = db.session.get_one(Channel, message.channel_id, populate_existing=True)
    taken = None
    if channel.is_enabled and _may_hear(channel, message.tenant_id):
        sealed = installation.unseal(channel.url_sealed, purpose=f"channel:{channel.id}")
        taken = _Taken(
            id=message.id,
            tries=message.tries,
            created_at=message.created_at,
            address=Address(kind=channel.kind, url=sealed),
            letter=Letter(id=message.id, subject=message.subject, body=message.body),
        )
    db.session.rollback()
    return taken


def _may_hear(channel: Channel, tenant_id: UUID | None) -> bool:
    """A person may have lost the right since the message was written."""
    if channel.user_id is None:
        return True
    user = db.session.get_one(User, channel.user_id)
    if user.is_disabled or user.is_msp_admin or tenant_id is None:
        return not user.is_disabled
    role = select(Membership.id).where(
        Membership.user_id == user.id, Membership.tenant_id == tenant_id
    )
    return db.session.scalar(role) is not None


def _failed(taken: _Taken, problem: NotSent) -> None:
    now = clock.now()
    chance = secrets.randbelow(1000) / 1000
    then = next_try(taken.tries, created_at=taken.created_at, at=now, chance=chance)
    if problem.is_final or then is None:
        _note(taken.id, state=MessageState.GIVEN_UP, last_error=str(problem))
    else:
        _note(taken.id, next_try_at=then, last_error=str(problem))
    log.warning("message %s was not sent: %s", taken.id, problem)


def _note(message_id: UUID, **values: object) -> None:
    db.session.execute(
        update(ChannelMessage)
        .where(ChannelMessage.id == message_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
