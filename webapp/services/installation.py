"""What use cases know of this installation: its settings and its keys.

Bound once by ``create_app``. Services may not import Flask, so they ask here, not the app.
"""

from __future__ import annotations

from webapp.domain import redaction
from webapp.errors import ConfigError
from webapp.services import keys
from webapp.services.keys import KeyRing
from webapp.settings import Settings


class _Bound:
    settings: Settings | None = None
    ring: KeyRing | None = None


def bind(settings: Settings, ring: KeyRing | None) -> None:
    """Remember settings and keys; *ring* None before ``lastgood init`` has made them."""
    _Bound.settings, _Bound.ring = settings, ring
    redaction.know(settings.secret_key, settings.smtp_url)


def bound() -> tuple[Settings | None, KeyRing | None]:
    """What was bound last, to be bound again."""
    return _Bound.settings, _Bound.ring


def settings() -> Settings:
    if _Bound.settings is None:
        raise ConfigError("create_app() has not been called.")
    return _Bound.settings


def ring() -> KeyRing:
    """Raises:
    ConfigError: the keys are not there yet.
    """
    if _Bound.ring is None:
        raise ConfigError("This installation has no keys yet. Run: lastgood init")
    return _Bound.ring


def seal(text: str, *, purpose: str) -> str:
    """``keys.seal`` with this installation's key."""
    return keys.seal(ring(), text, purpose=purpose)


def unseal(sealed: str, *, purpose: str) -> str:
    """``keys.unseal`` with this installation's key. No log or page shows it from then on."""
    text = keys.unseal(ring(), sealed, purpose=purpose)
    redaction.know(text)
    return text
