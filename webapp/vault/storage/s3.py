"""A vault in a bucket of S3, or of a server that speaks like it.

A put is one request with a checksum that the server checks, or parts that appear together. It
replaces nothing: AWS is told so by a condition, and other servers, some of which ignore that, are
asked first. Every call here tries once; repeating is ``Retrying``'s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from webapp.vault.errors import (
    ObjectExists,
    ObjectMissing,
    StorageDenied,
    StorageError,
    StorageLocked,
)
from webapp.vault.storage import s3_address, s3_bodies
from webapp.vault.storage.base import Buffer, StoredObject, check_name, is_name
from webapp.vault.storage.s3_address import Place
from webapp.vault.storage.s3_errors import knows_no_condition, status_of, translated
from webapp.vault.storage.s3_locks import Locks

_STALE_UPLOAD = timedelta(days=1)


class S3Storage:
    """A ``Storage`` below one prefix of one bucket.

    Args:
        environ: the credentials: ``AWS_…``; for deleting and locking ``LASTGOOD_VAULT_PRUNE_AWS_…``
            where that is set. What is not set is looked for where boto3
            always looks.
    """

    parallel_puts = 2  # each holds a pack, and a backup shall take less than 250 MiB
    settle_seconds = 0.0

    def __init__(
        self,
        place: Place,
        environ: Mapping[str, str] = os.environ,
        *,
        connect: Callable[..., Any] = s3_address.connect,
    ) -> None:
        self._place = place
        self._connect = connect
        self._environ = environ
        self._conditional = True
        # Who is not AWS may take no notice of conditions, and says nothing of it.
        self._looks_first = place.endpoint is not None
        self._locks = Locks(place, self.now_ns)

    @cached_property
    def _client(self) -> Any:
        return self._connect(self._place, self._environ)

    @cached_property
    def _pruner(self) -> Any:
        if s3_address.has_pruner(self._environ):
            return self._connect(self._place, self._environ, who=s3_address.PRUNER)
        return self._client

    def put(self, name: str, data: Buffer) -> None:
        target = self._target(name)
        with translated(name, self._place):
            if self._looks_first and self._size(target) is not None:
                raise ObjectExists(name)
            try:
                self._put(name, target, data)
            except ClientError as error:
                if not self._conditional or not knows_no_condition(error):
                    raise
                self._conditional, self._looks_first = False, True
                self.put(name, data)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        target = self._target(name)
        with translated(name, self._place):
            if length == 0:
                self._client.head_object(**target)
                return b""
            try:
                return self._get(target, offset, length)
            except ClientError as error:
                if status_of(error.response) == 416:  # the range begins past the end
                    return b""
                raise

    def list(self, prefix: str) -> Iterator[StoredObject]:
        base = len(self._place.prefix)
        with translated(prefix, self._place):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._place.bucket, Prefix=self._place.prefix + prefix
            )
            found = [
                StoredObject(item["Key"][base:], item["Size"])
                for page in pages
                for item in page.get("Contents", ())
                if is_name(item["Key"][base:])
            ]
        return iter(sorted(found))  # nearly free where they came in order, as with AWS

    def delete(self, name: str) -> None:
        target = self._target(name)
        with translated(name, self._place):
            head = self._pruner.head_object(**target)  # S3 itself deletes what is not there, too
            version = (
                {"VersionId": head["VersionId"]} if self._locks and "VersionId" in head else {}
            )
        try:
            with translated(name, self._place):
                self._pruner.delete_object(**target, **version)
        except StorageDenied as error:
            locked = self._locks.refusal(name, head)
            raise (StorageLocked(locked) if locked else error) from None

    def now_ns(self) -> int:
        with translated("clock", self._place):
            answer = self._client.list_objects_v2(
                Bucket=self._place.bucket, Prefix=self._place.prefix, MaxKeys=1
            )
        said = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        try:
            return int(parsedate_to_datetime(said).timestamp()) * 10**9
        except ValueError:
            raise StorageError(f"{self._place} does not say what time it is.") from None

    def extend_retention(self, names: Iterable[str], now_ns: int) -> int:
        if not self._locks:
            return 0
        with ThreadPoolExecutor(8) as pool:
            return sum(pool.map(lambda name: self._extend(name, now_ns), names))

    def sweep(self, now_ns: int) -> int:
        """Abort uploads in parts that were begun more than a day ago and never completed."""
        client, place, count = self._pruner, self._place, 0
        before = datetime.fromtimestamp(now_ns / 10**9, UTC) - _STALE_UPLOAD
        # A server that knows no uploads in parts has none to abort.
        with suppress(ObjectMissing), translated("uploads", place):
            pages = client.get_paginator("list_multipart_uploads").paginate(
                Bucket=place.bucket, Prefix=place.prefix
            )
            for upload in (one for page in pages for one in page.get("Uploads", ())):
                if upload["Initiated"] < before and is_name(upload["Key"][len(place.prefix) :]):
                    target = {"Bucket": place.bucket, "Key": upload["Key"]}
                    client.abort_multipart_upload(**target, UploadId=upload["UploadId"])
                    count += 1
        return count

    def close(self) -> None:
        for name in ("_client", "_pruner"):
            client = self.__dict__.pop(name, None)
            if client is not None:
                client.close()

    def forked(self) -> None:
        """Let go of the connections, which are the parent's; the next call makes its own.

        The clients stay: to make one takes longer than many a call.
        """
        for name in ("_client", "_pruner"):
            client = self.__dict__.get(name)
            if client is not None:
                client.close()

    def _target(self, name: str) -> dict[str, str]:
        return {"Bucket": self._place.bucket, "Key": self._place.prefix + check_name(name)}

    def _size(self, target: Mapping[str, str]) -> int | None:
        """How large an object is, or None: it is not there, or nobody may say so.

        The answer to a HEAD never says why it is refused. The put that follows learns it.
        """
        try:
            return int(self._client.head_object(**target)["ContentLength"])
        except ClientError as error:
            if status_of(error.response) in (400, 401, 403, 404):
                return None
            raise

    def _put(self, name: str, target: Mapping[str, str], data: Buffer) -> None:
        extra: dict[str, Any] = dict(self._locks.for_put(name))
        if self._conditional:
            extra["IfNoneMatch"] = "*"
        if len(data) > s3_bodies.SINGLE_BYTES:
            s3_bodies.put_in_parts(self._client, target, data, **extra)
            if self._size(target) != len(data):
                raise StorageError(f"{name}: {self._place} did not keep all of it.")
            return
        md5 = s3_bodies.digest(data)
        made = self._client.put_object(
            **target, Body=s3_bodies.Body(data), ContentMD5=s3_bodies.header(md5), **extra
        )
        # With keys of a key service the tag is no checksum; only AWS does that, and it did check.
        if made["ETag"].strip('"') != md5.hex() and "SSEKMSKeyId" not in made:
            self._read_back(name, target, data)

    def _read_back(self, name: str, target: Mapping[str, str], data: Buffer) -> None:
        """For a server that does not say which bytes it got.

        What is wrong stays: where conditions count for nothing, it may be somebody else's.
        """
        if self._get(target, 0, None) != data:
            raise StorageError(f"{name}: {self._place} holds something else than it was sent.")

    def _get(self, target: Mapping[str, str], offset: int, length: int | None) -> bytes:
        wanted: dict[str, str] = {}
        if offset or length is not None:
            end = "" if length is None else offset + length - 1
            wanted["Range"] = f"bytes={offset}-{end}"
        answer = self._client.get_object(**target, **wanted)
        with closing(answer["Body"]) as body:
            data: bytes = body.read()
        if wanted and "ContentRange" not in answer:  # it sent all of it
            data = data[offset:] if length is None else data[offset : offset + length]
        return data

    def _extend(self, name: str, now_ns: int) -> bool:
        target = self._target(name)
        with translated(name, self._place), suppress(ObjectMissing):
            return self._locks.extend(self._pruner, name, target, now_ns)
        return False
