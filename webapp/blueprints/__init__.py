"""Page families. Each is a folder with a blueprint called ``bp``; all are found and registered."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from flask import Flask

from webapp.blueprints.web import errors, headers, shell, static_files


def register(app: Flask) -> None:
    headers.register(app)
    errors.register(app)
    shell.register(app)
    static_files.register(app)
    for found in pkgutil.iter_modules(__path__):
        module = import_module(f"{__name__}.{found.name}")
        if hasattr(module, "bp"):
            app.register_blueprint(module.bp)
