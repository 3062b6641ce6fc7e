"""Words for restore points: what sort they are and how whole."""

from __future__ import annotations

from enum import StrEnum


class BackupType(StrEnum):
    FULL = "full"
    DB = "db"
    FILES = "files"
    POLICIES = "policies"
    PRE_RESTORE = "pre-restore"


class SetStatus(StrEnum):
    COMPLETED = "completed"
    PARTIAL = "partial"
