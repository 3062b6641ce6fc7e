"""What a snapshot holds, as restorable items: one tree, each database, each file of settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from webapp.domain.restore_points import BackupType, SetStatus
from webapp.extensions import db
from webapp.items import EntryKind, Json, StoredEntry, Tally, key_of, path_to_text
from webapp.models import BackupItem, BackupSet, Run
from webapp.models.columns import new_id
from webapp.vault import Snapshot, Vault


@dataclass(frozen=True, kw_only=True)
class Content:
    """One restorable item of a snapshot."""

    key: str
    item_type: str  # tree, db, config
    name: str
    path: str
    size: int
    files: int
    content_hash: str
    facts: Json


def of(vault: Vault, snapshot: Snapshot, tally: Tally, facts: Mapping[str, Json]) -> list[Content]:
    """List the items; *facts* by item key are what the connector knows of its databases."""
    parts = [*_parts(vault, snapshot, b"db", facts), *_parts(vault, snapshot, b"config", facts)]
    if next(vault.entries(snapshot, under=b"tree"), None) is None:
        return parts
    tree = Content(
        key="tree:",
        item_type="tree",
        name="Files",
        path="tree",
        size=tally.logical_bytes - sum(part.size for part in parts),
        files=tally.files - sum(part.files for part in parts),
        content_hash="",
        facts=facts.get("tree:", {}),
    )
    return [tree, *parts]


def _parts(
    vault: Vault, snapshot: Snapshot, section: bytes, facts: Mapping[str, Json]
) -> Iterator[Content]:
    """A database or a file of settings is one entry, or a folder of its parts."""
    found = (entry for entry in vault.entries(snapshot, under=section) if entry.path != section)
    for name, below in groupby(found, key=lambda entry: entry.path.split(b"/")[1]):
        yield _part(section + b"/" + name, list(below), facts)


def _part(path: bytes, below: list[StoredEntry], facts: Mapping[str, Json]) -> Content:
    key = key_of(path)
    files = [found for found in below if found.kind is EntryKind.FILE]
    return Content(
        key=key,
        item_type=key.partition(":")[0],
        name=key.partition(":")[2],
        path=path_to_text(path),
        size=sum(found.size for found in files),
        files=len(files),
        content_hash=below[0].digest.hex(),
        facts=facts.get(key, {}),
    )


@dataclass(frozen=True, kw_only=True)
class NewSet:
    """Everything a backup set is made from, once its snapshot has been verified."""

    source_id: UUID
    source_name: str
    backup_type: BackupType
    status: SetStatus
    snapshot: Snapshot
    contents: list[Content]
    tally: Tally
    metadata: dict[str, Any]


def add(run: Run, new: NewSet) -> BackupSet:
    """Add the set and its items to the session; the caller commits, together with the run's end."""
    description = [new.source_name, new.backup_type, *([run.reason] if run.reason else [])]
    backup_set = BackupSet(
        id=new_id(),
        tenant_id=run.tenant_id,
        source_id=new.source_id,
        run_id=run.id,
        name=run.metadata_.get("set_name") or _name(new),
        backup_type=new.backup_type,
        reason=run.reason,
        metadata_=new.metadata,
        status=new.status,
        snapshot_ids=[new.snapshot.id],
        destination="local",
        description=" – ".join(description),
        started_at=run.started_at,
        finished_at=new.snapshot.created_at,
        item_count=len(new.contents),
        total_size=new.tally.logical_bytes,
        stored_size=new.tally.stored_bytes,
    )
    db.session.add(backup_set)
    db.session.flush()
    rows = [_row(backup_set, content) for content in new.contents]
    if rows:
        db.session.execute(insert(BackupItem), rows)
    return backup_set


def _name(new: NewSet) -> str:
    return f"{new.source_name} {new.snapshot.created_at:%Y-%m-%d %H:%M}"


def _row(backup_set: BackupSet, content: Content) -> dict[str, Any]:
    return {
        "id": new_id(), "tenant_id": backup_set.tenant_id, "backup_set_id": backup_set.id,
        "item_key": content.key, "item_type": content.item_type, "name": content.name,
        "snapshot_path": content.path, "size": content.size, "file_count": content.files,
        "content_hash": content.content_hash, "facts": dict(content.facts), "flags": [],
    }  # fmt: skip
