"""What one person asks for and another approves: nothing before, exactly that, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text, update

from tests import factories
from webapp import clock
from webapp.domain.acts import Act, RequestState
from webapp.domain.permissions import Permission, Role
from webapp.domain.tenants import TwoPeople
from webapp.errors import Conflict, Forbidden, Invalid, Refused, Waiting
from webapp.extensions import db
from webapp.models import (
    ActRequest,
    AuditEntry,
    BackupSchedule,
    BackupSet,
    ChannelMessage,
    Membership,
    Notification,
    Source,
    Tenant,
    User,
    VaultRecord,
)
from webapp.services import access as gate
from webapp.services import (
    audit_chain,
    recovery_sheets,
    retention,
    schedules,
    sets,
    sources,
    template_work,
    tenants,
    ticking,
    work,
)
from webapp.services import schedule_templates as templates
from webapp.services import template_previews as previews
from webapp.services.notify import bell
from webapp.services.second_person import carrying, deciding, looking

ALL = [str(act) for act in TwoPeople]


@pytest.fixture
def acme(people, context) -> Tenant:
    """Demands two people for everything; Alice and Ada manage it, Root and Rita are admins."""
    tenant = factories.tenant_called("acme")
    tenant.needs_two_people = ALL
    for name in ("ada", "rita"):
        db.session.add(User(email=f"{name}@example.com", created_at=clock.now()))
    db.session.flush()
    factories.user_called("rita").is_msp_admin = True
    ada = Membership(
        tenant_id=tenant.id, user_id=factories.user_called("ada").id, role=Role.MANAGER
    )
    db.session.add(ada)
    db.session.commit()
    return tenant


@pytest.fixture
def points(acme) -> list[BackupSet]:
    """Two sets of one source, the newer one first."""
    source = factories.source(acme, name="website")
    made = [
        factories.backup_set(factories.run(source, queued_at=clock.now() - timedelta(days=ago)))
        for ago in (1, 2)
    ]
    db.session.commit()
    return made


@pytest.fixture
def nightly(acme) -> BackupSchedule:
    made = factories.schedule(factories.source(acme, name="shop"), name="nightly")
    db.session.commit()
    return made


@pytest.fixture
def vault(acme) -> VaultRecord:
    made = VaultRecord(
        tenant_id=acme.id, location=str(acme.id), vault_id="v", created_at=clock.now()
    )
    db.session.add(made)
    db.session.commit()
    return made


def asked(act: Callable[[], object]) -> UUID:
    """The id of the request that *act* was turned into."""
    with pytest.raises(Waiting) as waiting:
        act()
    db.session.rollback()
    return waiting.value.request_id


def now_is(row):
    db.session.rollback()
    return db.session.get_one(type(row), row.id, populate_existing=True)


def request(request_id: UUID) -> ActRequest:
    db.session.rollback()
    return db.session.get_one(ActRequest, request_id, populate_existing=True)


def acts() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.seq)))


@pytest.fixture
def delete(enter, points) -> Callable[..., UUID]:
    """Somebody asks for the deletion of the older set; the request's id."""

    def delete(name: str = "alice", *, reason: str = "no longer needed") -> UUID:
        old = points[1].id
        return asked(lambda: retention.delete(enter(name), old, reason=reason))

    return delete


def test_nothing_happens_before_the_second_person(delete, points):
    request_id = delete()

    assert now_is(points[1]).deleted_at is None
    kept = request(request_id)
    assert (kept.state, kept.requested_by) == (RequestState.WAITING, "alice@example.com")
    assert kept.subject == f"set:{points[1].id}"
    assert acts().count("request.made") == 1
    assert "set.deleted" not in acts()


def test_approval_does_it_in_the_name_of_who_asked(delete, points, enter, acme):
    request_id = delete()

    deciding.approve(enter("ada"), request_id, reason="agreed")

    done = request(request_id)
    assert (done.state, done.decided_by) == (RequestState.DONE, "ada@example.com")
    assert done.executed_at is not None
    assert now_is(points[1]).deleted_by_rule == "Deleted by alice@example.com: no longer needed"
    assert acts()[-2:] == ["request.approved", "set.deleted"]
    assert audit_chain.verify(acme.id).ok


def test_nobody_approves_what_they_asked_for(delete, points, enter):
    request_id = delete()

    with pytest.raises(Refused) as own:
        deciding.approve(enter("alice"), request_id)

    assert own.value.code == "own_request"
    assert now_is(points[1]).deleted_at is None


def at_shell(access, login: str):
    return replace(access, actor=replace(access.actor, login=login))


def test_one_login_is_one_human_whatever_names_it_gives(points, enter):
    alice, ada = at_shell(enter("alice"), "root@host"), at_shell(enter("ada"), "root@host")
    old = points[1].id
    request_id = asked(lambda: retention.delete(alice, old, reason="x"))

    with pytest.raises(Refused) as same:
        deciding.approve(ada, request_id)
    db.session.rollback()
    deciding.approve(at_shell(enter("ada"), "ada@host"), request_id)

    assert same.value.code == "own_request"
    assert request(request_id).state is RequestState.DONE


def test_a_command_line_without_a_name_neither_asks_nor_decides(delete, points, enter):
    old = points[1].id
    with pytest.raises(Refused) as asks:
        retention.delete(enter(), old, reason="x")
    db.session.rollback()
    request_id = delete()
    with pytest.raises(Refused) as decides:
        deciding.approve(enter(), request_id)

    assert {asks.value.code, decides.value.code} == {"nobody_named"}


@pytest.mark.parametrize("name", ["olga", "pete", "bob", "audrey"])
def test_smaller_roles_do_not_decide(delete, enter, name):
    request_id = delete()

    for decide in (deciding.approve, deciding.reject):
        with pytest.raises(Forbidden):
            decide(enter(name), request_id, reason="x")
        db.session.rollback()


def test_another_tenants_manager_is_told_nothing(delete, enter):
    request_id = delete()
    charlie = enter("charlie", tenant="globex", to=Permission.MANAGE)

    for look in (looking.find, deciding.approve, deciding.withdraw):
        with pytest.raises(Forbidden) as theirs:
            look(charlie, request_id)
        db.session.rollback()
        with pytest.raises(Forbidden) as nothing:
            look(charlie, uuid4())
        assert str(theirs.value) == str(nothing.value)


def test_what_changed_since_is_not_done_and_the_request_is_over(delete, points, enter):
    request_id = delete()
    retention.hold(enter("ada"), points[1].id, reason="case 4711")

    with pytest.raises(Conflict):
        deciding.approve(enter("ada"), request_id)

    assert now_is(points[1]).deleted_at is None
    assert request(request_id).state is RequestState.WAITING  # a hold may be released again


def test_a_set_that_was_pinned_since_is_asked_for_anew(delete, points, enter):
    request_id = delete()
    sets.pin(enter("ada"), points[1].id, pinned=True)
    asked(lambda: sets.pin(enter("alice"), points[1].id, pinned=False))

    with pytest.raises(Conflict):
        deciding.approve(enter("ada"), request_id)

    assert now_is(points[1]).deleted_at is None


def test_a_set_that_is_gone_by_then_closes_the_request(delete, points, enter):
    request_id = delete()
    db.session.execute(
        update(BackupSet).where(BackupSet.id == points[1].id).values(deleted_at=clock.now())
    )
    db.session.commit()

    with pytest.raises(Conflict, match="since"):
        deciding.approve(enter("ada"), request_id)

    assert request(request_id).state is RequestState.STALE
    assert "request.out_of_date" in acts()


@pytest.mark.parametrize(
    "change",
    [
        'parameters = \'{"reason": "harmless"}\'',
        "subject = 'set:00000000-0000-0000-0000-000000000001'",
        "lines = '[\"Nothing much.\"]'",
        "requested_login = 'somebody@else'",
        "subject_state = 'pinned True'",
    ],
)
def test_a_row_that_somebody_changed_is_not_carried_out(delete, points, enter, change):
    request_id = delete()
    db.session.execute(text(f"UPDATE act_requests SET {change}"))
    db.session.commit()

    with pytest.raises(Refused) as refused:
        deciding.approve(enter("ada"), request_id)

    assert refused.value.code == "request_changed"
    assert now_is(points[1]).deleted_at is None


def test_the_decider_approves_what_they_looked_at_and_nothing_else(delete, enter, points):
    seen = request(delete()).digest
    anew = delete(reason="another reason")

    with pytest.raises(Conflict, match="asked anew"):
        deciding.approve(enter("ada"), anew, digest=seen)

    assert now_is(points[1]).deleted_at is None


def test_asking_again_is_the_same_request_and_asking_otherwise_replaces_it(delete):
    first, same, other = delete(), delete(), delete(reason="another reason")

    assert first == same != other
    assert request(first).state is RequestState.WITHDRAWN
    assert request(other).state is RequestState.WAITING


def test_what_somebody_else_asked_for_is_pointed_at(delete, enter):
    first = delete()

    assert delete("ada", reason="mine") == first
    assert request(first).requested_by == "alice@example.com"


def test_a_rejected_request_is_over(delete, points, enter):
    request_id = delete()
    with pytest.raises(Invalid):
        deciding.reject(enter("ada"), request_id, reason=" ")
    db.session.rollback()

    deciding.reject(enter("ada"), request_id, reason="we need it")

    assert request(request_id).state is RequestState.REJECTED
    with pytest.raises(Conflict):
        deciding.approve(enter("ada"), request_id)
    assert now_is(points[1]).deleted_at is None
    assert "request.rejected" in acts()


def test_only_who_asked_takes_it_back(delete, enter):
    request_id = delete()
    with pytest.raises(Refused):
        deciding.withdraw(enter("ada"), request_id)
    db.session.rollback()

    deciding.withdraw(enter("alice"), request_id)

    assert request(request_id).state is RequestState.WITHDRAWN
    with pytest.raises(Conflict):
        deciding.approve(enter("ada"), request_id)


def later(request_id: UUID, **by: float) -> None:
    """As if it had been asked for so much earlier."""
    one = request(request_id)
    one.expires_at -= timedelta(**by)
    db.session.commit()


def test_its_time_is_over_also_before_the_scheduler_says_so(delete, enter, points):
    request_id = delete()
    later(request_id, days=7)

    with pytest.raises(Conflict, match="time is over"):
        deciding.approve(enter("ada"), request_id)
    db.session.rollback()

    assert looking.waiting(enter("ada")) == []
    assert [row.request.id for row in looking.ended(enter("ada"))] == [request_id]
    assert now_is(points[1]).deleted_at is None


def test_the_scheduler_closes_what_nobody_decided_and_says_so(delete, enter):
    request_id = delete()
    later(request_id, days=7)

    ticking.expire_requests(clock.now())

    assert request(request_id).state is RequestState.EXPIRED
    assert acts()[-1] == "request.expired"
    assert "Nobody decided in time" in _told("alice")[0]
    assert ticking.expire_requests in ticking.STEPS


def test_one_that_ran_out_does_not_stand_in_the_way_of_a_new_one(delete):
    first = delete()
    later(first, days=7)

    second = delete("ada")

    assert request(first).state is RequestState.EXPIRED
    assert request(second).requested_by == "ada@example.com"


def test_whoever_lost_the_right_since_gets_nothing_done(delete, enter, points):
    request_id = delete()
    alice = factories.user_called("alice")
    db.session.execute(
        update(Membership).where(Membership.user_id == alice.id).values(role=Role.VIEWER)
    )
    db.session.commit()

    with pytest.raises(Conflict, match="may no longer"):
        deciding.approve(enter("ada"), request_id)

    assert now_is(points[1]).deleted_at is None
    assert request(request_id).state is RequestState.WAITING


def _told(name: str) -> list[str]:
    """What waits to be read behind somebody's bell about requests, newest first."""
    db.session.rollback()
    lines = db.session.scalars(
        select(Notification)
        .where(Notification.type == bell.REQUEST, Notification.read_at.is_(None))
        .where(Notification.user_id == factories.user_called(name).id)
        .order_by(Notification.id.desc())
    )
    return [line.payload["message"] for line in lines]


def test_those_who_may_decide_are_told_and_nobody_else(delete):
    delete()

    for name in ("ada", "root", "rita"):
        assert _told(name) == ["alice@example.com asks to delete a restore point: website, set."]
    assert [_told(name) for name in ("alice", "olga", "bob", "charlie")] == [[], [], [], []]


def test_of_keys_only_admins_are_told(vault, enter):
    asked(lambda: recovery_sheets.take(enter("root"), at=clock.now()))

    assert len(_told("rita")) == 1
    assert [_told(name) for name in ("root", "alice", "ada")] == [[], [], []]


def test_once_decided_who_asked_is_told_and_the_others_need_not_look(delete, enter):
    deciding.approve(enter("ada"), delete())

    assert "ada@example.com approved it, and it is done" in _told("alice")[0]
    assert [_told(name) for name in ("ada", "root", "rita")] == [[], [], []]


def test_channels_that_want_alerts_at_once_get_it_and_no_other(delete, acme):
    silent, loud = factories.channel(acme), factories.channel(acme)
    loud.rules = {**loud.rules, "alerts": "at_once"}
    db.session.commit()

    delete()

    sent = db.session.scalars(select(ChannelMessage)).all()
    assert [one.channel_id for one in sent] == [loud.id]
    assert "no longer needed" in sent[0].body
    assert silent.id != loud.id


def test_the_count_is_of_what_this_very_person_may_decide(delete, vault, enter):
    delete()
    asked(lambda: recovery_sheets.take(enter("root"), at=clock.now()))

    counts = {n: looking.count(enter(n)) for n in ("alice", "ada", "olga", "bob", "root", "rita")}

    assert counts == {"alice": 0, "ada": 1, "olga": 0, "bob": 0, "root": 1, "rita": 2}


# Each act by its own service: what asks for it, and whether it was done.


def _lower_schedule(enter, nightly) -> None:
    draft = replace(schedules.draft_of(nightly), retention_keep_last=7, name="thin")
    schedules.edit(enter("alice"), nightly.id, draft, version=nightly.version)


def test_a_schedule_that_keeps_less_waits_whole(nightly, enter):
    request_id = asked(lambda: _lower_schedule(enter, nightly))
    before = now_is(nightly)
    assert (before.retention_keep_last, before.name) == (30, "nightly")
    assert request(request_id).lines == [
        "It keeps the last 7 instead of the last 30.",
        "It also changes its name.",
    ]

    deciding.approve(enter("ada"), request_id)

    after = now_is(nightly)
    assert (after.retention_keep_last, after.name, after.version) == (7, "thin", 2)


def test_a_schedule_that_somebody_edited_since_is_asked_for_anew(nightly, enter):
    request_id = asked(lambda: _lower_schedule(enter, nightly))
    draft = replace(schedules.draft_of(now_is(nightly)), time_of_day="05:00")
    schedules.edit(enter("ada"), nightly.id, draft, version=1)

    with pytest.raises(Conflict, match="changed since"):
        deciding.approve(enter("ada"), request_id)

    assert now_is(nightly).retention_keep_last == 30
    assert request(request_id).state is RequestState.STALE


def test_an_archived_schedule_is_not_changed_any_more(nightly, enter):
    request_id = asked(lambda: _lower_schedule(enter, nightly))
    schedules.archive(enter("ada"), nightly.id)

    with pytest.raises(Conflict):
        deciding.approve(enter("ada"), request_id)

    assert now_is(nightly).retention_keep_last == 30


def test_a_schedule_that_keeps_as_much_is_changed_by_one(nightly, enter):
    draft = replace(schedules.draft_of(nightly), retention_keep_last=31, time_of_day="05:00")

    schedules.edit(enter("alice"), nightly.id, draft, version=1)

    assert now_is(nightly).retention_keep_last == 31


def test_a_template_that_lowers_asks_for_each_schedule(nightly, enter, acme, rings):
    rita = gate.actor_called("rita@example.com")
    draft = replace(schedules.draft_of(nightly), name="Thin", retention_keep_last=3)
    thin = templates.add(rita, draft)
    nightly.template_id = thin.id
    db.session.commit()
    preview = previews.of(rita, thin, [nightly.source_id])
    template_work.apply(rita, thin.id, [nightly.source_id], digest=preview.digest, reason="save")

    work.carry_out(UUID(rings.pop()), owner="test")

    assert now_is(nightly).retention_keep_last == 30
    waiting = looking.waiting(enter("alice"))
    assert [row.request.act for row in waiting] == [Act.CHANGE_SCHEDULE]
    assert waiting[0].request.requested_by == "rita@example.com"


def test_rules_of_hand_made_sets_wait(acme, enter):
    request_id = asked(lambda: retention.choose(enter("alice"), hand_days=30, pre_restore_days=30))
    assert retention.own_rules(now_is(acme)).hand_days is None

    deciding.approve(enter("ada"), request_id)

    assert retention.own_rules(now_is(acme)).hand_days == 30


def test_rules_that_changed_since_are_asked_for_anew(acme, enter):
    request_id = asked(lambda: retention.choose(enter("alice"), hand_days=90, pre_restore_days=30))
    retention.choose(enter("ada"), hand_days=None, pre_restore_days=60)

    with pytest.raises(Conflict, match="changed since"):
        deciding.approve(enter("ada"), request_id)

    assert retention.own_rules(now_is(acme)).pre_restore_days == 60


@pytest.mark.parametrize("act", ["unpin", "release"])
def test_what_keeps_a_set_is_not_taken_away_alone(points, enter, act):
    old = points[1].id
    sets.pin(enter("alice"), old, pinned=True)
    retention.hold(enter("alice"), old, reason="case 4711")

    def lift() -> None:
        if act == "unpin":
            sets.pin(enter("alice"), old, pinned=False)
        else:
            retention.release(enter("alice"), old, reason="settled")

    request_id = asked(lift)
    before = now_is(points[1])
    assert (before.pinned, before.on_hold) == (True, "case 4711")
    deciding.approve(enter("ada"), request_id)

    after = now_is(points[1])
    assert (after.pinned, after.on_hold) == ((False, "case 4711") if act == "unpin" else (True, ""))


def test_pinning_and_holding_take_one(points, enter):
    sets.pin(enter("alice"), points[1].id, pinned=True)
    retention.hold(enter("alice"), points[1].id, reason="case 4711")

    assert now_is(points[1]).pinned


def test_freeing_most_of_a_vault_waits_and_a_usual_clean_up_does_not(vault, enter, rings):
    request_id = asked(lambda: retention.purge(enter("alice"), may_free_most=True))
    assert rings == []

    deciding.approve(enter("ada"), request_id)
    assert len(rings) == 1
    rings.clear()
    db.session.execute(text("UPDATE runs SET status = 'failed'"))
    db.session.commit()
    retention.purge(enter("alice"))

    assert len(rings) == 1


def test_a_clean_up_under_way_is_not_taken_for_the_approved_one(vault, enter):
    request_id = asked(lambda: retention.purge(enter("alice"), may_free_most=True))
    retention.purge(enter("olga"))

    with pytest.raises(Conflict, match="under way"):
        deciding.approve(enter("ada"), request_id)

    assert request(request_id).state is RequestState.WAITING


def test_a_source_is_not_removed_alone(nightly, enter):
    source_id = nightly.source_id
    request_id = asked(lambda: sources.remove(enter("alice"), source_id, "moved"))
    assert sources.find(enter(), source_id).removed_at is None

    deciding.approve(enter("ada"), request_id)

    assert db.session.get_one(Source, source_id).removed_at is not None
    assert now_is(nightly).archived_at is not None


def test_a_source_that_was_changed_since_stays(nightly, enter):
    source_id = nightly.source_id
    request_id = asked(lambda: sources.remove(enter("alice"), source_id, "moved"))
    source = sources.find(enter(), source_id)
    sources.edit(enter("ada"), source_id, name="shop, kept", config=dict(source.config))

    with pytest.raises(Conflict, match="changed since"):
        deciding.approve(enter("ada"), request_id)

    assert sources.find(enter(), source_id).removed_at is None


def test_the_sheet_is_shown_to_who_asked_once(vault, enter):
    request_id = asked(lambda: recovery_sheets.take(enter("root"), at=clock.now()))
    deciding.approve(enter("rita"), request_id)
    assert now_is(vault).recovery_sheet_at is None

    sheet = recovery_sheets.take(enter("root"), at=clock.now())

    assert len(sheet.key) == 64
    assert request(request_id).state is RequestState.DONE
    assert asked(lambda: recovery_sheets.take(enter("root"), at=clock.now())) != request_id


def test_the_sheet_that_was_approved_for_one_is_not_for_another(vault, enter):
    deciding.approve(
        enter("rita"), asked(lambda: recovery_sheets.take(enter("root"), at=clock.now()))
    )

    asked(lambda: recovery_sheets.take(enter("rita"), at=clock.now()))


def test_the_sheet_is_not_shown_after_a_day(vault, enter):
    request_id = asked(lambda: recovery_sheets.take(enter("root"), at=clock.now()))
    deciding.approve(enter("rita"), request_id)
    later(request_id, hours=24)

    assert asked(lambda: recovery_sheets.take(enter("root"), at=clock.now())) != request_id


def test_the_choice_for_two_people_is_not_dropped_alone(acme, enter):
    facts = tenants.Facts(name="Acme Ltd", needs_two_people=(TwoPeople.LIVE_RESTORE,))
    request_id = asked(lambda: tenants.edit(enter("root"), facts))
    before = now_is(acme)
    assert (before.name, before.needs_two_people) == ("Acme Ltd", ALL)

    deciding.approve(enter("rita"), request_id)

    assert now_is(acme).needs_two_people == ["live_restore"]


def test_one_more_choice_takes_one(people, enter):
    tenant = factories.tenant_called("acme")

    tenants.edit(enter("root"), tenants.Facts(name="Acme", needs_two_people=tuple(TwoPeople)))

    assert now_is(tenant).needs_two_people == ALL


def test_a_choice_dropped_and_another_made_keeps_both_until_it_is_approved(acme, enter):
    acme.needs_two_people = ["delete_source"]
    db.session.commit()

    wanted = tenants.Facts(name="Acme", needs_two_people=(TwoPeople.EXPORT_KEYS,))
    asked(lambda: tenants.edit(enter("root"), wanted))

    assert now_is(acme).needs_two_people == ["delete_source", "export_keys"]


def test_where_nothing_is_demanded_one_person_does_it_all(acme, points, enter):
    acme.needs_two_people = []
    db.session.commit()

    retention.delete(enter("alice"), points[1].id, reason="x")

    assert now_is(points[1]).deleted_at is not None
    assert db.session.scalars(select(ActRequest)).all() == []


def test_every_act_has_its_way_but_the_one_that_is_collected():
    assert {act for act in Act if not act.is_collected} == set(carrying.WAYS)
