"""Starting while the database is still on its way, as after a power cut: processes wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Flask

from webapp import create_app
from webapp.errors import ConfigError, NotAnswering
from webapp.settings import Settings

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>The database does not answer</title>
<h1>The database does not answer</h1>
<p>Please try again in a minute. Whatever was accepted before is kept.</p>
</html>
"""
_Answer = tuple[str, str, str]
_ALIVE: _Answer = ("200 OK", "text/plain", "ok\n")
_NOT_READY: _Answer = ("503 Service Unavailable", "text/plain", "the database does not answer\n")
_SORRY: _Answer = ("503 Service Unavailable", "text/html", _PAGE)
_ANSWERS = {"/healthz": _ALIVE, "/livez": _ALIVE, "/readyz": _NOT_READY}


def patiently(settings: Settings, *, beyond: type[ConfigError] = NotAnswering) -> Flask:
    """The application, as soon as it can be had; why not yet is logged once for each reason.

    Args:
        beyond: what is waited out.

    Raises:
        ConfigError: anything else is wrong.
    """
    told = ""
    while True:
        try:
            return create_app(settings)
        except beyond as problem:
            if str(problem) != told:
                log.error("%s This process waits for it.", problem)
            told = str(problem)
        time.sleep(RETRY_SECONDS)


class Site:
    """The web application, or a page that says why there is none yet.

    Args:
        app: the application, if there is one.

    Raises:
        ConfigError: something else than a silent database keeps it from starting.
    """

    def __init__(self, settings: Settings, app: Flask | None = None) -> None:
        self._app = app
        try:
            self._app = app or create_app(settings)
        except NotAnswering:
            threading.Thread(target=self._wait, args=(settings,), daemon=True).start()

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if self._app is not None:
            return self._app(environ, start_response)  # type: ignore[arg-type]
        status, kind, text = _ANSWERS.get(str(environ.get("PATH_INFO")), _SORRY)
        body = text.encode()
        headers = [
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Retry-After", "5"),
        ]
        start_response(status, headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def _wait(self, settings: Settings) -> None:
        # Tables that are missing or old when it answers are waited for, too: ``lastgood init``
        # may be about to make them.
        self._app = patiently(settings, beyond=ConfigError)
