"""Forms: what was typed becomes facts, or one sentence a field."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from webapp.domain.permissions import Role
from webapp.domain.tenants import TwoPeople
from webapp.errors import Invalid
from webapp.forms.audit import AuditFilter
from webapp.forms.fields import Fields
from webapp.forms.people import InvitationForm
from webapp.forms.sign_in import NewPassword, SignIn
from webapp.forms.tenants import TenantForm


def complaints(act) -> dict[str, str]:
    with pytest.raises(Invalid) as refused:
        act()
    return refused.value.fields


def test_all_complaints_come_at_once_and_one_a_field():
    fields = Fields({"name": "x" * 300, "mail": "nobody"})
    fields.text("name", longest=5)
    fields.text("name", missing="Again.")
    fields.email("mail")

    assert complaints(fields.finish) == {
        "name": "Use at most 5 characters.",
        "mail": "That is not an e-mail address.",
    }


@pytest.mark.parametrize("typed", ["a\nb", "a\x00b", "a\x7fb"])
def test_a_line_has_no_control_characters(typed):
    fields = Fields({"name": typed})
    fields.text("name")

    assert complaints(fields.finish) == {"name": "Write it on one line."}


@pytest.mark.parametrize("typed", ["", "-1", "1.5", "٣", "1e3", "0", "101", "9" * 40])
def test_a_number_is_whole_and_in_its_range(typed):
    fields = Fields({"n": typed})
    fields.whole("n", least=1, most=100)

    assert set(complaints(fields.finish)) == {"n"}


@pytest.mark.parametrize(
    "typed", ["", "a", "a@", "@b", "a b@c", "a@b@c", "<a@b>", "a@b,c@d", "x" * 65 + "@b"]
)
def test_an_address_has_one_at_and_no_blanks(typed):
    assert "email" in complaints(lambda: InvitationForm.parse({"email": typed, "role": "viewer"}))


def test_a_password_is_taken_exactly_as_typed():
    typed = {"email": " Anna@Example.com ", "password": "  spaces  "}

    assert SignIn.parse(typed).password == "  spaces  "


def test_a_password_is_no_part_of_what_is_logged():
    assert "sesame" not in repr(NewPassword.parse({"password": "sesame", "again": "sesame"}))


def test_a_role_beyond_tenants_is_none():
    typed = {"email": "a@example.com", "role": Role.MSP_ADMIN}

    assert set(complaints(lambda: InvitationForm.parse(typed))) == {"role"}


def test_a_target_is_typed_in_hours_or_minutes():
    typed = MultiDict(
        [("name", "Acme"), ("timezone", "UTC"), ("recovery_point", "2"),
         ("recovery_point_unit", "hours"), ("needs_two_people", "live_restore")]
    )  # fmt: skip

    read = TenantForm.parse(typed)

    assert read.recovery_point_minutes == 120
    assert read.needs_two_people == (TwoPeople.LIVE_RESTORE,)


def test_days_are_days():
    assert AuditFilter.parse({"since": "2026-02-28"}).since_on.day == 28
    assert set(complaints(lambda: AuditFilter.parse({"since": "2026-02-30"}))) == {"since"}
