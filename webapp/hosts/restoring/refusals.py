"""What the system says when it does not write: the end of one item, or of all."""

from __future__ import annotations

import errno

from webapp.errors import ConnectorError
from webapp.items import NotPlaced

_FULL = "There is no space left in the target folder. Make room and start again; what is there"
_ENDS = {
    errno.ENOSPC: ("disk_full", f"{_FULL} is kept."),
    errno.EDQUOT: (
        "disk_full",
        "The quota of the target folder is used up. Raise it, start again.",
    ),
    errno.EROFS: ("not_allowed", "The target folder is mounted read-only."),
    errno.EIO: ("write_error", "The disk of the target folder fails: input/output error."),
    errno.EMFILE: ("write_error", "This process may not open more files. Raise ulimit -n."),
}
_ONE = {
    errno.EACCES: ("not_allowed", "You may not write there."),
    errno.EPERM: ("not_allowed", "You may not do this there."),
    errno.ELOOP: ("escapes_target", "A link is in the place of one of its folders."),
    errno.ENOTDIR: ("escapes_target", "Another thing is in the place of one of its folders."),
    errno.EXDEV: ("escapes_target", "It would lie outside the target."),
    errno.ENAMETOOLONG: ("not_supported", "Its name is too long for this target."),
    errno.EINVAL: ("not_supported", "This file system does not take its name."),
    errno.EILSEQ: ("not_supported", "This file system does not take its name."),
    errno.EFBIG: ("not_supported", "It is too large for this file system."),
    errno.ENOTSUP: ("not_supported", "This file system cannot hold such a thing."),
    errno.EISDIR: ("type_differs", "There is a folder in its place."),
    errno.ENOTEMPTY: ("type_differs", "There is a folder in its place."),
    errno.EEXIST: ("target_changed", "Something took its place meanwhile."),
    errno.ENOENT: ("target_changed", "Its folder went away meanwhile."),
}


def refusal(error: OSError) -> NotPlaced:
    """Why one item could not be written.

    Raises:
        ConnectorError: no other item can be, either.
    """
    ends = _ENDS.get(error.errno or 0)
    if ends is not None:
        raise ConnectorError(*ends) from error
    known = _ONE.get(error.errno or 0)
    return NotPlaced(*(known or ("write_error", f"It could not be written: {error.strerror}.")))
