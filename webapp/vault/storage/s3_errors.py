"""What S3 servers and botocore say, as our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as aws

from webapp.vault.errors import (
    ObjectExists,
    ObjectMissing,
    StorageBusy,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from webapp.vault.storage.s3_address import Place

_EXPIRED = "The credentials have expired. Renew them and run this again; what is stored is kept."
_KINDS: dict[str, type[StorageError]] = {
    "NoSuchKey": ObjectMissing,
    "NoSuchVersion": ObjectMissing,
    "PreconditionFailed": ObjectExists,
    "ConditionalRequestConflict": StorageUnavailable,
    "OperationAborted": StorageUnavailable,
    "RequestTimeout": StorageUnavailable,
    "BadDigest": StorageUnavailable,  # damaged on the way
    "IncompleteBody": StorageUnavailable,
    "XAmzContentSHA256Mismatch": StorageUnavailable,
    "SlowDown": StorageBusy,
    "Throttling": StorageBusy,
    "ThrottlingException": StorageBusy,
    "RequestLimitExceeded": StorageBusy,
    "TooManyRequests": StorageBusy,
    "BandwidthLimitExceeded": StorageBusy,
    "QuotaExceeded": StorageFull,
    "StorageQuotaExceeded": StorageFull,
    "InsufficientStorage": StorageFull,
    "XMinioStorageFull": StorageFull,
    "XMinioAdminBucketQuotaExceeded": StorageFull,
}
_STATUSES: dict[int, type[StorageError]] = {
    401: StorageDenied,
    403: StorageDenied,
    404: ObjectMissing,
    408: StorageUnavailable,
    412: ObjectExists,
    429: StorageBusy,
    501: StorageError,
    503: StorageBusy,
    507: StorageFull,
}
_SENTENCES: dict[str, tuple[type[StorageError], str]] = {
    "ExpiredToken": (StorageDenied, _EXPIRED),
    "ExpiredTokenException": (StorageDenied, _EXPIRED),
    "TokenRefreshRequired": (StorageDenied, _EXPIRED),
    "RequestTimeTooSkewed": (StorageDenied, "The clock of this machine is wrong. Set it."),
    "InvalidAccessKeyId": (StorageDenied, "The server does not know this access key."),
    "SignatureDoesNotMatch": (StorageDenied, "The secret does not belong to this access key."),
    "NoSuchBucket": (StorageError, "There is no such bucket. Make it first."),
    "PermanentRedirect": (StorageError, "The bucket is in another region: add ?region=NAME."),
    "AuthorizationHeaderMalformed": (
        StorageError, "The bucket is in another region: add ?region=NAME.",
    ),
}  # fmt: skip
_NO_LOGIN = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.TokenRetrievalError,
    aws.NoAuthTokenError,
    aws.SSOError,
    aws.ProfileNotFound,
)
_NO_ANSWER = (aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError)
# A header that a server does not know. It did not look at the rest of the request.
_UNKNOWN_HEADER = {"NotImplemented", "InvalidArgument", "InvalidRequest", "501"}


@contextmanager
def translated(name: str, place: Place) -> Iterator[None]:
    """Turn every error of the client library into one of ours."""
    try:
        yield
    except aws.ClientError as error:
        raise _of_server(error, name, place) from error
    except aws.SSLError as error:
        raise StorageError(f"{place}: no secure connection: {error}") from error
    except _NO_LOGIN as error:
        raise StorageDenied(
            f"{place}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            f"or AWS_PROFILE ({error})"
        ) from error
    except _NO_ANSWER as error:
        raise StorageUnavailable(f"{name}: {place} does not answer: {error}") from error
    except aws.BotoCoreError as error:
        raise StorageError(f"{name}: {place}: {error}") from error


def code_of(error: aws.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(answer: Any) -> int:
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def knows_no_condition(error: aws.ClientError) -> bool:
    """Whether a server refused a request for a header that it does not know."""
    return code_of(error) in _UNKNOWN_HEADER or status_of(error.response) == 501


def _of_server(error: aws.ClientError, name: str, place: Place) -> StorageError:
    code, status = code_of(error), status_of(error.response)
    if code in _SENTENCES:
        kind, sentence = _SENTENCES[code]
        return kind(f"{place}: {sentence}")
    kind = _KINDS.get(code) or _STATUSES.get(status) or StorageError
    if kind is StorageError and status >= 500 and status != 501:
        kind = StorageUnavailable
    if kind in (ObjectMissing, ObjectExists):
        return kind(name)
    said = error.response.get("Error", {}).get("Message") or f"status {status}"
    return kind(f"{name}: {place} says {code or status}: {said}")
