"""Which snapshots stay: forgetting, bringing back, and what is said about one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.errors import Invalid
from webapp.standalone.listing import labelled
from webapp.standalone.naming import snapshot_called
from webapp.standalone.vaults import Where, opened
from webapp.vault.errors import SnapshotMissing
from webapp.vault.retention.forgetting import ForgetReport, undo_until_ns
from webapp.vault.retention.rules import Policy
from webapp.vault.snapshots import Snapshot, moment
from webapp.vault.vault import Vault

Document = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What to keep of each source; numbers of snapshots, of ``within`` days."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: float = 0.0
    tags: tuple[str, ...] = ()

    def policy(self) -> Policy:
        return Policy(
            last=self.last,
            hourly=self.hourly,
            daily=self.daily,
            weekly=self.weekly,
            monthly=self.monthly,
            yearly=self.yearly,
            within_days=self.within,
            tags=frozenset(self.tags),
        )


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person wants forgotten: by rules, or the named snapshots."""

    rules: Rules
    sources: tuple[str, ...] = ()
    snapshots: tuple[str, ...] = ()
    dry_run: bool = False
    even_last: bool = False
    trust_clock: bool = False


def forget(where: Where, wish: Wish) -> Document:
    """Put snapshots out of sight; what ``--json`` prints.

    Raises:
        Invalid: neither rules nor snapshots were given, or both.
        Halted: a brake.
    """
    policy = wish.rules.policy()
    if bool(wish.snapshots) is not policy.is_empty:
        raise Invalid(
            {"rules": "Give rules such as --keep-daily 7, or the snapshots to forget; not both."}
        )
    with opened(where) as vault:
        report = vault.forget(
            policy,
            names=wish.sources or None,
            snapshots=[snapshot_called(vault, one).id for one in wish.snapshots],
            dry_run=wish.dry_run,
            even_last=wish.even_last,
            trust_clock=wish.trust_clock,
        )
    return _document(report, dry_run=wish.dry_run)


def bring_back(where: Where, names: Sequence[str]) -> list[Document]:
    """Undo a forget. Raises ``SnapshotMissing`` if one of them cannot be brought back."""
    with opened(where) as vault:
        return [_brief(vault.unforget(_forgotten(vault, name).id)) for name in names]


def forgotten(where: Where) -> list[Document]:
    """What can yet be brought back, newest first."""
    with opened(where) as vault:
        labels = vault.labels()
        return [
            {
                **_brief(one),
                "rule": ", ".join(entry.text for entry in labels[one.id].forgotten),
                "until": moment(undo_until_ns(labels[one.id])).isoformat(),
            }
            for one in vault.forgotten()
        ]


def tag(
    where: Where, snapshot: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Document:
    """Give a snapshot tags, or take some away; then say what holds of it."""
    with opened(where) as vault:
        found = snapshot_called(vault, snapshot)
        vault.tag(found.id, *add)
        vault.tag(found.id, *remove, remove=True)
        return _labelled(vault, found)


def pin(where: Where, snapshot: str, *, remove: bool) -> Document:
    with opened(where) as vault:
        found = snapshot_called(vault, snapshot)
        vault.pin(found.id, remove=remove)
        return _labelled(vault, found)


def hold(where: Where, snapshot: str, *, reason: str, until: datetime | None) -> Document:
    with opened(where) as vault:
        found = snapshot_called(vault, snapshot)
        vault.hold(found.id, reason=reason, until=until)
        return _labelled(vault, found)


def release(where: Where, snapshot: str) -> Document:
    with opened(where) as vault:
        found = snapshot_called(vault, snapshot)
        vault.release(found.id)
        return _labelled(vault, found)


def _forgotten(vault: Vault, name: str) -> Snapshot:
    found = [one for one in vault.forgotten() if one.id.startswith(name)]
    if len(found) != 1:
        count = "No" if not found else f"{len(found)}"
        raise SnapshotMissing(f"{count} forgotten snapshots begin with {name}.")
    return found[0]


def _document(report: ForgetReport, *, dry_run: bool) -> Document:
    return {
        "dry_run": dry_run,
        "kept": sum(one.is_kept for one in report.verdicts),
        "forgotten": len(report.forgotten),
        "undo_until": moment(report.undo_until_ns).isoformat() if report.undo_until_ns else None,
        "snapshots": [
            {**_brief(one.snapshot), "kept": one.is_kept, "rule": one.rule}
            for one in report.verdicts
        ],
        "notes": report.notes,
    }


def _brief(snapshot: Snapshot) -> Document:
    return {
        "id": snapshot.id,
        "time": snapshot.created_at.isoformat(),
        "source": snapshot.name,
    }


def _labelled(vault: Vault, snapshot: Snapshot) -> Document:
    return {**_brief(snapshot), **labelled(snapshot, vault.labels()[snapshot.id])}
