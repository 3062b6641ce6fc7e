"""Signing in: who gets in, who does not, and what neither of them learns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from argon2 import PasswordHasher, Type
from sqlalchemy import func, select

from tests.factories import user_called
from tests.haste import REAL_HASHER
from webapp.errors import Invalid, Throttled
from webapp.extensions import db
from webapp.models import AuditEntry, SignInFailure
from webapp.services import passwords, second_factor, sign_in

PASSWORD = "a rather long sentence"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HERE = {"address": "192.0.2.1", "at": NOW}


@pytest.fixture
def alice(people, context):
    user = user_called("alice")
    user.password_hash = passwords.hash_of(PASSWORD)
    db.session.commit()
    return user


@pytest.fixture
def secret(alice):
    second_factor.begin(alice)
    return second_factor.secret_of(alice)


def code_at(secret: str, at: datetime) -> str:
    return pyotp.TOTP(secret).at(at)


def refusal(email: str, password: str) -> str:
    with pytest.raises(Invalid) as refused:
        sign_in.check_password(email, password, **HERE)
    return str(refused.value)


def failures(subject: str) -> int:
    query = select(func.count()).where(SignInFailure.subject == subject)
    return db.session.scalar(query) or 0


def test_the_right_password_leads_to_the_person(alice):
    assert sign_in.check_password(" Alice@Example.com ", PASSWORD, **HERE).id == alice.id


def test_every_refusal_reads_the_same(alice):
    user_called("olga").is_disabled = True
    user_called("olga").password_hash = passwords.hash_of(PASSWORD)
    db.session.commit()

    answers = {
        refusal("alice@example.com", "wrong"),
        refusal("stranger@example.com", PASSWORD),
        refusal("bob@example.com", PASSWORD),  # invited, no password yet
        refusal("olga@example.com", PASSWORD),  # disabled
    }

    assert len(answers) == 1


def test_an_unknown_account_costs_the_same_work(alice, monkeypatch):
    compared = []
    real = passwords._hasher.verify
    hasher = type("Counting", (), {"hash": passwords._hasher.hash})()
    hasher.verify = lambda stored, typed: compared.append(stored) or real(stored, typed)
    hasher.check_needs_rehash = passwords._hasher.check_needs_rehash
    monkeypatch.setattr(passwords, "_hasher", hasher)

    refusal("alice@example.com", "wrong")
    refusal("stranger@example.com", "wrong")

    known, unknown = (stored.rpartition("$")[0].rpartition("$")[0] for stored in compared)
    assert known == unknown  # the same parameters


def test_a_hash_of_other_parameters_is_renewed(alice):
    alice.password_hash = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(
        PASSWORD
    )
    db.session.commit()

    user = sign_in.check_password("alice@example.com", PASSWORD, **HERE)

    assert not passwords.is_outdated(user.password_hash)
    assert passwords.matches(user.password_hash, PASSWORD)


@pytest.mark.parametrize("email", ["alice@example.com", "stranger@example.com"])
def test_after_five_failures_even_the_right_password_has_to_wait(alice, email):
    for _ in range(5):
        refusal(email, "wrong")

    with pytest.raises(Throttled, match="60 seconds"):
        sign_in.check_password(email, PASSWORD, **HERE)


def test_waiting_helps(alice):
    for _ in range(5):
        refusal("alice@example.com", "wrong")

    later = NOW + timedelta(seconds=61)

    assert sign_in.check_password("alice@example.com", PASSWORD, address="192.0.2.1", at=later)


def test_one_address_cannot_try_many_accounts(alice):
    for number in range(30):
        with pytest.raises(Invalid):
            sign_in.check_password(f"{number}@example.com", "wrong", **HERE)

    with pytest.raises(Throttled):
        sign_in.check_password("alice@example.com", PASSWORD, **HERE)
    assert sign_in.check_password("alice@example.com", PASSWORD, address="192.0.2.2", at=NOW)


def test_a_sign_in_forgives_the_account_and_not_the_address(alice):
    for _ in range(3):
        refusal("alice@example.com", "wrong")

    user = sign_in.check_password("alice@example.com", PASSWORD, **HERE)
    sign_in.complete(user, **HERE)

    assert failures("email:alice@example.com") == 0
    assert failures("address:192.0.2.1") == 3


def test_the_password_alone_does_not_forgive_wrong_codes(alice, secret):
    second_factor.confirm(alice, code_at(secret, NOW), at=NOW)
    for _ in range(4):
        with pytest.raises(Invalid):
            sign_in.check_code(alice, "000000", **HERE)
    sign_in.check_password("alice@example.com", PASSWORD, **HERE)
    with pytest.raises(Invalid):
        sign_in.check_code(alice, "000000", **HERE)

    with pytest.raises(Throttled):
        sign_in.check_password("alice@example.com", PASSWORD, **HERE)


def test_addresses_of_one_ipv6_network_count_as_one(alice):
    for number in range(30):
        with pytest.raises(Invalid):
            sign_in.check_password(
                f"{number}@example.com", "wrong", address=f"2001:db8::{number:x}", at=NOW
            )

    with pytest.raises(Throttled):
        sign_in.check_password("alice@example.com", PASSWORD, address="2001:db8::ffff", at=NOW)


def test_a_code_works_once(alice, secret):
    second_factor.confirm(alice, code_at(secret, NOW), at=NOW)
    later = NOW + timedelta(seconds=60)
    code = code_at(secret, later)

    sign_in.check_code(alice, code, address="192.0.2.1", at=later)

    with pytest.raises(Invalid, match="used before"):
        sign_in.check_code(alice, code, address="192.0.2.1", at=later)


@pytest.mark.parametrize(
    ("seconds", "is_right"), [(-60, False), (-30, True), (0, True), (30, True), (90, False)]
)
def test_a_clock_may_be_off_by_one_step(alice, secret, seconds, is_right):
    code = code_at(secret, NOW + timedelta(seconds=seconds))

    assert second_factor.spend_code(alice, code, at=NOW) is is_right


def test_a_recovery_code_lets_in_once(alice, secret):
    codes = second_factor.confirm(alice, code_at(secret, NOW), at=NOW)

    sign_in.check_code(alice, codes[0].upper(), **HERE)

    with pytest.raises(Invalid):
        sign_in.check_code(alice, codes[0], **HERE)
    assert len(alice.recovery_codes) == 9


def test_neither_secret_nor_recovery_codes_are_stored_readable(alice, secret):
    codes = second_factor.confirm(alice, code_at(secret, NOW), at=NOW)

    stored = f"{alice.totp_sealed} {alice.recovery_codes}"

    assert secret not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


def test_each_try_is_in_the_audit_log(alice):
    refusal("alice@example.com", "wrong")
    refusal("stranger@example.com", "wrong")
    sign_in.complete(sign_in.check_password("alice@example.com", PASSWORD, **HERE), **HERE)

    query = select(AuditEntry).where(AuditEntry.action.like("sign_in.%")).order_by(AuditEntry.seq)
    entries = db.session.scalars(query).all()

    assert [(e.actor, e.action) for e in entries] == [
        ("alice@example.com", "sign_in.failed"),
        ("unknown", "sign_in.failed"),
        ("alice@example.com", "sign_in.succeeded"),
    ]
    assert "stranger" not in str([e.details for e in entries])


def test_a_guess_of_a_password_costs_what_we_promise():
    assert REAL_HASHER.type is Type.ID
    assert REAL_HASHER.time_cost >= 3
    assert REAL_HASHER.memory_cost >= 32 * 1024
