"""The audit chain: who did what, in an order that cannot be changed unseen.

One chain a tenant, one more for the installation. ``record`` adds a link to the session; the
caller commits it together with what it records, so neither exists without the other.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from webapp import clock
from webapp.domain import redaction
from webapp.domain.actors import Actor
from webapp.extensions import db, insert_if_new
from webapp.items import Json
from webapp.models import INSTALLATION_CHAIN, AuditEntry, AuditHead, Tenant
from webapp.models.columns import new_id
from webapp.services import installation

GENESIS = "0" * 64


def record(
    actor: Actor,
    action: str,
    *,
    tenant: Tenant | None,
    resource: str = "",
    reason: str = "",
    details: Json | None = None,
) -> AuditEntry:
    """Add one link; the caller commits.

    Args:
        action: dotted, noun first: ``source.added``, ``restore.requested``.
        tenant: None for acts on the installation itself.
        resource: what it was done to, ``noun:<id>``.
        details: no content; must survive JSON. What looks like a secret is hidden.
    """
    head = _head(tenant.id if tenant else INSTALLATION_CHAIN)
    fact = Fact(action, resource, reason, details)
    entry = _link(head, actor, fact, tenant_id=tenant.id if tenant else None)
    head.seal = head_seal(head)
    db.session.add(entry)
    db.session.flush()
    return entry


class Fact(NamedTuple):
    """One act, as ``record`` takes it."""

    action: str
    resource: str = ""
    reason: str = ""
    details: Json | None = None


def record_many(actor: Actor, facts: Mapping[UUID, Sequence[Fact]]) -> None:
    """Add links for many acts of one actor, by tenant, in order; the caller commits."""
    heads = _heads(facts)
    for tenant_id, done in facts.items():
        head = heads[tenant_id]
        db.session.add_all([_link(head, actor, fact, tenant_id=tenant_id) for fact in done])
        head.seal = head_seal(head)
    db.session.flush()


def _link(head: AuditHead, actor: Actor, fact: Fact, *, tenant_id: UUID | None) -> AuditEntry:
    """The next link of the chain, which then ends there; the caller seals the head."""
    entry = AuditEntry(
        id=new_id(),
        chain=head.chain,
        tenant_id=tenant_id,
        seq=head.seq + 1,
        at=clock.now(),
        actor=actor.label,
        action=fact.action,
        resource=fact.resource,
        reason=redaction.safe(fact.reason),
        details=redaction.safe_json(dict(fact.details or {})),
        prev_hash=head.hash,
    )
    entry.hash = link_hash(entry)
    head.seq, head.hash = entry.seq, entry.hash
    return entry


def link_hash(entry: AuditEntry) -> str:
    """The keyed hash of one link over everything in it and its predecessor's hash."""
    facts: list[object] = [
        entry.prev_hash, str(entry.id), str(entry.chain), str(entry.tenant_id), entry.seq,
        entry.at.isoformat(timespec="microseconds"), entry.actor, entry.action, entry.resource,
        entry.reason, entry.details,
    ]  # fmt: skip
    return _keyed(facts)


def head_seal(head: AuditHead) -> str:
    """The keyed hash of where a chain ends."""
    return _keyed(["head", str(head.chain), head.seq, head.hash])


def _keyed(facts: list[object]) -> str:
    message = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    key = installation.ring().derive("audit chain")
    return hmac.new(key, message.encode("utf-8", "surrogatepass"), sha256).hexdigest()


def _head(chain: UUID) -> AuditHead:
    """The newest link, locked until the caller's commit: two writers cannot take one number."""
    newest = select(AuditHead).where(AuditHead.chain == chain).with_for_update()
    newest = newest.execution_options(populate_existing=True)
    head = db.session.scalar(newest)
    if head is None:  # a new chain; whoever else begins it just now is waited for
        first = {"chain": chain, "seq": 0, "hash": GENESIS, "seal": ""}
        db.session.execute(insert_if_new(AuditHead).values(first))
        head = db.session.scalars(newest).one()
    return head


def _heads(chains: Collection[UUID]) -> dict[UUID, AuditHead]:
    """The newest link of each, locked in one order, so that two writers never wait in a ring."""
    query = select(AuditHead).where(AuditHead.chain.in_(chains)).order_by(AuditHead.chain)
    found = {head.chain: head for head in db.session.scalars(query.with_for_update())}
    new = [AuditHead(chain=c, seq=0, hash=GENESIS, seal="") for c in chains if c not in found]
    db.session.add_all(new)
    return {**found, **{head.chain: head for head in new}}
