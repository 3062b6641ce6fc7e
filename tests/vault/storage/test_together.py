"""Several questions at once, and one after the other."""

from __future__ import annotations

import threading

import pytest

from webapp.vault.storage import together
from webapp.vault.storage.memory import MemoryStorage

NAMES = ["packs/a", "packs/b", "packs/c", "packs/d"]


class Far(MemoryStorage):
    parallel_puts = 2


def test_a_storage_far_away_is_asked_for_several_things_at_once_and_answers_in_order():
    meeting = threading.Barrier(len(NAMES), timeout=30)  # broken if they do not all come

    def question(name):
        meeting.wait()
        return name.upper()

    assert [*together.ask(Far(), question, NAMES)] == [name.upper() for name in NAMES]


@pytest.mark.parametrize(("storage", "names"), [(MemoryStorage(), NAMES), (Far(), NAMES[:3])])
def test_a_storage_at_hand_and_few_questions_need_no_threads(storage, names):
    asked_by = [*together.ask(storage, lambda name: threading.current_thread(), names)]

    assert set(asked_by) == {threading.current_thread()}


def test_an_error_of_one_question_is_the_callers():
    def question(name):
        raise LookupError(name)

    with pytest.raises(LookupError, match="packs/a"):
        [*together.ask(Far(), question, NAMES)]
