"""One meaning of newest, last and worst, in the database as in the domain."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from tests import factories
from webapp import clock
from webapp.domain.health import Facts, judge
from webapp.domain.restore_points import BackupType, SetStatus
from webapp.domain.runs import RunState
from webapp.extensions import db
from webapp.models import Source
from webapp.services import source_facts

pytestmark = pytest.mark.usefixtures("people", "context")

NOW = clock.now()
HOUR = timedelta(hours=1)
AGES = (None, HOUR, 30 * HOUR)
STATES = (None, RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED)


def made(age=None, state=None, *, is_running=False, kind="files", **of_set) -> Source:
    """A source with a restore point of that age, whose last capture ended so."""
    source = factories.source(factories.tenant_called("acme"), kind=kind, name=f"s{next(_n)}")
    if age is not None:
        before = factories.run(source, queued_at=NOW - age - HOUR)
        factories.backup_set(before, **{"finished_at": NOW - age, **of_set})
    if state is not None:
        factories.run(source, status=state, queued_at=NOW - HOUR / 2)
    if is_running:
        factories.run(source, status=RunState.QUEUED, queued_at=NOW)
    return source


_n = itertools.count()


def known_of(sources: list[Source]) -> dict[object, object]:
    db.session.commit()
    known = source_facts.known((), *source_facts.work())
    query = select(known, source_facts.rank(known, NOW), source_facts.strain(known, NOW))
    return {row.source_id: row for row in db.session.execute(query)}


def test_the_database_ranks_as_the_domain_judges():
    cases = list(itertools.product(AGES, STATES, (False, True)))
    sources = [made(age, state, is_running=running) for age, state, running in cases]
    rows = known_of(sources)

    ranked = [rows[source.id][-2] for source in sources]

    expected = []
    for age, state, running in cases:
        last = state or (RunState.SUCCEEDED if age is not None else None)
        facts = Facts(
            target_minutes=24 * 60,
            newest_good_at=None if age is None else NOW - age,
            last_state=last,
            is_running=running,
        )
        expected.append(judge(facts, at=NOW)[0].rank)
    assert ranked == expected


def test_the_age_is_measured_against_the_source_s_own_target_first():
    usual, own = made(12 * HOUR), made(12 * HOUR)
    own.recovery_point_minutes = 6 * 60
    rows = known_of([usual, own])

    assert rows[usual.id][-1] == pytest.approx(0.5, abs=1e-6)
    assert rows[own.id][-1] == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize(
    "facts",
    [
        {"status": SetStatus.PARTIAL},
        {"backup_type": BackupType.PRE_RESTORE},
        {"deleted_at": NOW},
        {"kind": "site", "backup_type": BackupType.DB},
        {"kind": "site", "backup_type": BackupType.FILES},
    ],
    ids=["partial", "of a restore", "in the trash", "a database of a site", "files of a site"],
)
def test_what_does_not_hold_all_of_a_source_is_not_good(facts):
    source = made(HOUR, **facts)

    assert known_of([source])[source.id].good_at is None


@pytest.mark.parametrize(
    ("kind", "backup_type"), [("site", "full"), ("files", "files"), ("sqlite", "db")]
)
def test_what_does_is(kind, backup_type):
    source = made(HOUR, kind=kind, backup_type=BackupType(backup_type))

    assert known_of([source])[source.id].good_at == NOW - HOUR


def test_a_canceled_capture_says_nothing():
    source = made(HOUR, RunState.PARTIAL)
    factories.run(source, status=RunState.CANCELED, queued_at=NOW)

    assert known_of([source])[source.id].last is RunState.PARTIAL


@pytest.mark.sqlite_only
@pytest.mark.parametrize("index", ["ix_backup_sets_good", "ix_runs_captured"])
def test_the_newest_of_each_source_is_found_in_an_index_alone(index):
    query = (
        source_facts.known((), *source_facts.work())
        .select()
        .compile(db.engine, compile_kwargs={"literal_binds": True})
    )

    plan = [row[-1] for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {query}"))]

    assert any(f"USING COVERING INDEX {index} " in step for step in plan), plan
