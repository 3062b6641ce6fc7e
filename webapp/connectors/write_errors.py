"""What the system says when it does not write, in words for a person."""

from __future__ import annotations

import errno

from webapp.connectors.base import REASONS
from webapp.errors import ConnectorError

_ERRORS = {
    errno.ENOSPC: ("disk_full", REASONS["disk_full"]),
    errno.EDQUOT: ("disk_full", "The quota of the target is used up."),
    errno.EACCES: ("not_allowed", "The backup user may not write there."),
    errno.EPERM: ("not_allowed", "The backup user may not do this there."),
    errno.EROFS: ("not_allowed", "The target is mounted read-only."),
    errno.ELOOP: ("escapes_target", "A link is in the place of one of its folders."),
    errno.ENOTDIR: ("escapes_target", "Another thing is in the place of one of its folders."),
    errno.EXDEV: ("escapes_target", REASONS["escapes_target"]),
    errno.ENAMETOOLONG: ("not_supported", "Its name is too long for this target."),
    errno.ENOTSUP: ("not_supported", "This file system cannot hold its attributes."),
    errno.ENOTEMPTY: ("target_changed", "The folder is not empty."),
    errno.EEXIST: ("target_changed", REASONS["target_changed"]),
    errno.ENOENT: ("target_changed", REASONS["target_changed"]),
}


def write_refusal(error: OSError) -> ConnectorError:
    """Say why something could not be written."""
    known = _ERRORS.get(error.errno or 0)
    return ConnectorError(*(known or ("write_error", f"It could not be written: {error.strerror}")))


def require_same(holds: bool) -> None:
    """Refuse a row whose target is not what the plan says.

    Raises:
        ConnectorError: ``target_changed``.
    """
    if not holds:
        raise ConnectorError("target_changed", REASONS["target_changed"])
