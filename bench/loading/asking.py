"""Asking for pages as a person does, without a network: how long, by how many queries, and how."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bench.loading import filling
from bench.loading.report import share
from webapp.extensions import db

Statement = tuple[str, Any]
_WARM = 3


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How the server answered one address many times."""

    median_ms: float
    p95_ms: float
    queries: int
    kilobytes: float


def browser(app: Flask, name: str) -> FlaskClient:
    """Somebody signed in."""
    client = app.test_client()
    with app.app_context():
        session_id = filling.person_called(name).get_id()
    with client.session_transaction() as session:
        session.update({"_user_id": session_id, "_fresh": True, "begun": int(time.time())})
    return client


def ask(client: FlaskClient, address: str, *, engine: Engine, times: int) -> Answer:
    """Ask often, one after the other, once all is warm."""
    for _ in range(_WARM):
        response = client.get(address)
        assert response.status_code == 200, (address, response.status_code)
    with watched(engine) as seen:
        client.get(address)
    found = sorted(_timed(client, address) for _ in range(times))
    return Answer(
        median_ms=round(found[len(found) // 2], 2),
        p95_ms=round(share(found, 0.95), 2),
        queries=len(seen),
        kilobytes=round(len(response.data) / 1024, 1),
    )


def _timed(client: FlaskClient, address: str) -> float:
    began = time.perf_counter()
    response = client.get(address)
    took = (time.perf_counter() - began) * 1000
    assert response.status_code == 200
    return took


@contextmanager
def watched(engine: Engine) -> Iterator[list[Statement]]:
    """The statements that reach the database meanwhile."""
    seen: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def explain(engine: Engine, statement: Statement) -> str:
    """How the database goes about a SELECT; with the times it took on PostgreSQL."""
    text, parameters = statement
    is_sqlite = engine.dialect.name == "sqlite"
    how = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN (ANALYZE, BUFFERS)"
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{how} {text}", parameters).all()
        connection.rollback()
    return "\n".join(str(row[-1]) for row in rows)


def slowest(client: FlaskClient, address: str) -> list[tuple[float, str]]:
    """The statements behind an address with milliseconds and plan of each, slowest first."""
    engine = _engine(client)
    with watched(engine) as seen:
        client.get(address)
    found = []
    for statement in seen:
        if statement[0].lstrip().upper().startswith(("SELECT", "WITH")):
            took = _one(engine, statement)
            found.append((took, f"{statement[0]}\n{explain(engine, statement)}"))
    return sorted(found, reverse=True)


def _one(engine: Engine, statement: Statement) -> float:
    with engine.connect() as connection:
        began = time.perf_counter()
        connection.exec_driver_sql(*statement).all()
        took = (time.perf_counter() - began) * 1000
        connection.rollback()
    return round(took, 2)


def _engine(client: FlaskClient) -> Engine:
    with client.application.app_context():
        return db.engine
