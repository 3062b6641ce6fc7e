"""The web application: where all parts are put together."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import blueprints, database, schema, sessions
from webapp import models as models  # every table must be known before the first session
from webapp.extensions import csrf, db, htmx, login, migrate
from webapp.formatting import register as register_formatting
from webapp.jobs import queue
from webapp.services import installation, keys
from webapp.settings import Settings


def create_app(settings: Settings | None = None, *, unlock: bool = True) -> Flask:
    """Build the web application; jobs and commands use it for its context, too.

    Args:
        settings: read from the environment if not given.
        unlock: False before ``lastgood init`` has made database and keys.

    Raises:
        ConfigError: a variable is wrong, or the keys are not this database's.
        NotAnswering: the database is silent.
    """
    settings = settings or Settings.from_environ()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    app = Flask("webapp")
    app.config.update(_config(settings))
    app.extensions["settings"] = settings
    _bind_extensions(app)
    installation.bind(settings, None)
    if unlock:
        with app.app_context():
            ring = keys.load(settings)
            schema.require_newest()
        installation.bind(settings, ring)
        app.config["SECRET_KEY"] = ring.derive(f"sessions {ring.secret}").hex()
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    register_formatting(app)
    sessions.register(login)
    blueprints.register(app)
    queue.bind(app, settings)
    return app


def _bind_extensions(app: Flask) -> None:
    db.init_app(app)
    migrate.init_app(app, db, directory=str(schema.MIGRATIONS), render_as_batch=True)
    login.init_app(app)
    htmx.init_app(app)
    csrf.init_app(app)


def _config(settings: Settings) -> dict[str, object]:
    return {
        "TESTING": settings.testing,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": database.options(settings.database_url),
        "MAX_CONTENT_LENGTH": 1024 * 1024,
        "SESSION_COOKIE_NAME": "lastgood",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.cookies_are_secure,
        "PERMANENT_SESSION_LIFETIME": timedelta(seconds=settings.session_lifetime_seconds),
        "PREFERRED_URL_SCHEME": "https" if settings.cookies_are_secure else "http",
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session
        "WTF_CSRF_SSL_STRICT": settings.cookies_are_secure,
        "TEMPLATES_AUTO_RELOAD": False,
    }
