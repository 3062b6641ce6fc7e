"""What a person should know before asking for a restore: looked at by the preview's worker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from webapp.formatting import moment, size
from webapp.models import BackupSet
from webapp.services import holds
from webapp.services.targets import Target

Check = dict[str, str]


@dataclass(kw_only=True)
class Sums:
    """Sizes that a plan adds up to, counted while its rows come."""

    safety_bytes: int = 0  # what is overwritten or removed, and so captured before
    written_bytes: int = 0


def all_of(
    backup_set: BackupSet, target: Target, vault: Path, *, sums: Sums, counts: Mapping[str, int]
) -> list[Check]:
    """One line each: ``{"name", "level": ok | warning | error, "message"}``."""
    return [
        _verified(backup_set),
        _room(
            "safety_room", vault, sums.safety_bytes,
            "The copy of what is overwritten needs at most {need}; the vault has {free} free.",
        ),
        _room(
            "target_room", _place(target), sums.written_bytes,
            "What is written needs {need}; the target has {free} free.",
        ),
        _alone(target),
        _owners(),
        _blocked(counts),
    ]  # fmt: skip


def _check(name: str, level: str, message: str) -> Check:
    return {"name": name, "level": level, "message": message}


def _verified(backup_set: BackupSet) -> Check:
    if backup_set.verified_at is None:
        return _check("verified", "warning", "This restore point has not been verified yet.")
    when = moment(backup_set.verified_at)
    return _check(
        "verified", "ok", f"Every part of the restore point was found in the vault {when} UTC."
    )


def _room(name: str, folder: Path, need: int, words: str) -> Check:
    free = shutil.disk_usage(_existing(folder)).free
    level = "ok" if need < free * 0.95 else "error"
    return _check(name, level, words.format(need=size(need), free=size(free)))


def _place(target: Target) -> Path:
    return Path(str(target.config.get("path") or "/"))


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _alone(target: Target) -> Check:
    if holds.is_free(target.config):
        return _check("alone", "ok", "Nobody else restores into this target.")
    return _check("alone", "warning", "A restore into this target is under way.")


def _owners() -> Check:
    if os.geteuid() == 0:
        return _check("owners", "ok", "Owners, groups and permissions can be set.")
    message = "The worker is not root: what it writes belongs to it, as the items say."
    return _check("owners", "warning", message)


def _blocked(counts: Mapping[str, int]) -> Check:
    blocked = counts.get("blocked", 0)
    if not blocked:
        return _check("blocked", "ok", "Every item can be restored.")
    return _check("blocked", "warning", f"{blocked} items cannot be restored; they say why.")
