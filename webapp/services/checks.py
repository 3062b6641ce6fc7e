"""The live check of a source, made by a worker: pages never touch a source."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from webapp import clock
from webapp.connectors import registry
from webapp.connectors.base import Finding
from webapp.domain.outcomes import Counted
from webapp.domain.permissions import Permission
from webapp.domain.runs import RunType
from webapp.errors import ConnectorError, Invalid, NotFound
from webapp.extensions import db
from webapp.models import Run, Source
from webapp.services import access as gate
from webapp.services import progress, runs, surroundings
from webapp.services.access import Access
from webapp.services.claims import Claim
from webapp.services.runs import Ending

LEVELS = ("ok", "warning", "error")


def start(access: Access, source_id: UUID) -> tuple[Run, bool]:
    """Queue a live check of a source; identical starts share one run."""
    access.require(Permission.OPERATE)
    source = gate.find(access, Source, source_id)
    return runs.request(
        access, RunType.MAINTENANCE, "check", key=f"check:{source.id}", source_id=source.id
    )


def carry_out(claim: Claim) -> Ending:
    """Look at the live source, and keep what was found beside it."""
    run = db.session.get_one(Run, claim.run_id)
    source = db.session.get(Source, run.source_id)
    if source is None or source.removed_at is not None:
        raise NotFound("The source was removed.")
    kind, config = source.kind, dict(source.config)
    db.session.rollback()
    progress.phase(claim, "looking")
    with surroundings.prepared(claim) as around:
        try:
            findings = registry.connect(kind, config, around).check()
        except ConnectorError as error:
            findings = [Finding(level="error", message=str(error), code=error.code)]
        except Invalid as error:
            findings = [
                Finding(level="error", message=text, code="invalid")
                for text in error.fields.values()
            ]
    return _ending(findings)


def _ending(findings: Sequence[Finding]) -> Ending:
    worst = worst_of(findings)
    bad = next((finding for finding in findings if finding.level == "error"), None)

    def also(run: Run) -> None:
        source = db.session.get_one(Source, run.source_id)
        source.checked_at = clock.now()
        source.check_status = worst
        source.check_findings = [
            {"level": found.level, "message": found.message, "code": found.code}
            for found in findings
        ]

    good = sum(finding.level != "error" for finding in findings)
    return Ending(
        counted=Counted(done=0 if bad else max(good, 1), failed=1 if bad else 0),
        error_code=(bad.code or "check_failed") if bad else None,
        failure_reason=bad.message if bad else None,
        values={
            "total_items": len(findings),
            "processed_items": len(findings),
            "succeeded": good,
            "failed": len(findings) - good,
        },
        also=also,
    )


def worst_of(findings: Sequence[Finding]) -> str:
    return max((finding.level for finding in findings), key=LEVELS.index, default="ok")
