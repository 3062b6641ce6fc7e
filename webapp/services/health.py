"""Is this process able to serve? For load balancers and supervisors."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from webapp.extensions import db


def database_answers() -> bool:
    """Say whether the database can be read at this moment."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    finally:
        db.session.rollback()
    return True
