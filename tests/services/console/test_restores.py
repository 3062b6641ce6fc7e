"""The console comes back on a machine that has nothing, and what it then says is true."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import factories
from webapp import clock
from webapp.domain.plans import PlanState
from webapp.domain.runs import RunState, RunType
from webapp.domain.schedules import SlotStatus
from webapp.extensions import db
from webapp.models import (
    INSTALLATION_CHAIN,
    AuditEntry,
    BackupScheduleRun,
    BackupSet,
    BulkOperationRun,
    ChannelMessage,
    MessageState,
    ProcessSign,
    RestorePlan,
    RestoreRun,
    Run,
    Source,
    Tenant,
)
from webapp.services import audit_chain, captures, console_backups, processes, sets, vaults, work


@pytest.fixture
def home(tmp_path):
    """The data folder of the next machine."""
    return tmp_path / "next" / "home"


@pytest.fixture
def captured(enter, website, work_off) -> BackupSet:
    """A restore point in Acme's own vault."""
    run, _ = captures.start(enter("olga"), website.id)
    work_off()
    db.session.rollback()
    return sets.of_run(enter("olga"), db.session.get_one(Run, run.id))


def test_a_tenants_vault_opens_again_on_an_empty_machine(
    captured, backed_up, restored, entered, home, settings
):
    tenant_id, snapshot_id = captured.tenant_id, captured.snapshot_ids[0]
    backed_up()
    shutil.copytree(settings.vaults, home / "vaults")

    done = restored(home)

    assert done["away"] == {}
    with entered(home), vaults.opened(tenant_id) as vault:
        entry = next(one for one in vault.entries(snapshot_id) if one.path.endswith(b"page3.html"))
        assert vault.open_content(entry).read() == b"<p>3</p>\n"


@pytest.mark.sqlite_only
def test_a_restored_console_goes_on(captured, backed_up, restored, entered, home, settings):
    source_id, tenant_id = captured.source_id, captured.tenant_id
    backed_up()
    shutil.copytree(settings.vaults, home / "vaults")
    restored(home)

    with entered(home):
        source = db.session.get_one(Source, source_id)
        tenant = db.session.get_one(Tenant, tenant_id)
        run = factories.run(
            source, status=RunState.QUEUED, started_at=None, finished_at=None, queued_at=clock.now()
        )
        db.session.commit()
        work.carry_out(run.id, owner="test")
        db.session.rollback()
        assert db.session.get_one(Run, run.id).status is RunState.SUCCEEDED
        assert audit_chain.verify(tenant.id).ok
        assert audit_chain.verify(INSTALLATION_CHAIN).ok


@pytest.mark.sqlite_only
def test_init_finds_everything_there(people, context, backed_up, restored, lastgood, home):
    backed_up()
    restored(home)

    ended = lastgood("init", "--json", home=home)

    assert ended.code == 0, ended.err
    assert ended.data["created"] is False
    assert (home / "master.key").stat().st_mode & 0o777 == 0o600
    assert (home / "restored" / "settings.env").is_file()
    assert not (home / ".restoring").exists()


@pytest.mark.sqlite_only
def test_a_vault_that_is_not_there_yet_is_named(captured, backed_up, restored, home):
    backed_up()

    done = restored(home)

    assert done["away"] == {"acme": str(home / "vaults" / str(captured.tenant_id))}


def active(website, kind: RunType, status: RunState, **facts: object) -> Run:
    at = clock.now() - timedelta(minutes=2)
    began = {"started_at": at, "lease_until": at, "fence": 1, "attempt": 1}
    first = began if status is RunState.RUNNING else {"started_at": None}
    return factories.run(website, run_type=kind, status=status, finished_at=None, **first, **facts)


def restore_run(website, point: BackupSet, status: RunState, **facts: object) -> Run:
    plan = factories.plan(point, state=PlanState.EXECUTING)
    run = active(website, RunType.RESTORE, status, action="apply", **facts)
    link = RestoreRun(
        tenant_id=run.tenant_id,
        run_id=run.id,
        backup_set_id=point.id,
        plan_id=plan.id,
        is_dry_run=False,
    )
    db.session.add(link)
    db.session.flush()
    return run


def ends(ids: dict[str, object]) -> dict[str, tuple[str, str | None]]:
    found = {name: db.session.get_one(Run, run_id) for name, run_id in ids.items()}
    return {name: (str(run.status), run.error_code) for name, run in found.items()}


def test_what_was_under_way_ends_and_only_captures_begin_again(
    website, backed_up, restored, entered, home
):
    point = factories.backup_set(factories.run(website))
    bulk = active(
        website, RunType.BULK, RunState.QUEUED, source_id=None, metadata_={"resource": "source"}
    )
    link = BulkOperationRun(
        tenant_id=bulk.tenant_id, run_id=bulk.id, resource="source", action="capture",
        item_ids=[str(website.id)],
    )  # fmt: skip
    db.session.add(link)
    runs = {
        "capturing": active(website, RunType.CAPTURE, RunState.RUNNING, succeeded=3),
        "capture": active(website, RunType.CAPTURE, RunState.QUEUED),
        "restoring": restore_run(website, point, RunState.RUNNING, succeeded=2),
        "restore": restore_run(website, point, RunState.QUEUED),
        "retried restore": restore_run(website, point, RunState.QUEUED, succeeded=1),
        "verifying": active(website, RunType.MAINTENANCE, RunState.RUNNING, action="verify"),
        "bulk": bulk,
    }
    ids = {name: run.id for name, run in runs.items()}
    db.session.commit()
    backed_up()

    done = restored(home)

    assert (done["ended"], done["waiting"]) == (6, 1)
    with entered(home):
        assert ends(ids) == {
            "capturing": ("failed", "console_restored"),
            "capture": ("queued", None),
            "restoring": ("partial", "console_restored"),
            "restore": ("failed", "console_restored"),
            "retried restore": ("partial", "console_restored"),
            "verifying": ("failed", "console_restored"),
            "bulk": ("failed", "console_restored"),
        }
        said = db.session.get_one(Run, ids["restore"]).failure_reason
        assert "may have been carried out since" in said
        plans = set(db.session.scalars(select(RestorePlan.state)))
        assert plans == {PlanState.EXECUTED, PlanState.STALE}


@pytest.mark.sqlite_only
def test_a_slot_and_a_preview_end_with_the_console(website, backed_up, restored, entered, home):
    run = active(website, RunType.CAPTURE, RunState.RUNNING, action="scheduled")
    schedule = factories.schedule(website)
    slot = factories.slot(schedule, run, status=SlotStatus.RUNNING)
    plan = factories.plan(factories.backup_set(factories.run(website)), state=PlanState.APPROVED)
    slot_id, plan_id = slot.id, plan.id
    db.session.commit()
    backed_up()

    done = restored(home)

    assert done["plans"] == 1
    with entered(home):
        assert db.session.get_one(BackupScheduleRun, slot_id).status is SlotStatus.FAILED
        assert db.session.get_one(RestorePlan, plan_id).state is PlanState.EXPIRED


def test_nothing_is_told_twice_and_no_dead_process_is_believed_alive(
    website, backed_up, restored, entered, home
):
    tenant = factories.tenant_called("acme")
    channel = factories.channel(tenant)
    message = ChannelMessage(
        channel_id=channel.id, tenant_id=tenant.id, key="k", subject="s", body="b",
        next_try_at=clock.now(), created_at=clock.now(),
    )  # fmt: skip
    db.session.add(message)
    db.session.flush()
    message_id = message.id
    db.session.commit()
    processes.Presence(db.engine, processes.WORKER).show()
    backed_up()

    restored(home)

    with entered(home):
        assert db.session.get_one(ChannelMessage, message_id).state is MessageState.GIVEN_UP
        assert db.session.scalars(select(ProcessSign)).all() == []
        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "console.restored")
        ).one()
        assert entry.tenant_id is None


@pytest.mark.sqlite_only
def test_everybody_signs_in_again(app, people, backed_up, restored, home, settings):
    backed_up()

    restored(home)

    assert (home / "secret.key").read_text() != (settings.home / "secret.key").read_text()


@pytest.mark.sqlite_only
def test_a_wrong_master_key_is_refused_in_one_sentence(context, lastgood, backed_up, vault, home):
    backed_up()

    ended = lastgood(
        "console", "restore", vault, "--master-key-file", "-", home=home, stdin="ab" * 32
    )

    assert ended.code == 4
    assert ended.err.count("\n") == 1
    assert "recovery sheet" in ended.err
    assert not (home / "lastgood.db").exists()
    assert not (home / "master.key").exists()


@pytest.mark.parametrize("typed", ["", "ab", "zz" * 32])
@pytest.mark.sqlite_only
def test_what_is_no_key_is_refused(context, lastgood, backed_up, vault, home, typed):
    backed_up()

    ended = lastgood("console", "restore", vault, "--master-key-file", "-", home=home, stdin=typed)

    assert ended.code == 1
    assert "64 digits" in ended.err


@pytest.mark.sqlite_only
def test_without_a_key_and_a_terminal_it_is_asked_for(context, lastgood, backed_up, vault, home):
    backed_up()

    ended = lastgood("console", "restore", vault, home=home)

    assert ended.code == 2
    assert "--master-key-file" in ended.err


@pytest.mark.sqlite_only
def test_the_key_may_be_typed_as_it_is_printed(context, lastgood, backed_up, vault, home, settings):
    backed_up()
    key = settings.master_key_file.read_text().strip()
    typed = "\n".join("  ".join((key[at : at + 4], key[at + 4 : at + 8])) for at in range(0, 64, 8))

    ended = lastgood("console", "restore", vault, "--master-key-file", "-", home=home, stdin=typed)

    assert ended.code == 0, ended.err
    assert "Restored the console" in ended.out


@pytest.mark.parametrize("found", ["lastgood.db", "notes.txt"])
@pytest.mark.sqlite_only
def test_a_folder_that_holds_something_is_refused(
    context, lastgood, backed_up, vault, home, found, settings
):
    backed_up()
    home.mkdir(parents=True)
    (home / found).write_text("mine")

    ended = lastgood(
        "console", "restore", vault, "--master-key-file", settings.master_key_file, home=home
    )

    assert ended.code == 4
    assert found in ended.err
    assert (home / found).read_text() == "mine"


@pytest.mark.sqlite_only
def test_a_restore_that_was_cut_short_is_repeated(
    context, lastgood, backed_up, restored, vault, home, settings, monkeypatch
):
    backed_up()
    with monkeypatch.context() as patch:
        patch.setattr("webapp.services.console_restores.put_in_place", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lastgood(
                "console", "restore", vault,
                "--master-key-file", settings.master_key_file, home=home,
            )  # fmt: skip

    assert not (home / "lastgood.db").exists()
    restored(home)


@pytest.mark.sqlite_only
def test_a_backup_of_a_later_release_is_refused(
    context, lastgood, backed_up, vault, home, settings, monkeypatch
):
    with monkeypatch.context() as patch:
        facts = console_backups.facts
        later = lambda at: {**facts(at=at), "revision": "9999"}  # noqa: E731
        patch.setattr(console_backups, "facts", later)
        backed_up()

    ended = lastgood(
        "console", "restore", vault, "--master-key-file", settings.master_key_file, home=home
    )

    assert ended.code == 1
    assert "later release" in ended.err
    assert not home.exists()


@pytest.mark.sqlite_only
def test_another_snapshot_than_a_consoles_is_refused(
    context, lastgood, backed_up, vault, home, settings, tmp_path
):
    (tmp_path / "letters").mkdir()
    backed_up()
    other = lastgood("vault", "backup", vault, tmp_path / "letters", "--json").data["snapshot_id"]
    key = ("--master-key-file", settings.master_key_file)

    ended = lastgood("console", "restore", vault, "--snapshot", other, *key, home=home)

    assert ended.code == 1
    assert "no backup of a console" in ended.err


@pytest.mark.sqlite_only
def test_an_older_backup_can_be_chosen(people, context, lastgood, backed_up, restored, home):
    first = backed_up()["snapshot_id"]
    factories.member(factories.tenant_called("acme"), email="new@example.com")
    db.session.commit()
    backed_up()

    restored(home, "--snapshot", first[:8])

    with closing(sqlite3.connect(home / "lastgood.db")) as connection:
        query = "SELECT 1 FROM users WHERE email = 'new@example.com'"
        found = connection.execute(query).fetchall()
    assert found == []


@pytest.mark.postgresql_only
def test_a_console_is_restored_into_a_database_server(
    website, backed_up, restored, entered, home, empty_database, lastgood, vault, settings
):
    run_id = active(website, RunType.CAPTURE, RunState.RUNNING).id
    db.session.commit()
    backed_up()

    restored(home, database_url=empty_database)

    assert not (home / "lastgood.db").exists()
    with entered(home, empty_database):
        assert db.engine.dialect.name == "postgresql"
        assert db.session.get_one(Run, run_id).error_code == "console_restored"
        assert audit_chain.verify(INSTALLATION_CHAIN).ok
    again = lastgood(
        "console", "restore", vault, "--master-key-file", settings.master_key_file,
        home=home, database_url=empty_database,
    )  # fmt: skip
    assert again.code == 4
    assert "not empty" in again.err


@pytest.fixture
def apart(server, monkeypatch):
    """The address of an empty database for a role that does not own its tables."""
    for role in ("restored_owner", "restored_app"):
        server.execute(f"CREATE ROLE {role} LOGIN")
    server.execute("CREATE DATABASE apart OWNER restored_owner TEMPLATE template0")
    url = server.url("apart")
    owner = url.replace("postgres@", "restored_owner@")
    monkeypatch.setenv("LASTGOOD_DATABASE_OWNER_URL", owner)
    yield url.replace("postgres@", "restored_app@")
    server.drop("apart")
    for role in ("restored_owner", "restored_app"):
        server.execute(f"DROP ROLE {role}")


@pytest.mark.sqlite_only
def test_tables_that_belong_to_another_role_are_made_by_that_role(
    people, context, backed_up, restored, entered, home, apart
):
    backed_up()

    restored(home, database_url=apart)

    with entered(home, apart):
        assert factories.tenant_called("acme").name == "Acme"
        assert audit_chain.verify(INSTALLATION_CHAIN).ok
