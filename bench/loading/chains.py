"""The audit logs of a past: chains with keyed hashes that the product's own check calls whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

from bench.loading import tables
from bench.loading.past import Done, Row
from webapp.domain.runs import RunType
from webapp.models import AuditEntry, AuditHead
from webapp.services import audit

_NOUNS = {RunType.CAPTURE: "capture", RunType.RESTORE: "restore", RunType.BULK: "bulk_operation"}


class _Chain:
    """One tenant's: the number and the hash of its newest link."""

    def __init__(self, tenant_id: str) -> None:
        self.id, self.seq, self.hash = UUID(tenant_id), 0, audit.GENESIS

    def link(self, run: Done, actor: str) -> Row:
        self.seq += 1
        noun = _NOUNS.get(run.run_type, run.action)
        entry = SimpleNamespace(
            id=UUID(f"{run.id[:20]}{self.seq:012x}"), chain=self.id, tenant_id=self.id,
            seq=self.seq, at=run.at, actor=actor, action=f"{noun}.ended",
            resource=f"run:{UUID(run.id)}", reason="", prev_hash=self.hash,
            details={"source": str(UUID(run.of.id)), "status": run.status.value},
        )  # fmt: skip
        self.hash = entry.hash = audit.link_hash(cast(AuditEntry, entry))
        return vars(entry)

    def head(self) -> Row:
        head = SimpleNamespace(chain=self.id, seq=self.seq, hash=self.hash)
        return {**vars(head), "seal": audit.head_seal(cast(Any, head))}


def write(runs: Sequence[Done]) -> int:
    """One link for each run that ended; how many there are."""
    chains: dict[str, _Chain] = {}

    def links() -> Iterator[Row]:
        for run in runs:
            tenant_id = run.of.tenant.id
            chain = chains.setdefault(tenant_id, _Chain(tenant_id))
            yield chain.link(run, "lastgood")

    count = tables.insert(AuditEntry, links())
    tables.insert(AuditHead, (chain.head() for chain in chains.values()))
    return count
