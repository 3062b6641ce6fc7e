"""Where a vault lies, as people write it: a folder, ``s3://…`` or ``rclone:…``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from webapp.vault.errors import BadAddress
from webapp.vault.storage.base import Storage
from webapp.vault.storage.local import LocalStorage

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_KINDS = "a folder, s3://BUCKET/PREFIX or rclone:REMOTE:PATH"


def open_storage(address: str, environ: Mapping[str, str] = os.environ) -> Storage:
    """The storage at *address*. Nothing is made and nothing is contacted yet.

    Args:
        address: a folder (``~`` is your home, relative paths count from the current folder),
            ``s3://BUCKET/PREFIX?endpoint=URL&region=NAME`` or ``rclone:REMOTE:PATH``.
        environ: where credentials come from; an address never carries any.

    Raises:
        BadAddress: it leads nowhere, or it carries a credential.
        StorageError: rclone is needed and not installed.
    """
    if address.startswith("s3://"):
        from webapp.vault.storage import s3, s3_address

        return s3.S3Storage(s3_address.parse(address), environ)
    if address.startswith("rclone:"):
        from webapp.vault.storage import rclone

        return rclone.RcloneStorage(rclone.parse(address), environ)
    scheme = _SCHEME.match(address)
    if scheme:
        raise BadAddress(f"A vault cannot lie at {scheme[1]}://. Give {_KINDS}.")
    return LocalStorage(_folder(address, environ))


def in_full(address: str, environ: Mapping[str, str] = os.environ) -> str:
    """*address* as it can be used from any folder: what is written down must lead there later."""
    if address.startswith("rclone:") or _SCHEME.match(address):
        return address
    return str(_folder(address, environ))


def _folder(address: str, environ: Mapping[str, str]) -> Path:
    if not address.strip() or "\0" in address:
        raise BadAddress(f"This is no place for a vault. Give {_KINDS}.")
    path = Path(os.path.abspath(_with_home(address, environ)))
    above = next(one for one in (path, *path.parents) if os.path.exists(one) or one == one.parent)
    if not above.is_dir():
        raise BadAddress(f"{above} is a file. A vault is a folder: name one, new or existing.")
    return path


def _with_home(address: str, environ: Mapping[str, str]) -> str:
    if address == "~" or address.startswith("~/"):
        home = environ.get("HOME")
        return home + address[1:] if home else os.path.expanduser(address)
    found = os.path.expanduser(address)
    if found.startswith("~"):
        name = found.partition("/")[0]
        raise BadAddress(f"Nobody here is called {name[1:]}. Write ./{name} if that is a folder.")
    return found
