"""``lastgood serve`` and its parts: web server, worker, scheduler."""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import socket
import threading
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication

from webapp import create_app
from webapp.cli import logs
from webapp.cli.framework import EXIT, Console
from webapp.cli.processes import Supervisor
from webapp.cli.starting import Site, patiently
from webapp.errors import ConfigError, NotAnswering, NotFound
from webapp.extensions import db
from webapp.jobs import scheduler as scheduler_job
from webapp.jobs import worker as worker_job
from webapp.services import processes
from webapp.settings import Settings

log = logging.getLogger(__name__)

_THREADS = 8


def _address(function: Any) -> Any:
    """The two options that say where to listen."""
    host = click.option("--host", help="Address to listen on, instead of LASTGOOD_HOST.")
    port = click.option(
        "--port", type=click.IntRange(1, 65535), help="Port, instead of LASTGOOD_PORT."
    )
    return host(port(function))


def _checkable(function: Any) -> Any:
    """The option of those that no address can be asked for."""
    words = "Only say whether one lives on this host: exit code 0, or 1."
    return click.option("--check", is_flag=True, help=words)(function)


@click.command("serve")
@_address
@click.option("-w", "--workers", default=2, show_default=True, help="Runs worked on at a time.")
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Start web server, worker and scheduler as one process tree. Ctrl-C stops all of it.

    Example: lastgood serve --port 8080
    """
    settings = _settings(host, port)
    logs.configure(settings)
    _look_at(settings)
    _require_free(settings)
    where = ["--host", settings.host, "--port", str(settings.port)]
    Console.say(f"Lastgood runs at {settings.public_url or _url(settings)} (Ctrl-C stops it)")
    Supervisor(
        {
            "web": ["web", *where],
            "worker": ["worker", "-w", str(workers)],
            "scheduler": ["scheduler"],
        }
    ).run()
    Console.say("Stopped.")


@click.command("web")
@_address
def web(host: str | None, port: int | None) -> None:
    """Start the web server alone.

    Example: lastgood web --host 0.0.0.0
    """
    settings = _settings(host, port)
    logs.configure(settings)
    app = _look_at(settings)
    _require_free(settings)
    _Gunicorn(settings, app).run()


@click.command("worker")
@click.option("-w", "--workers", default=2, show_default=True, help="Runs worked on at a time.")
@_checkable
def worker(workers: int, check: bool) -> None:
    """Start a worker: it carries out captures, previews and restores.

    Example: lastgood worker -w 4
    """
    if check:
        _require_alive(processes.WORKER)
        return
    settings = Settings.from_environ()
    logs.configure(settings)
    worker_job.run(patiently(settings), settings, workers=workers)
    # Threads that are stuck in a system call must not keep the process: the rows know what is
    # unfinished, and the next worker takes it over.
    logging.shutdown()
    os._exit(EXIT.DONE)


@click.command("scheduler")
@_checkable
def scheduler(check: bool) -> None:
    """Start the scheduler: one tick a minute.

    Example: lastgood scheduler
    """
    if check:
        _require_alive(processes.SCHEDULER)
        return
    settings = Settings.from_environ()
    logs.configure(settings)
    app = patiently(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    scheduler_job.run(app, stop)


def _look_at(settings: Settings) -> Flask | None:
    """Keys and settings are right, or this is the one sentence that says why. A silent database is
    told, too, and waited for by each process of the tree.

    Raises:
        ConfigError: they are wrong.
    """
    try:
        app = create_app(settings)
        with app.app_context():
            db.engine.dispose()  # no connection is shared with a process that this one makes
        return app
    except NotAnswering as problem:
        Console.complain(problem)
        return None


class _Gunicorn(BaseApplication):
    """The web server: one process, a few threads; nothing is kept outside database and vault."""

    def __init__(self, settings: Settings, app: Flask | None) -> None:
        self._settings, self._app = settings, app
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": [f"{self._settings.host}:{self._settings.port}"],
            "workers": 1,
            "worker_class": "gthread",
            "threads": _THREADS,
            "graceful_timeout": 5,
            "timeout": 60,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "lastgood",
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Site:
        return Site(self._settings, self._app)


def _require_alive(kind: str) -> None:
    """Raises:
    NotFound: no process of this *kind* has shown itself lately on this host.
    """
    host = socket.gethostname()
    with create_app().app_context():
        if not processes.is_alive(kind, host=host):
            raise NotFound(f"No {kind} of {host} has shown itself lately.")
    Console.say(f"A {kind} lives on {host}.")


def _settings(host: str | None, port: int | None) -> Settings:
    settings = Settings.from_environ()
    return dataclasses.replace(settings, host=host or settings.host, port=port or settings.port)


def _url(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}/"


def _require_free(settings: Settings) -> None:
    """Raises:
    ConfigError: somebody listens there already, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigError(
                f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
                "Choose another with --port or LASTGOOD_PORT."
            ) from None


COMMANDS = (serve, web, worker, scheduler)
