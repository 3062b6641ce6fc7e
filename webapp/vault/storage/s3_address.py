"""``s3://BUCKET/PREFIX?endpoint=URL&region=NAME&lock-days=N&lock-mode=MODE``, and who opens it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from webapp.vault.errors import BadAddress, StorageDenied

OPTIONS = ("endpoint", "region", "lock-days", "lock-mode")
LOCK_MODES = ("GOVERNANCE", "COMPLIANCE")
PRUNER = "LASTGOOD_VAULT_PRUNE_"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_SECRET = re.compile(r"key|secret|token|pass|cred|sign", re.IGNORECASE)
_WORD = re.compile(r"[a-z-]{1,20}")
_PREFIX_BYTES = 800  # a key has at most 1024 bytes
_NO_CREDENTIALS = (
    "An address never carries a credential: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or AWS_PROFILE, in the environment."
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in which S3 a vault lies.

    Attributes:
        prefix: ``""``, or what all keys begin with, ending in ``/``.
        endpoint: of a server that is not AWS.
        lock_days: how long what is put may not be deleted; 0 for no lock.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    lock_days: int = 0
    lock_mode: str = "GOVERNANCE"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}" + (f" at {self.endpoint}" * bool(self.endpoint))


def parse(address: str) -> Place:
    """Raises ``BadAddress``, which repeats nothing that may be a credential."""
    path, _, query = address.removeprefix("s3://").partition("?")
    if "@" in path.partition("/")[0]:
        raise BadAddress(_NO_CREDENTIALS)
    bucket, _, prefix = path.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise BadAddress(
            "Write s3://BUCKET/PREFIX, where BUCKET has at least 3 letters, digits, dots or "
            "dashes; the server goes into ?endpoint=https://HOST."
        )
    options = _options(query)
    return Place(
        bucket=bucket,
        prefix=_prefix(prefix),
        endpoint=_endpoint(options.get("endpoint")),
        region=_region(options.get("region")),
        lock_days=_days(options.get("lock-days", "0")),
        lock_mode=_mode(options.get("lock-mode", LOCK_MODES[0])),
    )


def connect(place: Place, environ: Mapping[str, str], *, who: str = "") -> Any:
    """A client of botocore, boto3's lower half, that tries once: repeating is ``Retrying``'s.

    Args:
        who: ``PRUNER`` for the credential that may delete.
    """
    # The upper half would take half as much time and memory again to load, and do nothing here.
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.handlers import add_expect_header

    from webapp.vault.storage import s3_session

    settings = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"total_max_attempts": 1},
        max_pool_connections=16,
        tcp_keepalive=True,
        # Servers that are not AWS do not know the checksums that botocore adds by itself.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if place.endpoint else "auto"},
    )
    region = place.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    key, secret, token = _credential(environ, who)
    try:
        profile = None if key else environ.get(f"{who}AWS_PROFILE")
        session = s3_session.session(profile)
        if key:
            session.set_credentials(key, secret, token)
        client = session.create_client(
            "s3",
            region_name=region or ("us-east-1" if place.endpoint else None),
            endpoint_url=place.endpoint,
            config=settings,
        )
    except BotoCoreError as error:
        raise StorageDenied(f"The credentials for {place} cannot be used: {error}") from None
    # A body that is not bytes would wait up to a second for servers that never say "continue".
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def has_pruner(environ: Mapping[str, str]) -> bool:
    return bool(_credential(environ, PRUNER)[0] or environ.get(f"{PRUNER}AWS_PROFILE"))


def _credential(environ: Mapping[str, str], who: str) -> tuple[str, str, str | None]:
    """Key, secret and token of the environment; if there are none, botocore looks further."""
    key, secret = (environ.get(f"{who}AWS_{n}") for n in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    if not key or not secret:
        return "", "", None
    return key, secret, environ.get(f"{who}AWS_SESSION_TOKEN") or None


def _options(query: str) -> dict[str, str]:
    found = dict(parse_qsl(query, keep_blank_values=True))
    for name in found:
        if name in OPTIONS:
            continue
        if _SECRET.search(name) or not _WORD.fullmatch(name):
            raise BadAddress(_NO_CREDENTIALS)
        raise BadAddress(f"An s3 address has no option {name}; it knows {', '.join(OPTIONS)}.")
    return found


def _prefix(raw: str) -> str:
    prefix = raw.strip("/")
    parts = prefix.split("/") if prefix else []
    if not prefix.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise BadAddress("The prefix in this s3 address has an empty, '.' or '..' part.")
    if len(prefix.encode(errors="surrogateescape")) > _PREFIX_BYTES:
        raise BadAddress(f"The prefix in this s3 address is longer than {_PREFIX_BYTES} bytes.")
    return f"{prefix}/" if prefix else ""


def _endpoint(url: str | None) -> str | None:
    if url is None:
        return None
    if "@" in url:
        raise BadAddress(_NO_CREDENTIALS)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise BadAddress("The endpoint in this s3 address is not like https://HOST or http://HOST.")
    return url.rstrip("/")


def _region(name: str | None) -> str | None:
    if name is not None and not _REGION.fullmatch(name):
        raise BadAddress("The region in this s3 address is not like eu-central-1.")
    return name


def _days(raw: str) -> int:
    if not (raw.isascii() and raw.isdigit() and int(raw) <= 36_500):
        raise BadAddress("lock-days in this s3 address is not a number of days up to 36500.")
    return int(raw)


def _mode(raw: str) -> str:
    if raw.upper() not in LOCK_MODES:
        raise BadAddress(f"lock-mode in this s3 address is neither {' nor '.join(LOCK_MODES)}.")
    return raw.upper()
