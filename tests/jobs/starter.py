"""One of several processes that start the same operation at once; says which run it got."""

from __future__ import annotations

import json
import sys
import threading
from uuid import UUID

from webapp import create_app
from webapp.domain.permissions import Permission
from webapp.extensions import db
from webapp.services import access as gate
from webapp.services import captures
from webapp.settings import Settings


def main(source_id: str, threads: str) -> None:
    app = create_app(Settings.from_environ())
    found: list[tuple[str, bool]] = []
    barrier = threading.Barrier(int(threads))

    def start() -> None:
        with app.app_context():
            access = gate.enter(gate.actor_called("olga@example.com"), "acme", Permission.OPERATE)
            db.session.rollback()
            barrier.wait()
            run, is_new = captures.start(access, UUID(source_id))
            found.append((str(run.id), is_new))

    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    everybody = [threading.Thread(target=start) for _ in range(int(threads))]
    for one in everybody:
        one.start()
    for one in everybody:
        one.join()
    print(json.dumps(found), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
