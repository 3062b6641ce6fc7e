"""A schedule in plain words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from webapp.domain import schedule_words as words
from webapp.domain.schedules import Draft

NIGHTLY = Draft(name="Nightly", frequency="daily", timezone="Europe/Berlin", time_of_day="02:30")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Every day at 02:30 (Europe/Berlin time)"),
        ({"timezone": ""}, "Every day at 02:30 (each customer's own time)"),
        (
            {"frequency": "weekly", "days_of_week": (4, 1)},
            "Every Monday and Thursday at 02:30 (Europe/Berlin time)",
        ),
        (
            {"frequency": "weekly", "days_of_week": (1, 2, 3, 4, 5)},
            "Every weekday at 02:30 (Europe/Berlin time)",
        ),
        ({"frequency": "cron", "cron": "*/15 * * * *"}, "Every 15 minutes (Europe/Berlin time)"),
        (
            {"frequency": "cron", "cron": "5  * * * *"},
            "Every hour at minute 5 (Europe/Berlin time)",
        ),
        (
            {"frequency": "cron", "cron": "0 3 * * 1-5"},
            "Every weekday at 03:00 (Europe/Berlin time)",
        ),
        (
            {"frequency": "cron", "cron": "0 3 L * *"},
            "Whenever 0 3 L * * says so (Europe/Berlin time)",
        ),
    ],
    ids=["daily", "own zone", "weekly", "weekdays", "minutes", "hours", "by cron", "other cron"],
)
def test_says_when_it_runs(changes, sentence):
    assert words.when(replace(NIGHTLY, **changes)) == sentence


def test_a_cron_line_that_does_not_divide_the_hour_is_not_called_regular():
    odd = replace(NIGHTLY, frequency="cron", cron="*/7 * * * *")

    assert words.when(odd).startswith("Whenever")


@pytest.mark.parametrize(
    ("keep", "retention", "sentence"),
    [
        (30, {}, "Keeps the newest 30 restore points"),
        (1, {"within_days": 3}, "Keeps the newest 1 restore point, all of the last 3 days"),
        (
            7,
            {"monthly": 12, "weekly": 1},
            "Keeps the newest 7 restore points, and of older ones the last of each week for 1 week"
            " and the last of each month for 12 months",
        ),
    ],
)
def test_says_what_is_kept(keep, retention, sentence):
    draft = replace(NIGHTLY, retention_keep_last=keep, retention=retention)

    assert words.keeping(draft) == sentence


def test_the_summary_tells_all_of_it():
    text = words.summary(replace(NIGHTLY, backup_type="db", missed="once"))

    assert "Captures the database only." in text
    assert "it runs once as soon as it can." in text
