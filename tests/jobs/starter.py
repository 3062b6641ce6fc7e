"""One of several processes that start the same operation at once; says which run it got."""

from __future__ import annotations

import threading
from multiprocessing.connection import Connection
from uuid import UUID

from webapp import create_app
from webapp.domain.permissions import Permission
from webapp.extensions import db
from webapp.services import access as gate
from webapp.services import captures
from webapp.settings import Settings


def start(source_id: str, threads: int, told: Connection) -> None:
    """Say that all is ready, wait for a word, start, and send the runs and whether they are new."""
    app = create_app(Settings.from_environ())
    found: list[tuple[str, bool]] = []
    barrier = threading.Barrier(threads)

    def press() -> None:
        with app.app_context():
            access = gate.enter(gate.actor_called("olga@example.com"), "acme", Permission.OPERATE)
            db.session.rollback()
            barrier.wait()
            run, is_new = captures.start(access, UUID(source_id))
            found.append((str(run.id), is_new))

    told.send("ready")
    told.recv()
    everybody = [threading.Thread(target=press) for _ in range(threads)]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
    told.send(found)
