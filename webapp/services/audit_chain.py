"""Proves that an audit chain is whole: nothing changed, nothing missing, nothing cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from webapp.extensions import db
from webapp.models import AuditEntry, AuditHead
from webapp.services import audit

_AT_ONCE = 1000


@dataclass(frozen=True)
class Verdict:
    """Attributes:
    length: links that are as they were written, from the first on.
    first_bad_seq: number of the first link that is not, or is missing.
    head: hash of the newest link, to be kept elsewhere: a later chain must still contain it.
    """

    ok: bool
    length: int
    first_bad_seq: int | None
    head: str
    problem: str = ""


def verify(chain: UUID) -> Verdict:
    """Recompute every keyed hash of *chain* and compare numbers, links and the recorded head.

    The head row is what tells that the newest links were cut off.
    """
    head = db.session.get(AuditHead, chain, populate_existing=True)
    prev_hash, seq = audit.GENESIS, 0
    for entry in _entries(chain):
        problem = _problem(entry, seq=seq + 1, prev_hash=prev_hash)
        if problem:
            return Verdict(False, seq, seq + 1, prev_hash, problem)
        prev_hash, seq = entry.hash, entry.seq
    if head is None:
        return _without_head(seq, prev_hash)
    if head.seq > seq:
        return Verdict(False, seq, seq + 1, prev_hash, f"{head.seq - seq} entries are missing.")
    if (head.seq, head.hash, head.seal) != (seq, prev_hash, audit.head_seal(head)):
        return Verdict(False, seq, seq, prev_hash, "The recorded head is another one.")
    return Verdict(True, seq, None, prev_hash)


def length(chain: UUID) -> int:
    """How many links the chain says that it has."""
    head = db.session.get(AuditHead, chain)
    return head.seq if head else 0


def _entries(chain: UUID) -> Iterator[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.chain == chain).order_by(AuditEntry.seq)
    # As they are stored now, not as this session may remember them.
    options = {"yield_per": _AT_ONCE, "populate_existing": True}
    yield from db.session.scalars(query, execution_options=options)


def _problem(entry: AuditEntry, *, seq: int, prev_hash: str) -> str:
    if entry.seq != seq:
        return f"Entry {seq} is missing."
    if entry.prev_hash != prev_hash:
        return f"Entry {seq} does not follow the one before."
    if audit.link_hash(entry) != entry.hash:
        return f"Entry {seq} is not as it was written."
    return ""


def _without_head(seq: int, prev_hash: str) -> Verdict:
    if seq:
        return Verdict(False, seq, seq, prev_hash, "The recorded head is missing.")
    return Verdict(True, 0, None, prev_hash)
