"""What went wrong, in a stable code and a sentence that is safe to show."""

from __future__ import annotations

import errno

from webapp.connectors.base import REASONS
from webapp.connectors.permits import PermitRefused
from webapp.domain import redaction
from webapp.errors import AppError, ConnectorError, Forbidden, Invalid, NotFound, Refused
from webapp.services import vaults
from webapp.vault.errors import VaultError

_ERRNO = {
    errno.ENOSPC: ("disk_full", "There is no space left."),
    errno.EDQUOT: ("disk_full", "There is no space left."),
    errno.EACCES: ("not_allowed", REASONS["not_allowed"]),
    errno.EPERM: ("not_allowed", REASONS["not_allowed"]),
    errno.ENOENT: ("not_found", REASONS["not_found"]),
}
_WORDS: dict[type[AppError], str] = {
    Forbidden: "forbidden",
    NotFound: "not_found",
    Invalid: "invalid",
    PermitRefused: "permit_refused",
    AppError: "conflict",
}


def told(error: Exception) -> tuple[str, str]:
    """A stable code and a sentence that is safe to show: no path of ours, secret or traceback."""
    code, sentence = _told(error)
    return code, redaction.safe(sentence)


def _told(error: Exception) -> tuple[str, str]:
    if isinstance(error, ConnectorError | Refused):
        return error.code, str(error)
    if isinstance(error, VaultError):
        return error.code, vaults.told(error)
    if isinstance(error, OSError):
        return _ERRNO.get(error.errno or 0, ("read_error", "The disk or file system failed."))
    if isinstance(error, AppError):
        kinds = _WORDS.items()
        return next(code for kind, code in kinds if isinstance(error, kind)), str(error)
    return "internal_error", "Something unexpected happened; the worker's log has the details."
