"""The bulk operations that come with the console: capturing sources, verifying backup sets."""

from __future__ import annotations

from uuid import UUID

from webapp.items import Json
from webapp.models import Run
from webapp.services import captures, verification
from webapp.services.access import Access
from webapp.services.bulk.operations import register


def capture(access: Access, item_id: UUID, options: Json) -> tuple[Run, bool]:
    """Capture one source, by a run of its own."""
    reason = str(options.get("reason", ""))
    return captures.start(access, item_id, reason=reason, run_id=UUID(str(options["run_id"])))


def verify(access: Access, item_id: UUID, options: Json) -> tuple[Run, bool]:
    """Read one backup set back, by a run of its own."""
    return verification.start(access, item_id, run_id=UUID(str(options["run_id"])))


register("source", "capture", capture)
register("backup_set", "verify", verify)
