"""Which acts wait for a second person, and who that can be."""

from __future__ import annotations

from uuid import UUID

import pytest

from webapp.domain.actors import Actor
from webapp.domain.acts import Act, RequestState, may_be_same
from webapp.domain.permissions import Permission
from webapp.domain.tenants import TwoPeople

ANNA, BEN = UUID(int=1), UUID(int=2)


def person(user_id: UUID | None, login: str = "") -> Actor:
    return Actor(label="x", user_id=user_id, login=login)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (person(ANNA), person(BEN), False),
        (person(ANNA), person(ANNA), True),
        (person(ANNA), person(ANNA, "root@a"), True),
        (person(ANNA, "anna@a"), person(BEN, "ben@a"), False),
        (person(ANNA, "root@a"), person(BEN, "root@a"), True),
        (person(ANNA, "root@a"), person(BEN, "root@b"), False),
        (person(ANNA), person(BEN, "root@a"), False),
        (person(None, "root@a"), person(BEN), True),
        (person(ANNA), person(None, "root@a"), True),
        (person(None), person(None), True),
    ],
    ids=[
        "two on pages", "one on pages", "one on a page and in a shell", "two logins",
        "one login for two", "two machines", "page and shell", "nobody named asked",
        "nobody named decides", "nobody named at all",
    ],
)  # fmt: skip
def test_two_people_are_two_as_far_as_it_can_be_known(one, other, same):
    assert may_be_same(one, other) is same
    assert may_be_same(other, one) is same


@pytest.mark.parametrize(
    ("choice", "demanded"),
    [
        (
            TwoPeople.LOWER_RETENTION,
            {Act.CHANGE_SCHEDULE, Act.CHANGE_RULES, Act.DELETE_SET, Act.UNPIN_SET,
             Act.RELEASE_SET, Act.FREE_MOST},
        ),
        (TwoPeople.DELETE_SOURCE, {Act.REMOVE_SOURCE}),
        (TwoPeople.EXPORT_KEYS, {Act.TAKE_SHEET}),
        (TwoPeople.LIVE_RESTORE, set()),
    ],
)  # fmt: skip
def test_each_choice_demands_its_acts_and_that_it_is_not_dropped_alone(choice, demanded):
    assert {act for act in Act if act.is_demanded([choice])} == demanded | {Act.DROP_RULE}


def test_a_tenant_that_chose_nothing_demands_nothing():
    assert [act for act in Act if act.is_demanded([])] == []


def test_keys_and_the_choice_itself_are_for_admins_all_else_for_managers():
    for_admins = {act for act in Act if act.permission is Permission.ADMINISTER}

    assert for_admins == {Act.TAKE_SHEET, Act.DROP_RULE}
    assert {act.permission for act in set(Act) - for_admins} == {Permission.MANAGE}


def test_every_act_and_every_choice_has_words():
    assert all(act.label for act in Act)
    assert all(choice.label for choice in TwoPeople)


def test_two_states_are_open():
    assert {state for state in RequestState if state.is_open} == {
        RequestState.WAITING,
        RequestState.APPROVED,
    }
