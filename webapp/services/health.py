"""Is this process able to serve? For load balancers and supervisors."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from webapp.extensions import db
from webapp.services import processes


def database_answers() -> bool:
    """Say whether the database can be read at this moment."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    finally:
        with suppress(SQLAlchemyError):
            db.session.rollback()
    return True


def trouble() -> str:
    """What keeps work waiting although this process serves; empty if nothing is known."""
    return processes.trouble()
