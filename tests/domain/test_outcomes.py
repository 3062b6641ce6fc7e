"""How runs end."""

from __future__ import annotations

import pytest

from webapp.domain.outcomes import RULES, Counted, judge
from webapp.domain.runs import RunState

CASES = {
    "all done": (Counted(done=5), RunState.SUCCEEDED),
    "nothing to do": (Counted(), RunState.SUCCEEDED),
    "some skipped without fault": (Counted(done=5, skipped=1), RunState.SUCCEEDED),
    "skipped is not done": (Counted(skipped=3), RunState.FAILED),
    "all failed": (Counted(failed=3), RunState.FAILED),
    "failed beside done": (Counted(done=1, failed=1), RunState.PARTIAL),
    "failed beside skipped": (Counted(failed=1, skipped=1), RunState.FAILED),
    "stopped before anything": (Counted(error_code="disk_full"), RunState.FAILED),
    "stopped half way": (Counted(done=2, error_code="disk_full"), RunState.PARTIAL),
    "stopped by the circuit breaker": (
        Counted(done=4, failed=6, error_code="circuit_open"),
        RunState.FAILED,
    ),
    "canceled": (Counted(done=2, canceled=True), RunState.CANCELED),
    "a few files fewer": (Counted(done=95, before=100), RunState.SUCCEEDED),
    "many files fewer": (Counted(done=70, before=100), RunState.PARTIAL),
    "many files fewer, explained": (
        Counted(done=70, before=100, explanation="The old shop is closed."),
        RunState.SUCCEEDED,
    ),
    "many files fewer, explained, one failed": (
        Counted(done=69, failed=1, before=100, explanation="The old shop is closed."),
        RunState.PARTIAL,
    ),
    "half of a handful": (Counted(done=2, before=4), RunState.SUCCEEDED),
    "all files gone": (Counted(done=0, before=4, skipped=1), RunState.FAILED),
    "more files": (Counted(done=300, before=100), RunState.SUCCEEDED),
    "a database fewer": (Counted(done=5, items=1, items_before=2), RunState.PARTIAL),
    "a database more": (Counted(done=5, items=2, items_before=1), RunState.SUCCEEDED),
}


@pytest.mark.parametrize(("counted", "state"), CASES.values(), ids=CASES)
def test_the_end_follows_from_what_was_counted(counted, state):
    assert judge(counted).state is state


def test_every_verdict_names_its_rule():
    rules = {judge(counted).rule for counted, _ in CASES.values()}

    assert all(rule.endswith(".") for rule in rules)
    assert rules == {sentence for _, _, sentence in RULES}
