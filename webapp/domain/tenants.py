"""What a tenant's name, slug, zone and choices may be."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from zoneinfo import available_timezones

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class TwoPeople(StrEnum):
    """Acts that one person may not do alone, where a tenant chooses so. Only what is enforced."""

    LIVE_RESTORE = "live_restore"
    LOWER_RETENTION = "lower_retention"
    DELETE_SOURCE = "delete_source"
    EXPORT_KEYS = "export_keys"

    @property
    def label(self) -> str:
        return {
            "live_restore": "Restore into a live system",
            "lower_retention": "Keep less: lower retention, delete, unpin or release backups",
            "delete_source": "Remove a source",
            "export_keys": "Take the recovery sheet with the vault's key",
        }[self.value]


def is_slug(text: str) -> bool:
    """Say whether *text* can name a tenant in addresses: a-z, 0-9, - inside; 40 at most."""
    return bool(_SLUG.fullmatch(text))


@cache
def zones() -> tuple[str, ...]:
    """Every IANA zone, UTC first."""
    skipped = ("Etc/", "posix/", "right/", "SystemV/", "US/")
    names = sorted(z for z in available_timezones() if "/" in z and not z.startswith(skipped))
    return ("UTC", *names)


def is_zone(name: str) -> bool:
    """Say whether *name* is an IANA zone."""
    return name == "UTC" or name in _known()  # UTC also where the machine has no zones at all


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory", "posixrules"})
