"""Every interleaving of writers and prunes: no snapshot ever lacks a chunk. And each rule is
needed: without it, some interleaving loses data."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.vault.protocol.cases import LARGE, MEETINGS, without
from tests.vault.protocol.explorer import explore
from tests.vault.protocol.world import Rules

PRUNE, FRESH = "a writer, a prune and a later run", "two that compact the index, and a writer"
DELETES, SLOW = "a slow prune and two that delete", "a slow prune, a writer and one that deletes"
REVOKE, DIES = "two that revoke, a writer and a prune", "a writer that may die, a sweep and a prune"
LOSES = {
    "writer_looks_again": PRUNE,
    "writer_shuns_condemned": PRUNE,
    "writer_lists_condemned_first": PRUNE,
    "pending_before_looking": PRUNE,
    "pending_until_final": PRUNE,
    "pending_is_a_root": PRUNE,
    "pending_listed_before_finals": PRUNE,
    "rescue_before_deleting": PRUNE,
    "rescue_by_copying": PRUNE,
    "old_condemned_listed_first": PRUNE,
    "marks_removed_last": PRUNE,
    "condemned_listed_before_packs": DELETES,
    "only_old_condemned_deleted": SLOW,
    "writer_heeds_revocation": REVOKE,
    "revoked_before_dropping": REVOKE,
    "second_look": REVOKE,
    "whole_before_unrevoking": REVOKE,
    "the_dead_are_revoked_too": DIES,
    "new_index_before_old_goes": FRESH,
    "index_listed_before_packs": FRESH,
    "copies_are_listed": FRESH,
}
# These spare readers, writers and later runs a detour. What keeps data is the rescue before a
# delete, and that a writer looks again.
FOR_COST = {
    "copies_before_condemning",
    "rescue_after_condemning",
    "lost_is_read_again",
    "unfinished_are_spared",
}


@pytest.mark.parametrize("meeting", MEETINGS)
def test_no_interleaving_loses_anything(meeting):
    outcome = explore(*MEETINGS[meeting])

    assert outcome.problem == "", "\n".join(outcome.steps)
    assert outcome.states > 3_000


@pytest.mark.parametrize("rule", LOSES)
def test_some_interleaving_loses_data_without(rule):
    outcome = explore(*without(MEETINGS[LOSES[rule]], rule))

    assert outcome.problem


def test_every_rule_was_taken_away_once():
    assert {field.name for field in fields(Rules)} == LOSES.keys() | FOR_COST


@pytest.mark.parametrize("rule", sorted(FOR_COST))
def test_what_only_saves_work_loses_nothing_when_left_out(rule):
    assert explore(*without(MEETINGS[PRUNE], rule)).problem == ""


def test_without_any_rescue_a_lone_writer_loses_data():
    both = ("rescue_after_condemning", "rescue_before_deleting")

    assert explore(*without(MEETINGS[PRUNE], *both)).problem


@pytest.mark.torture_long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("meeting", LARGE)
def test_no_interleaving_of_many_loses_anything(meeting):
    outcome = explore(*LARGE[meeting])

    assert outcome.problem == "", "\n".join(outcome.steps)
