"""The keys of this installation, and what is sealed with them.

The master key is 32 random bytes in a file of its own, never in the database or a vault. From it
are derived, by HKDF-SHA256 with the purpose as info: a sealing key, the audit chain's key, the
plans' digest key and the key that wraps vault keys. The database holds a fingerprint only, so that
a missing or foreign key file is noticed at start.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.exc import DBAPIError, IntegrityError

from webapp import clock, database
from webapp.errors import ConfigError, NotAnswering
from webapp.extensions import db
from webapp.models import Installation
from webapp.settings import Settings

_NONCE_BYTES = 12


@dataclass(frozen=True)
class KeyRing:
    """The keys in use. ``fingerprint`` may be shown; nothing else of it may."""

    master: bytes = field(repr=False)
    secret: str = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, the same each time."""
        kdf = HKDF(algorithm=SHA256(), length=32, salt=b"lastgood", info=purpose.encode())
        return kdf.derive(self.master)

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.master)


def fingerprint_of(master: bytes) -> str:
    """What tells two master keys apart without giving either away: 16 hex digits."""
    return hmac.new(master, b"lastgood key check", sha256).hexdigest()[:16]


def load(settings: Settings) -> KeyRing:
    """Read the keys and check that they are this database's.

    Raises:
        ConfigError: a key is missing or another one than the database was made with.
        NotAnswering: the database is silent.
    """
    try:
        row = db.session.get(Installation, 1)
    except DBAPIError as error:
        db.session.rollback()
        if not database.lacks_tables(error):
            raise NotAnswering(database.told(error)) from None
        row = None
    if row is None:
        db.session.rollback()
        raise ConfigError("This database is not set up yet. Run: lastgood init")
    master_check, secret_check = row.master_key_check, row.secret_key_check
    db.session.rollback()  # no transaction stays open behind a start
    ring = _read(settings, expected=master_check)
    _require_same(ring, settings, master_check=master_check, secret_check=secret_check)
    return ring


def create(settings: Settings) -> KeyRing:
    """Make the keys at the very first start, or read and check them at every later one.

    Two first starts at once yield one key: the file is linked into place, which only one can do.

    Raises:
        ConfigError: the database knows a key, and the file is missing or another.
    """
    row = db.session.get(Installation, 1)
    db.session.rollback()
    if row is not None:
        return load(settings)
    _create_file(settings.master_key_file, secrets.token_hex(32))
    if not settings.secret_key:
        _create_file(_secret_file(settings), secrets.token_hex(32))
    ring = _read(settings, expected="a new one")
    db.session.add(
        Installation(
            master_key_check=ring.fingerprint,
            secret_key_check=_secret_check(ring.secret),
            created_at=clock.now(),
        )
    )
    try:
        db.session.commit()
    except IntegrityError:  # another first start was quicker
        db.session.rollback()
        return load(settings)
    return ring


def parsed(text: str) -> bytes:
    """A master key as it lies in its file, or as a person types it from a sheet.

    Raises:
        ConfigError: it is no key.
    """
    try:
        master = bytes.fromhex(text.replace("-", " "))
    except ValueError:
        master = b""
    if len(master) != 32:
        raise ConfigError("This is no master key: it has 64 digits, 0 to 9 and a to f.")
    return master


def put_back(settings: Settings, master: bytes) -> KeyRing:
    """Write the files of a restored installation: its master key, and a new key for sessions."""
    _create_file(settings.master_key_file, master.hex())
    if not settings.secret_key:
        _create_file(_secret_file(settings), secrets.token_hex(32))
    return _read(settings, expected=fingerprint_of(master))


def adopt_secret(ring: KeyRing) -> None:
    """Let the database expect this key for sessions from now on; the caller commits."""
    row = db.session.get_one(Installation, 1)
    row.secret_key_check = _secret_check(ring.secret)


def seal(ring: KeyRing, text: str, *, purpose: str) -> str:
    """Encrypt a small secret for the database. To unseal it is to state the same purpose."""
    nonce = os.urandom(_NONCE_BYTES)
    box = AESGCM(ring.derive("seal")).encrypt(nonce, text.encode(), purpose.encode())
    return base64.b64encode(nonce + box).decode()


def unseal(ring: KeyRing, sealed: str, *, purpose: str) -> str:
    """Open what ``seal`` made.

    Raises:
        ConfigError: it was sealed with another key or for another purpose, or was altered.
    """
    raw = base64.b64decode(sealed)
    try:
        plain = AESGCM(ring.derive("seal")).decrypt(
            raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()
        )
    except InvalidTag:
        raise ConfigError(f"A stored secret ({purpose}) does not open with this key.") from None
    return plain.decode()


def _read(settings: Settings, *, expected: str) -> KeyRing:
    try:
        master = bytes.fromhex(settings.master_key_file.read_text().strip())
    except FileNotFoundError:
        raise ConfigError(
            f"LASTGOOD_MASTER_KEY_FILE: {settings.master_key_file} is missing. Put back the key "
            f"with fingerprint {expected}; a new one could not open what is stored."
        ) from None
    except (OSError, ValueError):
        raise ConfigError(
            f"LASTGOOD_MASTER_KEY_FILE: {settings.master_key_file} cannot be read as a key of 64 "
            f"hex digits; expected fingerprint {expected}."
        ) from None
    if len(master) != 32:
        raise ConfigError("LASTGOOD_MASTER_KEY_FILE does not hold 64 hex digits.")
    return KeyRing(master, settings.secret_key or _read_secret(settings))


def _read_secret(settings: Settings) -> str:
    try:
        return _secret_file(settings).read_text().strip()
    except OSError:
        raise ConfigError(
            f"LASTGOOD_SECRET_KEY is not set and {_secret_file(settings)} cannot be read. "
            "Put it back, or set the variable to the value used before."
        ) from None


def _require_same(
    ring: KeyRing, settings: Settings, *, master_check: str, secret_check: str
) -> None:
    if ring.fingerprint != master_check:
        raise ConfigError(
            f"LASTGOOD_MASTER_KEY_FILE holds the key {ring.fingerprint}, but this database was "
            f"made with {master_check}. Put back the right file."
        )
    if _secret_check(ring.secret) != secret_check:
        raise ConfigError(
            "LASTGOOD_SECRET_KEY is not the one this database was made with. Put back the old "
            f"value, or the file {_secret_file(settings)}."
        )


def _secret_file(settings: Settings) -> Path:
    return settings.home / "secret.key"


def _secret_check(secret: str) -> str:
    return hmac.new(secret.encode(), b"lastgood secret check", sha256).hexdigest()[:16]


def _create_file(path: Path, text: str) -> None:
    """Put *text* into a new file, 0600, whole or not at all; an existing file stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)
        except FileExistsError:
            return
    finally:
        partial.unlink()
