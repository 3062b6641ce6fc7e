"""How this installation runs: one frozen object, read from ``LASTGOOD_*`` variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from webapp.errors import ConfigError

_POSTGRESQL = "postgresql+psycopg"

# What a person may set, and what it means: the README's table is compared with this.
VARIABLES: Mapping[str, str] = {
    "HOME": "data folder (default ./instance)",
    "DATABASE_URL": "database, postgresql://… (default sqlite:///… in the data folder)",
    "DATABASE_OWNER_URL": "whose the tables are, for lastgood init alone (default: the database's)",
    "QUEUE_URL": "queue, redis://… or postgresql://… (default sqlite:///… in the data folder)",
    "SECRET_KEY": "signs sessions (default: made at the first start, kept in the data folder)",
    "MASTER_KEY_FILE": "seals secrets and vault keys (default: master.key in the data folder)",
    "HOST": "address to listen on (default 127.0.0.1)",
    "PORT": "port to listen on (default 8000)",
    "DEMO": "1: make a demo tenant in an empty database (default 0)",
    "LOG": "text or json (default text)",
    "PUBLIC_URL": "address that people type; https makes cookies Secure",
    "TRUSTED_PROXIES": "number of proxies in front (default 0)",
    "SMTP_URL": "where mail goes out, smtp://user@host:port",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this installation runs. A name ends in its unit: ``_seconds``, ``_bytes``."""

    home: Path
    database_url: str = field(repr=False)  # may hold a password
    queue_url: str = field(repr=False)
    master_key_file: Path
    database_owner_url: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)  # empty: the one kept in the data folder
    host: str = "127.0.0.1"
    port: int = 8000
    demo: bool = False
    log: str = "text"
    public_url: str = ""
    trusted_proxies: int = 0
    smtp_url: str = field(default="", repr=False)
    session_lifetime_seconds: int = 12 * 60 * 60
    lease_seconds: int = 20
    testing: bool = False

    @property
    def vaults(self) -> Path:
        return self.home / "vaults"

    @property
    def scratch(self) -> Path:
        return self.home / "scratch"

    @property
    def own_data(self) -> tuple[Path, ...]:
        """Folders that no source may reach into."""
        return (self.home, self.master_key_file.parent)

    @property
    def demo_site(self) -> Path:
        return self.home / "demo"

    @property
    def cookies_are_secure(self) -> bool:
        return self.public_url.startswith("https://")

    def as_owner(self) -> Settings:
        """The same for what changes tables: by the role that owns them, if that is another."""
        if not self.database_owner_url:
            return self
        return replace(self, database_url=self.database_owner_url)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the ``LASTGOOD_*`` variables; ``LASTGOOD_X_FILE`` names a file that holds ``X``.

        Raises:
            ConfigError: with every problem found, not only the first.
        """
        read = _Reader(environ)
        home = Path(read.text("HOME", "instance")).absolute()
        settings = cls(
            home=home,
            database_url=read.database_url(home),
            database_owner_url=read.database_owner_url(),
            queue_url=read.queue_url(home),
            master_key_file=Path(read.text("MASTER_KEY_FILE", str(home / "master.key"))).absolute(),
            secret_key=read.secret("SECRET_KEY"),
            host=read.text("HOST", cls.host),
            port=read.port(),
            demo=read.choice("DEMO", ("0", "1"), "0") == "1",
            log=read.choice("LOG", ("text", "json"), cls.log),
            public_url=read.public_url(),
            trusted_proxies=read.whole("TRUSTED_PROXIES", cls.trusted_proxies),
            smtp_url=read.secret("SMTP_URL"),
        )
        read.finish()
        return settings


class _Reader:
    """Reads variables and keeps the complaints until all of them have been read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self._environ.get(f"LASTGOOD_{name}") or default

    def secret(self, name: str) -> str:
        path = self._environ.get(f"LASTGOOD_{name}_FILE")
        if not path:
            return self.text(name, "")
        try:
            return Path(path).read_text().strip()
        except OSError:
            self._complain(f"{name}_FILE", f"names {path!r}, which cannot be read")
            return ""

    def whole(self, name: str, default: int) -> int:
        raw = self.text(name, str(default))
        if not raw.isdecimal():
            self._complain(name, f"is {raw!r}, not a whole number")
            return default
        return int(raw)

    def port(self) -> int:
        port = self.whole("PORT", Settings.port)
        if not 0 < port < 65536:
            self._complain("PORT", f"is {port}, not between 1 and 65535")
        return port

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self._complain(name, f"is {value!r}, not {' or '.join(allowed)}")
        return value

    def public_url(self) -> str:
        raw = self.text("PUBLIC_URL", "").rstrip("/")
        if raw and (urlsplit(raw).scheme not in {"http", "https"} or not urlsplit(raw).netloc):
            self._complain("PUBLIC_URL", f"is {raw!r}, not an http:// or https:// address")
        return raw

    def database_url(self, home: Path) -> str:
        """SQLAlchemy's address, with the driver that we bring."""
        url = self.secret("DATABASE_URL") or f"sqlite:///{home / 'lastgood.db'}"
        if _is_postgresql(url):
            return self._postgresql("DATABASE_URL", url)
        if not url.startswith("sqlite:///"):
            self._complain("DATABASE_URL", "begins neither with sqlite:/// nor with postgresql://")
        return url

    def database_owner_url(self) -> str:
        """The same server's, with another role; empty where the database's own may do all."""
        url = self.secret("DATABASE_OWNER_URL")
        if url and not _is_postgresql(url):
            self._complain("DATABASE_OWNER_URL", "does not begin with postgresql://")
        return self._postgresql("DATABASE_OWNER_URL", url) if url else ""

    def queue_url(self, home: Path) -> str:
        """An address as its driver reads it: SQLite's, Redis', or libpq's."""
        url = self.secret("QUEUE_URL") or f"sqlite:///{home / 'queue.db'}"
        scheme, _, rest = url.partition("://")
        if _is_postgresql(url):
            self._require_name("QUEUE_URL", url)
            return f"postgresql://{rest}"
        if scheme not in {"redis", "rediss", "unix"} and not url.startswith("sqlite:///"):
            words = "begins neither with sqlite:/// nor with redis:// or postgresql://"
            self._complain("QUEUE_URL", words)
        return url

    def _postgresql(self, variable: str, url: str) -> str:
        self._require_name(variable, url)
        return f"{_POSTGRESQL}://{url.partition('://')[2]}"

    def _require_name(self, variable: str, url: str) -> None:
        """Without a name libpq would take the user's, and find somebody else's database."""
        if not urlsplit(url).path.strip("/"):
            self._complain(variable, "names no database: postgresql://user@host/NAME")

    def _complain(self, name: str, problem: str) -> None:
        self._problems.append(f"LASTGOOD_{name} {problem}")

    def finish(self) -> None:
        if self._problems:
            raise ConfigError("; ".join(self._problems) + ".")


def _is_postgresql(url: str) -> bool:
    return url.partition("://")[0] in {"postgresql", "postgres", _POSTGRESQL}
