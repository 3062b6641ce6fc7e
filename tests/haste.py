"""What every test would wait for and no test is about. Nothing here changes what is tested."""

from __future__ import annotations

import gc
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from werkzeug.routing import Rule

from webapp.services import passwords

REAL_HASHER = passwords._hasher
_SLOW_WEIGHS = 50  # as many of the others
_MOST_STATEMENTS = 5000

_compile = Rule.compile
_make_engine = SQLAlchemy._make_engine
_routes: dict[object, Rule] = {}
_known: dict[str, Engine] = {}


def begin() -> None:
    """Called once in each process of tests, before any of them."""
    event.listen(Engine, "connect", _do_not_sync)
    SQLAlchemy._make_engine = _make_engine_that_knows
    Rule.compile = _compile_once
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def spare_what_is_there() -> None:
    """Thousands of collected tests are there to the end: looking through them again and again for
    what may go took seconds each time, a quarter of the whole."""
    gc.collect()
    gc.freeze()


def slow_files_first(items: list[pytest.Item]) -> None:
    """Whoever got them last would work alone in the end."""
    weights: Counter[Path] = Counter()
    for item in items:
        weights[item.path] += _SLOW_WEIGHS if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: -weights[item.path])


def _do_not_sync(connection: object, _record: object) -> None:
    """No test pulls the plug of this machine: its databases need not wait for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF").close()


def _learn(connection: Connection) -> None:
    """The first engine of each kind of database: by now it knows its server."""
    engine = connection.engine
    if engine.dialect.name not in _known:
        _known[engine.dialect.name] = engine
        engine._compiled_cache.capacity = _MOST_STATEMENTS


def _make_engine_that_knows(self: SQLAlchemy, *arguments: Any) -> Engine:
    """Each test has an engine of its own, but statements are the same for all: they are turned
    into SQL once."""
    engine = _make_engine(self, *arguments)
    if known := _known.get(engine.dialect.name):
        engine.dialect, engine._compiled_cache = known.dialect, known._compiled_cache
    else:
        event.listen(engine, "engine_connect", _learn)
    return engine


def _compile_once(rule: Rule) -> None:
    """A route is the same in each app, and making sense of them was most of making one."""
    key = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, repr(rule.defaults))
    known = _routes.get(key)
    if known is None:
        _compile(rule)
        _routes[key] = rule
        return
    rule._parts, rule._trace = known._parts, known._trace
    rule._converters, rule.arguments = known._converters, known.arguments
    rule._build = known._build.__func__.__get__(rule)
    rule._build_unknown = known._build_unknown.__func__.__get__(rule)
