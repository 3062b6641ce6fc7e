"""Huey on SQLite, Redis or PostgreSQL. Messages are signed, and a queue may be down for a while."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

from huey import Huey
from huey.api import Task
from huey.serializer import SignedSerializer
from huey.storage import PostgresStorage, RedisStorage, SqliteStorage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 3
_ANSWER_SECONDS = 10
_PAUSE_SECONDS = 1.0


class Signed(SignedSerializer):
    """Messages that only this installation's processes can write: reading one unpickles it."""

    def __init__(self, key: bytes) -> None:
        super().__init__(secret=key)
        self._key = key

    def _signature(self, message: bytes) -> bytes:
        return hmac.new(self._key, message, sha256).hexdigest().encode()


class Bells(Huey):
    """A queue of signed messages that outlives the server it lies on."""

    _is_silent = False

    def dequeue(self) -> Task | None:
        """The next message, or None if there is none, it is not ours, or the queue is down."""
        try:
            data = self.storage.dequeue()
        except Exception as error:
            self._complain(error)
            time.sleep(_PAUSE_SECONDS)
            return None
        self._is_silent = False
        return None if data is None else self.read(data)

    def read(self, data: bytes) -> Task | None:
        """The message that *data* is; None, and a line in the log, if it is not signed by us."""
        try:
            return self.deserialize_task(data)
        except Exception as error:
            log.warning("a message in the queue is not ours and is dropped: %s", error)
            return None

    def waiting(self) -> Iterator[Task]:
        """Our messages in the queue; they stay there."""
        for data in self.storage.enqueued_items():
            with suppress(Exception):
                yield self.deserialize_task(data)

    def read_schedule(self, timestamp: object = None) -> list[Task]:
        """Nothing is ever put off in the queue: the rows say when."""
        return []

    def _complain(self, error: Exception) -> None:
        """Once, not each second."""
        if not self._is_silent:
            log.warning("the queue does not answer: %s", error)
        self._is_silent = True


class Local(SqliteStorage):
    """A file beside the data. After a power cut it may lack its last messages: the sweep rings
    again. Waiting for the disk at each would make ten thousand of them take a minute."""

    def _create_connection(self) -> Any:
        connection = super()._create_connection()
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


def hung_at(url: str, *, name: str, key: bytes) -> Bells:
    """The queue at *url*; one server may hold those of several installations, by their names."""
    storage, options = _storage(url)
    return Bells(
        name,
        results=False,
        store_none=False,
        serializer=Signed(key),
        storage_class=storage,
        **options,
    )


def _storage(url: str) -> tuple[type, dict[str, Any]]:
    if url.startswith("sqlite:///"):
        return Local, {"filename": url.removeprefix("sqlite:///")}
    if url.startswith("postgresql://"):
        alive = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
        return PostgresStorage, {"dsn": url, "connect_timeout": _CONNECT_SECONDS, **alive}
    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),  # a page must not wait long for a doorbell
    )
    return RedisStorage, {"connection_pool": pool}
