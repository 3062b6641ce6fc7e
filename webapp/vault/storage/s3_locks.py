"""Object lock: what is put cannot be deleted for some days, not even with stolen credentials."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from webapp.vault.storage.s3_address import Place
from webapp.vault.storage.s3_errors import status_of

# Without these a snapshot cannot be read. All else is in use for hours or can be made again.
_LOCKED = ("config", "keys/", "keys-copy/", "packs/", "snapshots/")


class Locks:
    """The locks that a place asks for; false where it asks for none.

    Args:
        now_ns: the server's clock; asked once.
    """

    def __init__(self, place: Place, now_ns: Callable[[], int]) -> None:
        self._length = timedelta(days=place.lock_days)
        self._mode = place.lock_mode
        self._now_ns = now_ns
        self._ahead_ns: int | None = None
        self._mutex = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._length)

    def for_put(self, name: str) -> Mapping[str, Any]:
        """What a put has to say."""
        if not self or not name.startswith(_LOCKED):
            return {}
        return {
            "ObjectLockMode": self._mode,
            "ObjectLockRetainUntilDate": self._now() + self._length,
        }

    def extend(self, client: Any, name: str, target: Mapping[str, str], now_ns: int) -> bool:
        """Lock an object anew if less than a third of the time is left; say if that was so."""
        if not name.startswith(_LOCKED):
            return False
        now = datetime.fromtimestamp(now_ns / 10**9, UTC)
        try:
            until = client.head_object(**target).get("ObjectLockRetainUntilDate")
        except ClientError as error:
            if status_of(error.response) == 404:
                return False
            raise
        if until is not None and until - now >= self._length / 3:
            return False
        retention = {"Mode": self._mode, "RetainUntilDate": now + self._length}
        client.put_object_retention(**target, Retention=retention)
        return True

    def refusal(self, name: str, head: Mapping[str, Any]) -> str:
        """Why an object could not be deleted, if it is locked."""
        until = head.get("ObjectLockRetainUntilDate")
        if until is None or until <= self._now():
            return ""
        return f"{name} is locked until {until:%Y-%m-%d %H:%M} UTC and cannot be deleted before."

    def _now(self) -> datetime:
        with self._mutex:
            if self._ahead_ns is None:
                self._ahead_ns = self._now_ns() - time.monotonic_ns()
        return datetime.fromtimestamp((time.monotonic_ns() + self._ahead_ns) / 10**9, UTC)
