"""Limits, pauses, windows, quotas and use on their pages."""

from __future__ import annotations

import csv
from datetime import date

import pytest
from sqlalchemy import event, select

from tests import factories
from webapp import clock
from webapp.extensions import db
from webapp.models import AuditEntry, Limit, Tenant, UsageSample, VaultRecord

OWN = "/t/acme/limits"
NIGHT = {"window-0-days": ["1", "2"], "window-0-from": "22:00", "window-0-to": "06:00"}
PAUSE = {"until": "2999-01-01T08:00", "reason": "moving the servers"}


def rows(app) -> list[Limit]:
    with app.app_context():
        return list(db.session.scalars(select(Limit)))


def use(app, slug: str, day: date, **facts: int) -> None:
    with app.app_context():
        tenant = factories.tenant_called(slug)
        db.session.add(UsageSample(tenant_id=tenant.id, day=day, **facts))
        db.session.commit()


def store(app, stored_bytes: int, quota: int) -> None:
    with app.app_context():
        tenant = factories.tenant_called("acme")
        tenant.quota_bytes = quota
        db.session.add(
            VaultRecord(
                tenant_id=tenant.id, location="x", vault_id="0", stored_bytes=stored_bytes,
                created_at=clock.now(),
            )
        )  # fmt: skip
        db.session.commit()


def test_whoever_may_look_sees_what_holds_and_changes_nothing(cast):
    cast.alice.post(f"{OWN}/tenant/edit", data={"bandwidth": "10 MB", **NIGHT})

    text = cast.bob.get(OWN).text

    assert "10 MB a second" in text
    assert "Mon, Tue 22:00–06:00" in text
    assert "/limits/tenant/edit" not in text
    assert 'name="quota"' not in text


def test_a_manager_sets_limits_and_finds_them_in_the_form(app, cast):
    response = cast.alice.post(f"{OWN}/tenant/edit", data={"bandwidth": "1.5 MB", **NIGHT})
    text = cast.alice.get(f"{OWN}/tenant/edit").text

    assert response.location.endswith(OWN)
    assert rows(app)[0].bytes_per_second == 1_500_000
    assert 'value="1.5 MB"' in text
    assert 'value="22:00"' in text
    assert 'name="most_running"' not in text


def test_an_msp_admin_says_how_many_runs_and_the_manager_reads_it(app, cast):
    cast.root.post(f"{OWN}/tenant/edit", data={"most_running": "2"})
    cast.alice.post(f"{OWN}/tenant/edit", data={"most_running": "50", "bandwidth": "10 MB"})

    assert rows(app)[0].most_running == 2
    assert "2 runs at once, as your MSP" in cast.alice.get(f"{OWN}/tenant/edit").text


def test_what_was_typed_wrongly_stays_with_a_sentence_beside_it(app, cast):
    data = {
        "bandwidth": "quick", "window-0-days": ["3"], "window-0-from": "22:00", "window-0-to": "",
    }  # fmt: skip

    response = cast.alice.post(f"{OWN}/tenant/edit", data=data)

    assert response.status_code == 422
    assert 'value="quick"' in response.text
    assert "number with its unit" in response.text
    assert "Write both times" in response.text
    assert 'id="window-0-3" name="window-0-days" value="3" checked' in response.text
    assert rows(app) == []


def test_the_second_of_two_people_is_told_and_keeps_what_was_typed(app, cast):
    seen = cast.alice.get(f"{OWN}/tenant/edit").text.split('name="seen" value="')[1][:16]
    cast.root.post(f"{OWN}/tenant/edit", data={"bandwidth": "5 MB", "seen": seen})

    late = cast.alice.post(f"{OWN}/tenant/edit", data={"bandwidth": "7 MB", "seen": seen})
    mark = late.text.split('name="seen" value="')[1][:16]
    again = cast.alice.post(f"{OWN}/tenant/edit", data={"bandwidth": "7 MB", "seen": mark})

    assert late.status_code == 409
    assert "Somebody else changed" in late.text
    assert 'value="7 MB"' in late.text
    assert again.status_code == 303
    assert rows(app)[0].bytes_per_second == 7_000_000


def test_a_host_has_limits_of_its_own(app, cast):
    with app.app_context():
        factories.source(factories.tenant_called("acme"), host="db 1")
        db.session.commit()

    cast.alice.post(f"{OWN}/host/edit?host=db+1", data={"most_running": "1"})
    cast.alice.post(f"{OWN}/host/pause", data=PAUSE)
    text = cast.bob.get(OWN).text

    assert sorted(row.subject.partition("/")[2] for row in rows(app)) == ["", "db 1"]
    assert "The host db 1" in text
    assert "1 run at once" in text


def test_a_host_of_which_nobody_knows_is_refused(cast):
    assert cast.alice.get(f"{OWN}/host/edit?host=elsewhere").status_code == 422


def test_a_pause_says_until_when_and_why_and_ends(app, cast):
    cast.alice.post(f"{OWN}/tenant/pause", data=PAUSE)
    paused = cast.bob.get(OWN).text
    cast.alice.post(f"{OWN}/tenant/resume")

    assert "Paused" in paused
    assert "moving the servers" in paused
    assert "Paused</span>" not in cast.bob.get(OWN).text
    assert rows(app) == []


def test_a_pause_without_an_end_needs_a_tick_and_a_reason(cast):
    wrong = cast.alice.post(f"{OWN}/tenant/pause", data={"reason": "works"})
    cast.alice.post(f"{OWN}/tenant/pause", data={"open_end": "1", "reason": "works"})

    assert wrong.status_code == 422
    assert 'value="works"' in wrong.text
    assert "until somebody ends it" in cast.bob.get(OWN).text


def test_limits_are_lifted_by_one_button(app, cast):
    cast.alice.post(f"{OWN}/tenant/edit", data={"bandwidth": "5 MB"})
    assert f"{OWN}/tenant/clear" in cast.alice.get(OWN).text

    cast.alice.post(f"{OWN}/tenant/clear")

    assert rows(app) == []
    assert f"{OWN}/tenant/clear" not in cast.alice.get(OWN).text


def test_the_installation_is_limited_and_paused_by_msp_admins(app, cast):
    cast.root.post("/limits/edit", data={"most_running": "8"})
    cast.root.post("/limits/pause", data=PAUSE)

    text = cast.root.get("/limits").text
    customers = cast.bob.get(OWN).text

    assert "8 runs at once" in text
    assert "moving the servers" in text
    assert "This installation is paused" in customers
    assert "moving the servers" in customers
    assert rows(app)[0].tenant_id is None


def test_customers_with_limits_are_listed_and_lead_to_their_pages(app, cast):
    store(app, 90 * 10**9, 100 * 10**9)
    cast.alice.post(f"{OWN}/tenant/pause", data=PAUSE)

    text = cast.root.get("/limits").text

    assert 'data-tenant="acme"' in text
    assert 'data-tenant="globex"' not in text
    assert "90 GB of 100 GB" in text
    assert f'href="{OWN}"' in text


def test_a_quota_is_set_shown_and_lifted(app, cast):
    cast.root.post(f"{OWN}/quota", data={"quota": "500 GB"})
    shown = cast.bob.get(OWN).text
    wrong = cast.root.post(f"{OWN}/quota", data={"quota": "plenty"})
    cast.root.post(f"{OWN}/quota", data={"quota": ""})

    with app.app_context():
        assert factories.tenant_called("acme").quota_bytes is None
    assert "of 500 GB" in shown
    assert wrong.status_code == 422
    assert 'value="plenty"' in wrong.text


def test_a_quota_that_is_used_up_says_so_and_what_it_means(app, cast, things):
    store(app, 100 * 10**9, 100 * 10**9)

    page = cast.bob.get(OWN).text
    refused = cast.olga.post(f"/t/acme/sources/{things.source}/capture", data={"reason": "x"})

    assert "nothing new is captured" in page
    assert "100 %" in page
    assert refused.status_code == 409
    assert "quota" in refused.text


def test_every_act_is_audited(app, cast):
    cast.alice.post(f"{OWN}/tenant/edit", data={"bandwidth": "5 MB"})
    cast.alice.post(f"{OWN}/tenant/pause", data=PAUSE)
    cast.alice.post(f"{OWN}/tenant/resume")
    cast.root.post(f"{OWN}/quota", data={"quota": "5 GB"})

    with app.app_context():
        query = select(AuditEntry.action).where(AuditEntry.tenant_id.is_not(None))
        found = list(db.session.scalars(query.order_by(AuditEntry.seq)))
    assert found == [
        "limits.changed", "limits.paused", "limits.resumed", "tenant.quota_changed",
    ]  # fmt: skip


def test_the_customers_page_tells_of_a_pause_and_a_quota(app, cast):
    store(app, 85 * 10**9, 100 * 10**9)
    cast.alice.post(f"{OWN}/tenant/pause", data=PAUSE)

    text = cast.bob.get("/t/acme/").text

    assert "moving the servers" in text
    assert "85 %" in text
    assert f'href="{OWN}"' in text


def test_the_use_of_a_month_is_shown_for_all_customers(app, cast):
    use(app, "acme", date(2026, 11, 3), stored_bytes=5 * 10**9)
    use(app, "globex", date(2026, 11, 3), stored_bytes=7 * 10**9)

    text = cast.root.get("/usage?month=2026-11").text

    assert 'data-tenant="acme"' in text
    assert "5 GB" in text
    assert "/usage/2026-11.csv" in text
    assert "month=2026-10" in text
    assert "Nothing is known" in cast.root.get("/usage?month=2026-01").text


def test_a_month_that_is_none_is_refused(cast):
    assert cast.root.get("/usage?month=soon").status_code == 422
    assert cast.root.get("/usage/2026-13.csv").status_code == 422
    assert cast.bob.get("/t/acme/usage/x.csv").status_code == 422


def test_a_customers_csv_holds_that_customer_alone(app, cast):
    for slug in ("acme", "globex"):
        use(app, slug, date(2026, 11, 3), stored_bytes=5)

    answer = cast.bob.get("/t/acme/usage/2026-11.csv")

    (row,) = csv.DictReader(answer.text.splitlines())
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="usage-acme-2026-11.csv"'
    assert (row["tenant"], row["stored_bytes_last"]) == ("acme", "5")


def test_an_msp_admins_csv_holds_all(app, cast):
    for slug in ("acme", "globex"):
        use(app, slug, date(2026, 11, 3))

    found = csv.DictReader(cast.root.get("/usage/2026-11.csv").text.splitlines())

    assert [row["tenant"] for row in found] == ["acme", "globex"]


@pytest.mark.parametrize("address", ["/limits", "/usage?month=2026-11"])
def test_lists_ask_as_often_for_many_as_for_one(app, cast, address):
    def fill(number: int) -> None:
        with app.app_context():
            tenant = Tenant(
                slug=f"t{number:02}", name="T", quota_bytes=10**9, created_at=clock.now()
            )
            db.session.add(tenant)
            db.session.flush()
            db.session.add(UsageSample(tenant_id=tenant.id, day=date(2026, 11, 3)))
            db.session.commit()

    fill(0)
    first = queries_of(app, lambda: cast.root.get(address))
    for number in range(1, 60):
        fill(number)

    text = cast.root.get(address).text
    assert queries_of(app, lambda: cast.root.get(address)) == first
    assert 'data-tenant="t49"' in text
    assert 'data-tenant="t50"' not in text
    assert "after=t49" in text


def queries_of(app, call) -> int:
    seen: list[str] = []

    def note(_conn, _cursor, statement, *_more) -> None:
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    call()
    event.remove(engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("/limits", "Limits"),
        ("/usage", "Limits"),
        (OWN, "Overview"),
        (f"{OWN}/tenant/edit", "Overview"),
    ],
)
def test_each_page_stands_below_a_link(cast, address, link):
    assert f'aria-current="page">{link}</a>' in cast.root.get(address).text
