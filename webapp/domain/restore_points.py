"""Words for restore points: what sort they are and how whole."""

from __future__ import annotations

from enum import StrEnum


class BackupType(StrEnum):
    FULL = "full"
    DB = "db"
    FILES = "files"
    POLICIES = "policies"
    PRE_RESTORE = "pre-restore"


# Sets of these types hold only a part of a source of this kind: they cannot stand in for all of it.
PARTS: dict[str, tuple[BackupType, ...]] = {"site": (BackupType.DB, BackupType.FILES)}


class SetStatus(StrEnum):
    COMPLETED = "completed"
    PARTIAL = "partial"


def is_whole(kind: str, backup_type: str) -> bool:
    """Say whether a capture of this type holds all of a source of this kind."""
    return backup_type not in PARTS.get(kind, ())
