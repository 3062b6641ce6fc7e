"""Bytes on their way to S3: without copies, and in parts where there are many."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from webapp.vault.errors import StorageError
from webapp.vault.storage.base import Buffer

SINGLE_BYTES = 64 << 20
PART_BYTES = 16 << 20


class Body:
    """A file to read from, over bytes that are somewhere else."""

    def __init__(self, data: Buffer) -> None:
        self._view = memoryview(data).cast("B")
        self._at = 0

    def __len__(self) -> int:
        return len(self._view)

    def read(self, size: int | None = -1) -> bytes:
        end = len(self._view) if size is None or size < 0 else self._at + size
        part = bytes(self._view[self._at : end])
        self._at += len(part)
        return part

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, len(self._view))[whence]
        self._at = min(max(base + offset, 0), len(self._view))
        return self._at


def digest(data: Buffer) -> bytes:
    """The MD5 that every S3 server checks a put by. It is not there against forgery."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def header(md5: bytes) -> str:
    return base64.b64encode(md5).decode()


def put_in_parts(client: Any, target: Mapping[str, str], data: Buffer, **extra: Any) -> None:
    """Upload *data* in parts; whatever goes wrong, nothing of it stays.

    Args:
        target: ``Bucket`` and ``Key``.
        extra: ``IfNoneMatch``, for the completion, and locks, for the start.
    """
    condition = {key: extra.pop(key) for key in ("IfNoneMatch",) if key in extra}
    upload = {**target, "UploadId": client.create_multipart_upload(**target, **extra)["UploadId"]}
    try:
        parts = [
            _put_part(client, upload, number, memoryview(data)[at : at + PART_BYTES])
            for number, at in enumerate(range(0, len(data), PART_BYTES), start=1)
        ]
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
    except BaseException:
        with suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(**upload)
        raise


def _put_part(client: Any, upload: Mapping[str, str], number: int, data: memoryview) -> Any:
    md5 = digest(data)
    made = client.upload_part(**upload, PartNumber=number, Body=Body(data), ContentMD5=header(md5))
    tag = made["ETag"].strip('"')
    if len(tag) == 32 and tag != md5.hex() and "ServerSideEncryption" not in made:
        raise StorageError(f"part {number} of {upload['Key']} arrived damaged")
    return {"PartNumber": number, "ETag": made["ETag"]}
