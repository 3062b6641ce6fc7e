"""What the form of a schedule shows around what was typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from flask import request

from webapp import clock
from webapp.blueprints.schedules.outlook import Outlook
from webapp.blueprints.web.abilities import abilities
from webapp.domain.schedules import Draft
from webapp.domain.tenants import zones
from webapp.forms.overlapping import as_form
from webapp.forms.schedules import BLANK, ScheduleForm, values_of
from webapp.models import BackupSchedule, Source
from webapp.services import schedules
from webapp.services.access import Access

TYPES = (
    ("full", "Everything", ""),
    ("db", "The database only", ""),
    ("files", "The files only", ""),
)
LABELS = {
    "name": "Name",
    "frequency": "How often",
    "timezone": "Time zone",
    "time_of_day": "Time",
    "days_of_week": "Days (1 is Monday)",
    "cron": "Cron line",
    "backup_type": "What is captured",
    "retention_keep_last": "Restore points to keep",
    "hourly": "One an hour, for hours",
    "daily": "One a day, for days",
    "weekly": "One a week, for weeks",
    "monthly": "One a month, for months",
    "yearly": "One a year, for years",
    "within_days": "All of the last days",
    "missed": "If it could not run",
}
_IN_PARTS = ("site",)  # kinds of which a part can be captured alone


def starting(access: Access) -> Draft:
    """What a new schedule of this tenant begins with."""
    return replace(BLANK, timezone=access.tenant.timezone)


def facts(
    access: Access,
    values: Mapping[str, str],
    *,
    source: Source,
    schedule: BackupSchedule | None = None,
    problems: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """For a form that holds *values*; *schedule* is the one that it changes, if any."""
    looked_at = ScheduleForm.parse(as_form(values), base=starting(access))
    return {
        "tenant": access.tenant,
        "source": source,
        "schedule": schedule,
        "values": values,
        "problems": problems or {},
        "zones": zones(),
        "types": [one for one in TYPES if source.kind in _IN_PARTS or one[0] == "full"],
        "labels": LABELS,
        "overlap": None,
        **abilities(access),
        "outlook": Outlook.of(
            looked_at.draft,
            tenant_zone=access.tenant.timezone,
            at=clock.now(),
            problems=looked_at.problems,
        ),
        **(_opened(schedule) if schedule else {}),
    }


def _opened(schedule: BackupSchedule) -> dict[str, object]:
    """What the form was opened with: it carries that along until it is saved."""
    if "version" in request.form:
        return {
            "version": request.form.get("version", 0, type=int),
            "opened": request.form.get("opened", ""),
        }
    return opened_now(schedule)


def opened_now(schedule: BackupSchedule) -> dict[str, object]:
    current = values_of(schedules.draft_of(schedule))
    return {"version": schedule.version, "opened": json.dumps(current)}
